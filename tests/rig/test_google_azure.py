"""Archives from and to Google's storage and Microsoft's: what differs from one storage to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest

from kpstream.errors import SourceOpenError, SourceReadError, SourceRejected
from kpstream.recorded.archive.object_storage import ObjectStorage
from kpstream.testing import ScriptedServer
from tests.rig.parts.processes import FaultyNetwork
from tests.rig.parts.programs import CLIP
from tests.rig.parts.storages import Archive, Azure, Google, Storage
from tests.support.source_clips import write_video

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

LONG, SHORT = "한국 어/walk ers.mp4", "a+b%20c&d.mp4"
FRAMES = 360


@pytest.fixture(scope="module", params=["google", "azure"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    folder = tmp_path_factory.mktemp("clips")
    short = write_video(folder / "short.mp4", range(0, 400, 40)).read_bytes()
    with Google(tmp_path_factory.mktemp("keys")) if request.param == "google" else Azure() as server:
        obstore.put(server.bucket("videos"), f"season/{LONG}", CLIP)
        obstore.put(server.bucket("videos"), f"season/{SHORT}", short)
        yield server


@pytest.fixture
def opened(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> str:
    """The scheme; whoever opens a bucket here is the owner."""
    for name, value in storage.settings("owner", urlsplit(storage.url).port or 0).items():
        monkeypatch.setenv(name, value)
    return storage.scheme


def test_from_storage_to_storage_over_a_network_that_cuts(storage: Storage, tmp_path: Path) -> None:
    videos, poses = f"{storage.scheme}://videos/season", f"{storage.scheme}://poses/a"
    options = ["--into", poses, "--rate", "1"]
    with FaultyNetwork(urlsplit(storage.url).port or 0) as network, ScriptedServer() as endpoint:
        archive = Archive(storage, network.port, endpoint.url, tmp_path)
        network.set(drop_after=400_000)  # of a file of 2.5 MB
        code, told = archive(videos, *options)
        assert code == 0, told
        network.set(drop_after=0)
        asked = len(endpoint.predictions)
        assert archive(f"{videos}/**/*.mp4", *options)[0] == 0
        assert len(endpoint.predictions) == asked
        archive.as_user("stranger")
        code, told = archive(videos, *options)
        assert (code, told.partition(" (")[0]) == (
            3,
            f"kpstream: error: {storage.scheme}://videos: the storage refuses the key",
        )
    assert storage.files("poses").keys() == {f"a/{name}.jsonl" for name in (LONG, SHORT)}
    lines = bytes(obstore.get(storage.bucket("poses"), f"a/{LONG}.jsonl").bytes()).decode().splitlines()
    assert len(lines) == FRAMES
    assert json.loads(lines[0])["source"] == f"{videos}/{LONG}"


def test_what_is_not_there_is_one_line(opened: str) -> None:
    with pytest.raises(
        SourceRejected, match=f"^{opened}://none: there is no such bucket; check its name, and the region$"
    ):
        list(ObjectStorage(f"{opened}://none").find("season"))
    with pytest.raises(SourceOpenError, match=f"^{opened}://videos/season/none.mp4: no such file in the storage$"):
        ObjectStorage(f"{opened}://videos").look_at("season/none.mp4")


def test_a_large_output_a_copy_and_a_file_that_is_written_meanwhile(
    opened: str, storage: Storage, tmp_path: Path
) -> None:
    bucket = ObjectStorage(f"{opened}://poses")
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(65 << 20)
    bucket.upload(tmp_path / "large.mp4", "parts/large.mp4")
    found = bucket.look_at("parts/large.mp4")
    assert found.size == 65 << 20
    bucket.upload(CLIP, "parts/large.mp4")
    with pytest.raises(SourceReadError, match="it was written meanwhile"):
        bucket.read(found, 0, 100)
    bucket.copy("parts/large.mp4", "parts/한국 어.mp4")
    listed = {each.address.rpartition("/")[2]: each for each in bucket.find("parts")}
    assert listed.keys() == {"large.mp4", "한국 어.mp4"}
    assert bucket.look_at("parts/한국 어.mp4") == listed["한국 어.mp4"]
    assert bucket.read(listed["한국 어.mp4"], 1000, 500) == CLIP.read_bytes()[1000:1500]
    for each in listed:
        obstore.delete(storage.bucket("poses"), f"parts/{each}")
