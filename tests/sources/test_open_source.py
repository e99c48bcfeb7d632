"""What a reference opens."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import kpstream
from kpstream.errors import SourceOpenError
from kpstream.image import read_picture
from kpstream.interfaces import Source
from kpstream.recorded.inputs import parse_input
from kpstream.sources import Paced, VideoFile, open_source
from kpstream.sources.http_pictures import MjpegStream
from tests.support.source_clips import write_video
from tests.support.source_servers import MjpegCamera, files_served


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", [40 * number for number in range(10)])


def check(source: Source, kind: type, *, is_live: bool) -> None:
    """Whether it is what it should be, and gives a frame."""
    with_frame = source.read()
    source.close()
    assert isinstance(source, kind)
    assert source.is_live is is_live
    assert with_frame is not None


def test_a_path_is_recorded_video(clip: Path) -> None:
    check(open_source(clip), VideoFile, is_live=False)
    check(kpstream.open_source(str(clip)), VideoFile, is_live=False)
    assert open_source(str(clip)).name == str(clip)


def test_a_file_address_of_this_machine_is_its_path(clip: Path) -> None:
    odd = clip.rename(clip.with_name("a b%41#.mp4"))
    for reference in (odd.as_uri(), f"FILE://localhost{odd.as_uri().removeprefix('file://')}"):
        source = open_source(reference)
        check(source, VideoFile, is_live=False)
        assert source.name == str(odd)
    with pytest.raises(SourceOpenError, match="no such file"):
        open_source("file:///nowhere.mp4")


@pytest.mark.parametrize("open_it", [open_source, parse_input, read_picture])
def test_a_file_in_the_place_of_its_name_is_told_in_one_line(open_it: Callable[[str], object]) -> None:
    with pytest.raises(SourceOpenError) as caught:
        open_it("data:image/png;base64," + 3000 * "iVBO")
    assert str(caught.value) == (
        "cannot open data:image/png;base64,...: this is a file's content: save it, and name the file"
    )


def test_a_file_may_be_called_like_the_content_of_one(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip.rename("data:one.mp4")
    check(open_source("data:one.mp4"), VideoFile, is_live=False)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no files below /dev")
def test_a_file_or_a_pipe_below_dev_is_no_camera(clip: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".mp4") as file:
        file.write(clip.read_bytes())
        file.flush()
        check(open_source(file.name), VideoFile, is_live=False)
        check(open_source(f"/dev/fd/{file.fileno()}", paced=True), Paced, is_live=True)


def test_an_address_of_a_file_is_recorded_video(clip: Path) -> None:
    with files_served(clip.parent) as address:
        check(open_source(f"{address}/clip.mp4"), VideoFile, is_live=False)


def test_a_playlist_with_an_end_is_recorded_video(tmp_path: Path) -> None:
    write_video(tmp_path / "all.m3u8", [40 * number for number in range(50)], container_options={"hls_list_size": "0"})
    with files_served(tmp_path) as address:
        source = open_source(f"{address}/all.m3u8")
        count = 0
        while source.read() is not None:
            count += 1
    assert not source.is_live
    assert count == 50


def test_an_address_without_an_end_is_live() -> None:
    camera = MjpegCamera()
    try:
        check(open_source(camera.url), MjpegStream, is_live=True)
        check(open_source(camera.url.replace("http", "HTTP")), MjpegStream, is_live=True)
    finally:
        camera.switch_off()


@pytest.mark.parametrize("reference", [97, "97", "/dev/video97"])
def test_a_number_or_device_is_a_camera(reference: int | str) -> None:
    with pytest.raises(SourceOpenError, match=f"cannot open camera {reference}"):
        open_source(reference)


@pytest.mark.parametrize("reference", ["nothing.mp4", "", "rtsp:/one-slash", "-1"])
def test_what_is_not_there_fails_at_once(reference: str) -> None:
    with pytest.raises(SourceOpenError, match="cannot open"):
        open_source(reference)
