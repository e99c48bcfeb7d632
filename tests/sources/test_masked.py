"""What a zone hides is in no picture that leaves the source, and nothing else is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Image
from kpstream.interfaces import Source
from kpstream.sources.file import VideoFile
from kpstream.sources.masked import Masked, Zone
from kpstream.testing import SyntheticSource
from tests.support.source_clips import write_video
from tests.support.source_contract import SourceContract

LEFT_HALF: Zone = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]


class Still:
    """Gives white pictures of the sizes that it is told."""

    name = "still"
    is_live = True
    frame_rate = 30.0
    stall_timeout = 3.0

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.given: list[Image] = []
        self._sizes = list(sizes)

    def read(self) -> Frame | None:
        if not self._sizes:
            return None
        width, height = self._sizes.pop(0)
        self.given.append(np.full((height, width, 3), 255, np.uint8))
        index = len(self.given) - 1
        return Frame(index, index / 30, index / 30, self.given[-1])

    def close(self) -> None:
        self._sizes.clear()


def picture_of(source: Source) -> Image:
    frame = source.read()
    assert frame is not None
    return frame.image


class TestContract(SourceContract):
    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        return lambda: Masked(_Ending(), [LEFT_HALF])


class _Ending(SyntheticSource):
    """As every real source, it ends with `close`."""

    def read(self) -> Frame | None:
        return None if self.closed else super().read()


def test_a_zone_is_black_and_the_rest_is_as_it_was() -> None:
    image = picture_of(Masked(Still((200, 100)), [LEFT_HALF]))
    assert not image[:, :100].any()
    assert (image[:, 104:] == 255).all()


def test_zones_keep_their_place_when_the_picture_changes_its_size() -> None:
    source = Masked(Still((200, 100), (640, 480)), [LEFT_HALF])
    picture_of(source)
    image = picture_of(source)
    assert not image[:, :320].any()
    assert (image[:, 324:] == 255).all()


def test_the_picture_of_the_source_is_not_written_to() -> None:
    still = Still((64, 48))
    picture_of(Masked(still, [LEFT_HALF]))
    assert (still.given[0] == 255).all()


def test_what_two_zones_cover_is_hidden_as_well() -> None:
    image = picture_of(Masked(Still((100, 100)), [LEFT_HALF, [(0.2, 0), (1, 0), (1, 1), (0.2, 1)]]))
    assert not image.any()


def test_all_else_is_the_sources_own() -> None:
    inner = SyntheticSource(3, is_live=True, frame_rate=12.5)
    inner.stall_timeout = 4.0
    source = Masked(inner, [LEFT_HALF])
    assert (source.name, source.is_live, source.frame_rate, source.stall_timeout) == ("synthetic", True, 12.5, 4.0)
    first = source.read()
    assert first is not None
    assert (first.index, first.pts) == (0, 0.0)
    source.close()
    assert inner.closed


def test_what_is_opened_in_the_place_of_a_lost_camera_is_masked_as_well() -> None:
    opener = Masked(SyntheticSource(3, is_live=True), [LEFT_HALF]).opener
    assert opener is not None
    assert not picture_of(opener.open())[:, :48].any()


def test_a_source_that_cannot_be_opened_again_cannot_be_opened_again_masked() -> None:
    assert Masked(Still((64, 64)), [LEFT_HALF]).opener is None


corners = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=3)


@settings(deadline=None)
@given(corners, st.integers(1, 90), st.integers(1, 70))
def test_no_pixel_whose_middle_is_in_a_zone_is_seen(zone: list[tuple[float, float]], width: int, height: int) -> None:
    image = picture_of(Masked(Still((width, height)), [zone]))
    polygon = np.array([(x * width, y * height) for x, y in zone], np.float32)
    for row in range(height):
        for column in range(width):
            if cv2.pointPolygonTest(polygon, (column + 0.5, row + 0.5), measureDist=False) > 0:
                assert not image[row, column].any()


def test_what_is_hidden_is_hidden_in_luma_too(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", [0, 40], images=[np.full((64, 96, 3), 200, np.uint8)] * 2)
    frame = Masked(VideoFile(tmp_path / "clip.mp4"), [LEFT_HALF]).read()
    assert frame is not None
    assert frame.luma is not None
    assert not frame.luma.plane[:, :48].any()
    assert frame.luma.plane[:, 56:].min() > 150
