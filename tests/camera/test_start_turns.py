"""Who may start when many want to."""

from __future__ import annotations

import threading

from kpstream.camera.start_turns import StartTurns


def turns_of(starts: StartTurns, count: int) -> list[threading.Event]:
    turns = [threading.Event() for _ in range(count)]
    for turn in turns:
        starts.ask(turn)
    return turns


def have(turns: list[threading.Event]) -> list[int]:
    return [number for number, turn in enumerate(turns) if turn.is_set()]


def test_so_many_have_their_turn_and_the_others_follow_in_their_order() -> None:
    starts = StartTurns(2)
    turns = turns_of(starts, 5)
    assert have(turns) == [0, 1]
    starts.end(turns[1])
    assert have(turns) == [0, 1, 2]
    starts.end(turns[0])
    assert have(turns) == [0, 1, 2, 3]


def test_a_turn_ends_once() -> None:
    starts = StartTurns(1)
    turns = turns_of(starts, 3)
    starts.end(turns[0])
    starts.end(turns[0])
    assert have(turns) == [0, 1]


def test_whoever_does_not_want_to_start_any_more_is_left_out() -> None:
    starts = StartTurns(1)
    turns = turns_of(starts, 3)
    starts.end(turns[1])
    starts.end(turns[0])
    assert have(turns) == [0, 2]
