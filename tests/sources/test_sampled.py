"""Few frames of a file: those that plain reading gives, with the same numbers, times and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from kpstream.entities import Frame
from kpstream.interfaces import Source
from kpstream.sources import VideoFile
from kpstream.sources.sampled import SampledFile
from kpstream.sources.spacing import Spacing
from tests.support.source_clips import number_in, write_video
from tests.support.source_contract import RecordedContract

FRAMES = 100
EVEN = range(0, 40 * FRAMES, 40)


def frames_of(source: Source) -> list[Frame]:
    found = []
    while (frame := source.read()) is not None:
        found.append(frame)
    source.close()
    return found


def check_same(path: Path, spacing: Spacing) -> list[int]:
    """Read it both ways, and return the numbers of the frames that were given."""
    whole = {frame.index: frame for frame in frames_of(VideoFile(path))}
    few = frames_of(SampledFile(path, spacing))
    for frame in few:
        same = whole[frame.index]
        assert (frame.pts, frame.stamp, frame.pixel_aspect) == (same.pts, same.stamp, same.pixel_aspect)
        assert np.array_equal(frame.image, same.image)
    return [frame.index for frame in few]


class TestSampledFile(RecordedContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        path = write_video(tmp_path / "a.mp4", EVEN)
        return lambda: SampledFile(path, Spacing(0.2))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pyramid.mp4", {"g": "30", "bf": "3", "x264-params": "b-pyramid=normal:open-gop=1:scenecut=0"}),
        ("one_group.mp4", {"g": "9999", "bf": "2", "x264-params": "scenecut=0"}),
        ("plain.mkv", {"g": "25", "bf": "0"}),
        ("broadcast.ts", {"g": "20", "bf": "2"}),
        ("all_keys.mp4", {"g": "1"}),
    ],
)
@pytest.mark.parametrize("spacing", [Spacing(0.7), Spacing(0.04), Spacing(9, in_frames=True)], ids=str)
def test_frames_are_those_of_plain_reading(
    name: str, options: Mapping[str, str], spacing: Spacing, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, EVEN, options=options)
    found = check_same(path, spacing)
    interval = spacing.interval if spacing.in_frames else spacing.interval / 0.04
    steps = range(int((FRAMES - 1) / interval) + 1)
    assert len(found) == len(steps)
    assert all(abs(n - step * interval) <= interval / 2 + 1e-3 for n, step in zip(found, steps, strict=True))


def test_a_rate_that_varies_and_other_codecs(tmp_path: Path) -> None:
    times = [number * number for number in range(FRAMES)]
    groups = {"g": "30", "bf": "2"}
    assert check_same(write_video(tmp_path / "a.mkv", times, options=groups), Spacing(0.5))
    assert check_same(write_video(tmp_path / "b.webm", EVEN, codec="libvpx-vp9", options={"g": "30"}), Spacing(0.5))
    assert check_same(write_video(tmp_path / "c.mkv", EVEN, codec="mpeg4", options=groups), Spacing(0.5))


def test_interlaced_pictures_are_made_whole_each_by_itself(tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme", "g": "12", "bf": "2", "x264-params": "tff=1"}
    path = write_video(tmp_path / "a.mkv", EVEN, options=options)
    found = frames_of(SampledFile(path, Spacing(0.7)))
    assert [number_in(frame.image) for frame in found] == [frame.index for frame in found]
    assert len(found) == 6


def test_a_file_without_times_is_decoded_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", EVEN, options={"g": "12"})
    assert check_same(path, Spacing(1.0)) == [0, 25, 50, 75]
    assert check_same(path, Spacing(30, in_frames=True)) == [0, 30, 60, 90]


def test_a_file_that_was_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", EVEN, options={"g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = check_same(path, Spacing(0.4))
    assert found[:2] == [0, 10]
    assert 2 < len(found) < 10
    few = SampledFile(path, Spacing(0.4))
    frames_of(few)
    assert len(found) + few.missing_frames == 10
