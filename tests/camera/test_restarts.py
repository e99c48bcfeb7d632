"""How long a camera that dies waits, and what is told of it."""

from __future__ import annotations

from kpstream.camera.restarts import Restarts

KILLED = "its process was ended by SIGSEGV"


def test_deaths_at_once_wait_ever_longer_and_are_told_twice() -> None:
    restarts = Restarts()
    notes = [restarts.note(0.1, KILLED) for _ in range(10)]
    assert [pause for pause, _ in notes] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert [(number, line) for number, (_, line) in enumerate(notes, 1) if line] == [
        (1, f"{KILLED} - begins again"),
        (6, f"{KILLED}, 6 times in a row - tried again every minute from now on"),
    ]


def test_a_death_of_another_cause_is_told() -> None:
    restarts = Restarts()
    lines = [restarts.note(0.1, fault)[1] for fault in (KILLED, "another", KILLED, "", "")]
    assert lines == [f"{KILLED} - begins again", "another - begins again", f"{KILLED} - begins again", "", ""]


def test_after_a_minute_of_life_a_death_is_the_first_one() -> None:
    restarts = Restarts()
    for _ in range(4):
        restarts.note(0.1, KILLED)
    assert restarts.note(61.0, KILLED) == (1.0, f"{KILLED} - begins again")
