"""Devices that decode, and the processor where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kpstream.camera.assembly import open_camera
from kpstream.camera.spec import CameraSpec
from kpstream.entities import Image
from kpstream.options import SourceOptions
from kpstream.sources import VideoFile
from kpstream.sources.hwaccel import device_for, first_usable, is_usable
from kpstream.sources.opening import open_video
from tests.support.source_clips import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_video(tmp_path / "clip.mp4", range(0, 400, 40))
    return tmp_path / "clip.mp4"


@pytest.fixture(autouse=True)
def _nothing_was_told() -> Iterator[None]:
    device_for.cache_clear()
    yield
    device_for.cache_clear()


def images_of(video: VideoFile) -> list[Image]:
    with_ends = iter(video.read, None)
    return [frame.image for frame in with_ends]


def test_where_the_device_is_not_there_the_processor_decodes_and_one_line_tells(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = images_of(VideoFile(clip))
    for _ in range(2):
        images = images_of(VideoFile(clip, hwaccel="nosuch"))
        assert len(images) == len(expected) == 10
        assert all(map(np.array_equal, images, expected))
    (line,) = [line for line in caplog.messages if "device" in line]
    assert line.startswith("no nosuch device for decoding is here")
    assert line.endswith("the processor decodes")


def test_any_device_or_none_gives_all_pictures(clip: Path) -> None:
    images = images_of(VideoFile(clip, hwaccel="auto"))
    assert len(images) == 10
    assert all(
        np.allclose(image, expected, atol=3) for image, expected in zip(images, images_of(VideoFile(clip)), strict=True)
    )


def test_a_device_that_is_gone_when_the_video_is_opened_is_told_of(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    container, stream = open_video(f"file:{clip}", device="cuda")
    with container:
        assert len([frame for packet in container.demux(stream) for frame in packet.decode()]) == 10
    told = "the cuda device for decoding is gone: the processor decodes" in caplog.messages
    assert told is not is_usable("cuda")


@pytest.mark.parametrize(
    ("wanted", "there", "found"),
    [
        (["vaapi"], {"vaapi"}, "vaapi"),
        (["vaapi"], set(), None),
        (["videotoolbox"], {"videotoolbox"}, None),
        (["cuda", "vaapi"], {"vaapi"}, "vaapi"),
        (["cuda", "vaapi"], {"cuda", "vaapi"}, "cuda"),
    ],
)
def test_the_first_kind_that_is_known_and_there_is_used(wanted: list[str], there: set[str], found: str | None) -> None:
    assert first_usable(wanted, ["cuda", "vaapi"], lambda kind: kind in there) == found


def test_a_camera_decodes_on_the_device_that_its_options_name(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_camera(CameraSpec("door", str(clip), SourceOptions(hwaccel="nosuch"))).close()
    assert any("nosuch" in line for line in caplog.messages)
