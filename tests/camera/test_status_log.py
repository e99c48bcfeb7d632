"""Which changes of a camera's state give a line."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from kpstream.camera.status_log import AlertFilter, CameraStatusLog
from kpstream.entities import Stats


def test_what_lasts_is_told_once_and_the_end_of_it_too() -> None:
    status, told = AlertFilter("pictures come"), list[tuple[int, str]]()
    for now in range(60):
        trouble = f"camera silent for {now} s" if 10 <= now < 40 else ""
        if text := status.update(trouble, now):
            told.append((now, text))
    assert told == [(2, "pictures come"), (12, "camera silent for 12 s"), (42, "pictures come")]


def test_what_passes_at_once_is_not_told() -> None:
    status = AlertFilter("the endpoint answers", starts_well=True)
    assert not [now for now in range(300) if status.update("" if now % 10 else "said 500", now / 2)]


def test_what_returns_at_once_is_one_trouble() -> None:
    status = AlertFilter("the endpoint answers", starts_well=True)
    troubles = [*(100 * ["", "said 500"]), *(10 * [""])]
    told = [status.update(trouble, now / 2) for now, trouble in enumerate(troubles)]
    assert [text for text in told if text] == ["said 500", "the endpoint answers"]


@pytest.mark.parametrize("every", [0.2, 1.0, 5.0])
def test_many_forms_of_trouble_that_come_and_go_are_no_flood(every: float) -> None:
    status, chance = AlertFilter("the endpoint answers", starts_well=True), random.Random(1)
    told_at: list[float] = []
    for number in range(round(600 / every)):
        trouble = f"failed in way {chance.choice('abcdefgh')}" if chance.random() < 0.47 else ""
        told_at += [at for at in (number * every, (number + 0.9) * every) if status.update(trouble, at)]
    assert told_at
    assert all(sum(at <= other < at + 60 for other in told_at) <= 6 for at in told_at)


def test_trouble_that_begins_again_and_stays_is_told_in_the_end() -> None:
    status = AlertFilter("pictures come", starts_well=True)
    told = [(now, status.update("" if 5 <= now < 20 else "lost", now)) for now in range(200)]
    assert [line for line in told if line[1]] == [(2, "lost"), (7, "pictures come"), (62, "lost")]


def test_what_comes_and_goes_is_told_once_a_minute() -> None:
    status = AlertFilter("pictures come", starts_well=True)
    told = [now for now in range(600) if status.update("lost" if now // 5 % 2 else "", now)]
    assert len(told) <= 2 * 11


def test_another_trouble_is_news() -> None:
    status = AlertFilter("pictures come", starts_well=True)
    told = [status.update("silent" if now < 10 else "refused", now) for now in range(20)]
    assert [text for text in told if text] == ["silent", "refused"]


def test_at_the_end_is_told_what_was_too_young_for_a_line() -> None:
    status = CameraStatusLog(pictures_come=True)
    refused, spent = Stats(endpoint_trouble="refused 1"), Stats(endpoint_trouble="spent", source_trouble="lost")
    assert not [news for now in range(2) for news in status.update(refused, now)]
    assert status.flush(refused) == [("refused 1", True)]
    assert status.update(refused, 2) == [("refused 1", True)]
    assert not status.flush(Stats(endpoint_trouble="refused 2"))
    assert status.flush(spent) == [("spent", True), ("lost", True)]
    assert not status.flush(Stats())


def test_a_full_machine_is_told_once_and_when_it_is_over() -> None:
    status = CameraStatusLog(pictures_come=True)
    shown = [18, 17, 16, 17, 18, 20, 0, 0, 0, 0]
    texts = [f"machine is full: 30 asked, {fps} shown" if fps else "" for fps in shown]
    told = [news for now, text in enumerate(texts) for news in status.update(Stats(machine_trouble=text), now)]
    assert told == [("machine is full: 30 asked, 16 shown", True), ("the machine shows what is asked again", False)]


def test_source_and_endpoint_are_told_apart() -> None:
    status = CameraStatusLog(pictures_come=True)
    one = Stats(captured=1, endpoint_trouble="refused")
    both = replace(one, source_trouble="lost")
    told = [[*status.update(both if now < 5 else one, now)] for now in range(10)]
    assert [news for news in told if news] == [[("refused", True), ("lost", True)], [("pictures come", False)]]
