"""Pictures in a row as video: a folder, names with numbers, an animated WebP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError
from kpstream.interfaces import Source
from kpstream.sources import open_source
from kpstream.sources.sequence import PictureSequence, open_sequence
from tests.support.source_clips import number_in, picture
from tests.support.source_contract import RecordedContract, SourceContract


def write(folder: Path, count: int = 8, name: str = "shot{:03}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / name.format(number)), picture(number))
    return folder


def write_webp(path: Path, durations: list[int]) -> Path:
    films = [Pillow.fromarray(np.ascontiguousarray(picture(n)[:, :, ::-1])) for n in range(len(durations))]
    films[0].save(path, save_all=True, append_images=films[1:], duration=durations, lossless=True)
    return path


def opened(path: Path, **options: float) -> PictureSequence:
    sequence = open_sequence(path, **options)
    assert sequence is not None
    return sequence


def frames_of(source: Source) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


class TestContract(RecordedContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        write(tmp_path / "shots")
        return lambda: opened(tmp_path / "shots")


class TestContractPaced(SourceContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        write(tmp_path / "shots", 20)
        return lambda: open_source(tmp_path / "shots", paced=True, loop=True, frame_rate=25.0)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
@pytest.mark.parametrize("pattern", [True, False])
def test_pictures_are_frames_in_the_order_of_their_numbers(suffix: str, pattern: bool, tmp_path: Path) -> None:
    write(tmp_path / "shots", 12, f"shot{{}}{suffix}")  # 10 comes after 9
    path = tmp_path / "shots" / f"shot%d{suffix}" if pattern else tmp_path / "shots"
    frames = frames_of(opened(path))
    assert [number_in(frame.image) for frame in frames] == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.pts for frame in frames] == pytest.approx([number / 25 for number in range(12)])


def test_the_rate_and_the_part_are_those_that_were_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "shots")
    sequence = opened(tmp_path / "shots", frame_rate=10.0, start=0.2, end=0.5)
    assert (sequence.frame_rate, sequence.duration) == (10.0, 0.8)
    assert sequence.duration == pytest.approx(0.8)
    assert [(frame.index, frame.pts) for frame in frames_of(sequence)] == [(2, 0.2), (3, 0.3), (4, 0.4)]
    assert [frame.index for frame in frames_of(sequence.again(0.4))] == [4]


def test_a_broken_picture_leaves_a_gap(tmp_path: Path) -> None:
    folder = write(tmp_path / "shots")
    (folder / "shot003.png").write_bytes(b"broken")
    frames = frames_of(opened(folder))
    assert [frame.index for frame in frames] == [0, 1, 2, 4, 5, 6, 7]
    assert [frame.decoded_index for frame in frames] == list(range(7))


def test_an_animated_picture_has_its_own_times(tmp_path: Path) -> None:
    sequence = opened(write_webp(tmp_path / "film.webp", [40, 200, 40, 100]))
    frames = frames_of(sequence)
    assert [number_in(frame.image) for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts for frame in frames] == pytest.approx([0.0, 0.04, 0.24, 0.28])


def test_a_picture_that_does_not_move_and_a_film_are_no_sequence(tmp_path: Path) -> None:
    still = tmp_path / "still.webp"
    cv2.imwrite(str(still), picture(1))
    assert open_sequence(still) is None
    assert open_sequence(tmp_path / "film.mp4") is None
    (tmp_path / "100%d.mp4").touch()
    assert open_sequence(tmp_path / "100%d.mp4") is None


def test_what_holds_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceOpenError, match="no pictures in this folder"):
        open_sequence(tmp_path / "empty")
    with pytest.raises(SourceOpenError, match="no pictures of that name"):
        open_sequence(tmp_path / "empty" / "shot%04d.png")


def test_fewer_pictures_are_loaded_where_fewer_are_wanted(tmp_path: Path) -> None:
    source = opened(write(tmp_path), frame_rate=10)
    assert source.decimate(5)
    assert [frame.index for frame in frames_of(source)] == [0, 2, 4, 6]
