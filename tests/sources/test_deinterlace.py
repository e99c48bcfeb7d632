"""Interlaced pictures made whole, and all others left as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kpstream.entities import Frame, Image
from kpstream.sources import VideoFile
from tests.support.source_clips import write_video

SIZE = (96, 64)
SPEED = 6
"""Pixels that the bar moves from one field to the next."""
FLAGS = {"top field first": ("tff=1", 0), "bottom field first": ("bff=1", 1)}


def bar_at(place: int) -> Image:
    image: Image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    image[:, place : place + 12] = 220
    return image


def woven(number: int, second: int) -> Image:
    """Two fields of a moving bar in one picture; ``second`` says which lines are the later ones."""
    image = bar_at(2 * SPEED * number)
    image[second ^ 1 :: 2] = bar_at(2 * SPEED * number + SPEED)[second ^ 1 :: 2]
    return image


def frames_of(source: VideoFile) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def combs_in(image: Image) -> float:
    lines = image[:, :, 1].astype(int)
    return float(np.abs(np.diff(lines, axis=0)).mean())


def write(path: Path, flag: str, images: list[Image]) -> Path:
    options = {"x264-params": f"{flag}:keyint=4" if flag else "keyint=4", "crf": "10"}
    return write_video(path, [40 * number for number in range(len(images))], options=options, images=images)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize("order", FLAGS)
def test_moving_edges_have_no_combs_and_every_frame_keeps_its_place(suffix: str, order: str, tmp_path: Path) -> None:
    flag, second = FLAGS[order]
    path = write(tmp_path / f"clip{suffix}", flag, [woven(number, second) for number in range(7)])
    plain, whole = frames_of(VideoFile(path, deinterlace=False)), frames_of(VideoFile(path))
    assert [(frame.index, frame.pts) for frame in whole] == [(frame.index, frame.pts) for frame in plain]
    assert all(combs_in(frame.image) > 10 for frame in plain)
    assert all(combs_in(frame.image) < 4 for frame in whole[1:-1])
    part = frames_of(VideoFile(path, start=0.12))
    assert [(frame.index, frame.pts) for frame in part] == [(frame.index, frame.pts) for frame in whole[3:]]


def test_what_is_not_interlaced_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", "", [woven(number, 0) for number in range(5)])
    plain, whole = frames_of(VideoFile(path, deinterlace=False)), frames_of(VideoFile(path))
    assert all(np.array_equal(one.image, other.image) for one, other in zip(plain, whole, strict=True))
