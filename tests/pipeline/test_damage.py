"""Damaged pictures of a camera: nobody sees them, nobody is asked about them, and they are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Answer, Frame, Image, Scene
from kpstream.pipeline import Pipeline
from kpstream.pipeline.damage import DIMMED_AFTER, DamageShield
from kpstream.testing import FakeEndpoint, SyntheticSource, index_of


def frame(level: int, *, damaged: bool = False, undecoded: int = 0, size: tuple[int, int] = (8, 6)) -> Frame:
    width, height = size
    image: Image = np.full((height, width, 3), level, np.uint8)
    return Frame(level, level / 10, 0.0, image, is_damaged=damaged, undecoded=undecoded)


def shown(shield: DamageShield, given_frame: Frame, now: float) -> int:
    return int(shield.shield(given_frame, now).image[0, 0, 0])


def test_the_last_whole_picture_stands_for_damaged_ones_and_is_dimmed_after_a_while() -> None:
    shield = DamageShield()
    assert shown(shield, frame(90), 0.0) == 90
    assert [shown(shield, frame(20, damaged=True), at) for at in (0.1, 1.9)] == [90, 90]
    assert shown(shield, frame(21, damaged=True), DIMMED_AFTER) == 30
    assert shown(shield, frame(60), 3.0) == 60
    assert shown(shield, frame(22, damaged=True), 4.0) == 60


def test_without_a_whole_picture_of_its_size_a_damaged_one_is_dimmed() -> None:
    shield = DamageShield()
    assert shown(shield, frame(90, damaged=True), 0.0) == 30
    shield.shield(frame(80), 0.1)
    assert shown(shield, frame(60, damaged=True, size=(16, 12)), 0.2) == 20


def test_one_damaged_picture_is_no_trouble_and_several_are_until_they_have_passed() -> None:
    shield = DamageShield()
    shield.shield(frame(1, damaged=True), 0.0)
    assert not shield.trouble
    for tick in range(1, 100):
        shield.shield(frame(1, damaged=tick in (10, 20)), tick / 10)
    assert shield.trouble.startswith("3 of the last 100 pictures arrived damaged")
    assert "TCP" in shield.trouble
    for tick in range(100, 230):
        shield.shield(frame(1), tick / 10)
    assert not shield.trouble


def test_pictures_that_cannot_be_decoded_at_all_are_told_as_well() -> None:
    shield = DamageShield()
    shield.shield(frame(1, undecoded=5), 0.0)
    assert shield.trouble.startswith("5 of the last 5 pictures")


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_what_is_damaged_is_never_shown_as_it_came(damaged: list[bool], interval: float) -> None:
    shield = DamageShield()
    for number, is_damaged in enumerate(damaged):
        given_frame = frame(100 + number, damaged=is_damaged)
        seen = shield.shield(given_frame, number * interval)
        assert (seen.index, seen.pts, seen.is_damaged) == (given_frame.index, given_frame.pts, is_damaged)
        assert (seen.image is given_frame.image) is not is_damaged


class TornSource(SyntheticSource):
    """Every third picture arrives damaged: white."""

    def read(self) -> Frame | None:
        given_frame = super().read()
        if given_frame is None or given_frame.index % 3 != 2:
            return given_frame
        return replace(given_frame.showing(np.full_like(given_frame.image, 255)), is_damaged=True)


def test_a_live_picture_that_arrived_damaged_is_neither_asked_about_nor_shown() -> None:
    scenes, told = list[Scene](), set[str]()
    with Pipeline(TornSource(60, is_live=True, frame_rate=10.0), FakeEndpoint(), rate=100) as pipeline:
        for scene in pipeline:
            scenes.append(scene)
            told.add(scene.stats.picture_trouble)
        stats = pipeline.stats
    assert all(scene.frame.image.max() < 255 for scene in scenes)
    assert stats.damaged == 20
    assert stats.damaged > len([scene for scene in scenes if scene.frame.is_damaged]) - 1
    assert any("arrived damaged" in text for text in told)


def test_a_recorded_picture_that_is_damaged_stays_and_is_not_asked_about() -> None:
    endpoint = FakeEndpoint(lambda image: Answer(()))
    with Pipeline(TornSource(12), endpoint) as pipeline:
        scenes = list(pipeline)
    assert [scene.frame.image.max() == 255 for scene in scenes] == [False, False, True] * 4
    assert sorted(endpoint.asked) == [index for index in range(12) if index % 3 != 2]
    assert [index_of(scene.frame.image) for scene in scenes if not scene.frame.is_damaged] == sorted(endpoint.asked)
    assert pipeline.stats.damaged == 4
