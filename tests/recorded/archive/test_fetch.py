"""Stored files: what they are called, how parts of them are read, and how they are fetched over interruptions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from kpstream.errors import (
    SinkError,
    SourceError,
    SourceOpenError,
    SourceReadError,
    SourceRejected,
    SourceUnavailable,
    UsageError,
)
from kpstream.recorded.archive.fetch import Stopped, fetch
from kpstream.recorded.archive.ranges import RangeFile
from kpstream.recorded.archive.stored_file import StoredFile, shown, understood
from kpstream.recorded.archive.web_file import WebFile
from kpstream.recorded.journal import fingerprint, fingerprint_of
from tests.support.range_server import RangeServer

DATA = random.Random(1).randbytes(3_000_000)


class CuttingReader:
    """Gives its data in pieces, and is cut again and again."""

    fault: SourceError = SourceUnavailable("cut")

    def __init__(self, *, cut_after: int, has_ranges: bool = True, cuts: int = 1000, stamp: str = "1") -> None:
        self.file = StoredFile("s3://bucket/a.mp4", len(DATA), stamp)
        self.has_ranges = has_ranges
        self.cuts, self.cut_after = cuts, cut_after
        self.started_at: list[int] = []

    def read(self, start: int, length: int) -> bytes:
        return DATA[start : start + length]

    def stream(self, start: int) -> Iterator[bytes]:
        self.started_at.append(start)
        end = len(DATA)
        if self.cuts:
            self.cuts -= 1
            end = min(end, start + self.cut_after)
        for place in range(start, end, 100_000):
            yield DATA[place : min(place + 100_000, end)]
        if end < len(DATA):
            raise self.fault


def go_on(seconds: float) -> bool:
    return False


def test_a_fetch_that_is_cut_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    reader = CuttingReader(cut_after=700_001)
    path = fetch(reader, tmp_path / "new", go_on)
    assert path.read_bytes() == DATA
    assert path.suffix == ".mp4"
    assert reader.started_at == [0, 700_001, 1_400_002, 2_100_003, 2_800_004]
    assert fetch(reader, tmp_path / "new", go_on) == path
    assert len(reader.started_at) == 5
    assert list((tmp_path / "new").iterdir()) == [path]
    path.write_bytes(DATA[:1000])  # what a power cut may leave
    assert fetch(reader, tmp_path / "new", go_on).read_bytes() == DATA


def test_without_ranges_it_begins_anew(tmp_path: Path) -> None:
    reader = CuttingReader(cut_after=700_000, has_ranges=False, cuts=2)
    assert fetch(reader, tmp_path, go_on).read_bytes() == DATA
    assert reader.started_at == [0, 0, 0]


def test_a_fetch_that_comes_no_further_is_given_up_and_one_that_is_stopped_goes_on_later(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        fetch(CuttingReader(cut_after=0), tmp_path, go_on)
    with pytest.raises(Stopped):
        fetch(CuttingReader(cut_after=700_000), tmp_path, lambda _: True)
    reader = CuttingReader(cut_after=0, cuts=0)
    assert fetch(reader, tmp_path, go_on).read_bytes() == DATA
    assert reader.started_at == [100_000]


def test_what_is_left_of_another_version_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        fetch(CuttingReader(cut_after=700_000, stamp="old"), tmp_path, lambda _: True)
    reader = CuttingReader(cut_after=0, cuts=0, stamp="new")
    path = fetch(reader, tmp_path, go_on)
    assert reader.started_at == [0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("fault", "left"), [(SourceReadError("changed"), 0), (SourceRejected("the key expired"), 1)])
def test_only_what_another_run_goes_on_with_is_left(tmp_path: Path, fault: SourceError, left: int) -> None:
    reader = CuttingReader(cut_after=700_000)
    reader.fault = fault
    with pytest.raises(type(fault)):
        fetch(reader, tmp_path, go_on)
    assert len(list(tmp_path.iterdir())) == left


def test_a_scratch_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="is a file"):
        fetch(CuttingReader(cut_after=0, cuts=0), tmp_path / "file" / "x", go_on)


def test_a_file_in_parts_is_like_the_file_itself(tmp_path: Path) -> None:
    chance, path = random.Random(2), tmp_path / "a"
    path.write_bytes(DATA)
    with path.open("rb") as same, RangeFile(CuttingReader(cut_after=0)) as parts:
        for _ in range(200):
            place, length = chance.randrange(len(DATA) + 10), chance.choice([0, 1, 100, 40_000, 200_000])
            assert parts.seek(place) == same.seek(place)
            assert parts.read(length) == same.read(length)[: len(DATA)]
            assert parts.tell() == same.tell()
    with RangeFile(CuttingReader(cut_after=0)) as parts:
        assert fingerprint_of(cast(BinaryIO, parts)) == fingerprint(path)


def test_an_address_is_shown_without_what_is_secret() -> None:
    signed = "https://user:pass@host:8443/a/b%20c.mp4?X-Amz-Signature=secret#part"
    assert shown(signed) == str(StoredFile(signed)) == "https://host:8443/a/b%20c.mp4"
    assert "secret" not in repr(StoredFile(signed))
    assert StoredFile(signed).name == "b c.mp4"
    assert StoredFile("s3://bucket/a b%20.mp4").name == "a b%20.mp4"
    assert understood("S3://bucket/Key") == "s3://bucket/Key"
    assert understood("gs://bucket/folder/") == "gs://bucket/folder/"
    for wrong in ("s3://key:secret@bucket/a", "ftp://host/a", "s3:///a", "s3://b//a", "gs://b/a/../c", "az://b/a//"):
        with pytest.raises(UsageError) as caught:
            understood(wrong)
        assert "secret" not in str(caught.value)


def test_a_web_file_is_read_in_parts_and_whole() -> None:
    server = RangeServer({"/a.mp4": DATA})
    with server.running():
        file = WebFile(f"{server.url}/a.mp4?token=marked-token")
        assert (file.has_ranges, file.file.size) == (True, len(DATA))
        assert file.read(1000, 5) == DATA[1000:1005]
        assert b"".join(file.stream(2_999_000)) == DATA[2_999_000:]
        server.has_ranges = False
        other = WebFile(f"{server.url}/a.mp4")
        assert (other.has_ranges, other.file.size) == (False, len(DATA))
        assert b"".join(other.stream(0)) == DATA
        file.close()
        other.close()


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (404, SourceOpenError, "the server has no such file"),
        (403, SourceOpenError, "access is forbidden"),
        (401, SourceOpenError, "user name or password refused"),
        (416, SourceOpenError, "the file is empty"),
        (503, SourceUnavailable, r"the server failed \(503\)"),
    ],
)
def test_a_web_server_that_refuses_is_told_in_one_line(status: int, kind: type[SourceError], text: str) -> None:
    server = RangeServer({"/a.mp4": DATA})
    server.status = status
    with server.running(), pytest.raises(kind, match=text) as caught:
        WebFile(f"{server.url.replace('//', '//user:hidden@')}/a.mp4?token=marked-token")
    assert str(caught.value).startswith(f"{server.url}/a.mp4: ")
    assert caught.value.__context__ is None


def test_a_web_file_that_is_cut_or_written_meanwhile_is_told() -> None:
    server = RangeServer({"/a.mp4": DATA})
    with server.running():
        file = WebFile(f"{server.url}/a.mp4")
        server.cut_after = 1000
        with pytest.raises(SourceUnavailable, match="cut the connection") as caught:
            file.read(0, 5000)
        assert caught.value.__context__ is None
        server.cut_after, server.files["/a.mp4"] = 0, DATA[::-1]
        with pytest.raises(SourceReadError, match="written meanwhile"):
            file.read(0, 5000)
        file.close()
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        WebFile(f"{server.url}/a.mp4")
