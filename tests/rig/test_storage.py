"""An archive from and to a storage that speaks S3: interruptions, keys, buckets, and what is never shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest

from kpstream.recorded.archive.object_storage import ObjectStorage
from kpstream.testing import ScriptedServer
from tests.rig.parts.processes import FaultyNetwork
from tests.rig.parts.programs import CLIP
from tests.rig.parts.storages import S3, Archive
from tests.support.source_clips import write_video

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

FRAMES = 360


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    short = write_video(tmp_path_factory.mktemp("clips") / "short.mp4", range(0, 400, 40)).read_bytes()
    with S3() as server:
        videos = server.bucket("videos")
        obstore.put(videos, "season/한국 어/walk ers.mp4", CLIP)
        obstore.put(videos, "season/short.mp4", short)
        obstore.put(videos, "season/copy.mp4", short)
        obstore.put(videos, "season/broken.mp4", short[:300])
        obstore.put(videos, "season/notes.txt", b"none")
        yield server


@pytest.fixture
def network(s3: S3) -> Iterator[FaultyNetwork]:
    with FaultyNetwork(urlsplit(s3.url).port or 0) as network:
        yield network


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def archive(s3: S3, network: FaultyNetwork, endpoint: ScriptedServer, tmp_path: Path) -> Archive:
    return Archive(s3, network.port, endpoint.url, tmp_path)


def asked(server: ScriptedServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def test_only_a_very_large_output_goes_up_in_parts(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.settings("owner", urlsplit(s3.url).port or 0).items():
        monkeypatch.setenv(name, value)
    storage, stamps = ObjectStorage("s3://poses"), {}
    for megabytes in (6, 65):
        path = tmp_path / f"{megabytes}.mp4"
        with path.open("wb") as file:
            file.truncate(megabytes << 20)
        storage.upload(path, f"parts/{path.name}")
        found = storage.look_at(f"parts/{path.name}")
        assert found.size == megabytes << 20
        stamps[megabytes] = found.stamp.partition(" ")[2].strip('"')
        obstore.delete(s3.bucket("poses"), f"parts/{path.name}")
    assert "-" not in stamps[6]
    assert stamps[65].endswith("-5")


def test_from_storage_to_storage_over_a_network_that_cuts(
    s3: S3, network: FaultyNetwork, archive: Archive, endpoint: ScriptedServer
) -> None:
    words = ["s3://videos/season/", "--into", "s3://poses/a", "--rate", "1", "--write", "jsonl,csv"]
    network.set(drop_after=700_000)  # of a file of 2.5 MB
    code, told = archive(*words, "--workers", "2")
    assert (code, "3 of 4 files done, 1 failed" in told) == (7, True), told
    network.set(drop_after=0)
    names = ("copy.mp4", "short.mp4", "한국 어/walk ers.mp4")
    assert s3.files("poses").keys() == {f"a/{name}{kind}" for name in names for kind in (".jsonl", ".csv")}
    lines = bytes(obstore.get(s3.bucket("poses"), "a/한국 어/walk ers.mp4.jsonl").bytes()).decode().splitlines()
    assert len(lines) == FRAMES
    assert json.loads(lines[0])["source"] == "s3://videos/season/한국 어/walk ers.mp4"
    assert not [path for path in (archive.ledger / "journals").rglob("*") if path.is_file()]
    before = asked(endpoint)
    code, told = archive(*words)
    assert (code, asked(endpoint)) == (7, before)
    obstore.delete(s3.bucket("poses"), "a/short.mp4.csv")
    code, told = archive(*words)
    assert (code, asked(endpoint)) == (7, before), told
    assert "a/short.mp4.csv" in s3.files("poses")
    report = json.loads((archive.ledger / "report.json").read_text())
    assert {each["path"] for each in report["files"] if each["state"] == "failed"} == {"s3://videos/season/broken.mp4"}


def test_what_a_storage_refuses_is_one_line(s3: S3, archive: Archive, network: FaultyNetwork) -> None:
    into = ["--into", str(archive.ledger / "out"), "--plan"]
    for reference, told in {
        "s3://nowhere/season": "s3://nowhere: there is no such bucket; check its name, and the region",
        "s3://videos/season/none.mp4": "s3://videos/season/none.mp4: no such file in the storage",
        "s3://videos/season/*.avi": "cannot open s3://videos/season/*.avi: it matches no file",
    }.items():
        assert archive(reference, *into) == (3, f"kpstream: error: {told}\n")
    archive.as_user("stranger")
    refused = "s3://videos: the storage refuses the key (SignatureDoesNotMatch)"
    assert archive("s3://videos/season", *into) == (3, f"kpstream: error: {refused}\n")
    archive.as_user("guest")
    forbidden = "s3://videos: access is forbidden; what may this key do there?"
    assert archive("s3://videos/season", *into) == (3, f"kpstream: error: {forbidden}\n")
    code, told = archive(str(CLIP), "--into", "s3://poses/b", "--rate", "1")
    assert (code, told) == (5, f"kpstream: error: {forbidden.replace('videos', 'poses')}\n")


def test_a_key_in_amazons_files_is_found(s3: S3, archive: Archive, tmp_path: Path) -> None:
    key, secret = (archive.variables.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    code, told = archive("s3://videos/season/*/*.mp4", "--into", "s3://poses/c", "--rate", "1", "--plan")
    assert (code, "to do     1 file, 0:00:12 of video" in told) == (0, True), told


def test_a_storage_that_stays_away_stops_all_and_the_same_command_goes_on(
    s3: S3, network: FaultyNetwork, archive: Archive, endpoint: ScriptedServer, tmp_path: Path
) -> None:
    shutil.copy(write_video(tmp_path / "new.mp4", range(0, 800, 40)), tmp_path / "in.mp4")
    words = [str(tmp_path / "in.mp4"), "--into", "s3://poses/d"]
    network.set(refuse=1)
    code, told = archive(*words)
    assert (code, told) == (5, "kpstream: error: s3://poses: the storage cannot be reached\n")
    assert asked(endpoint) == 0
    network.set(refuse=0)
    assert archive(*words)[0] == 0
    assert "d/in.mp4.jsonl" in s3.files("poses")
