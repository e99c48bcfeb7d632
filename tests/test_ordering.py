from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Frame, Result
from kpstream.ordering import Complete, Immediate, Line, Lost, Outcome

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(index, index / 30, 0.0, IMAGE)


def result(index: int) -> Result:
    return Result(index, index / 30, (), 0.0, 0.0, 0.0)


def released(line: Line) -> list[str]:
    return [
        f"{'R' if isinstance(i, Result) else 'F'}{i.frame_index if isinstance(i, Result) else i.index}"
        for i in line.release()
    ]


def test_live_frames_never_wait() -> None:
    line = Immediate()
    line.push(frame(0), sampled=True)
    assert released(line) == ["F0"]


def test_a_live_result_that_comes_after_a_newer_one_is_stale() -> None:
    line = Immediate()
    line.settle([result(12), result(6)])
    assert released(line) == ["R6", "R12"]
    line.settle([result(0), Lost(18)])
    assert released(line) == []
    assert line.stale == 1


def test_a_recorded_frame_waits_for_the_answers_on_both_sides() -> None:
    line = Complete(100)
    for index in range(5):
        line.push(frame(index), sampled=index % 3 == 0)
    assert released(line) == []
    line.settle([result(3)])
    assert released(line) == []  # frame 0 is still being asked about
    line.settle([result(0)])
    assert released(line) == ["R0", "F0", "R3", "F1", "F2", "F3"]
    line.finish()
    assert released(line) == ["F4"]


def test_a_lost_sample_makes_its_neighbours_wait_for_the_next_one() -> None:
    line = Complete(100)
    for index in range(4):
        line.push(frame(index), sampled=True)
    line.settle([result(0), Lost(1), result(3)])
    assert released(line) == ["R0", "F0"]
    line.settle([result(2)])
    assert released(line) == ["R2", "F1", "F2", "R3", "F3"]


def test_it_is_full_until_an_answer_lets_frames_go() -> None:
    line = Complete(2)
    line.push(frame(0), sampled=True)
    line.push(frame(1), sampled=False)
    assert line.full
    line.settle([result(0)])
    assert released(line) == ["R0", "F0"]
    assert not line.full


@given(st.data())
def test_every_frame_goes_once_in_order_after_what_it_needs(data: st.DataObject) -> None:
    sampled = data.draw(st.lists(st.booleans(), min_size=1, max_size=30))
    lost = {i for i, s in enumerate(sampled) if s and data.draw(st.booleans())}
    order = data.draw(st.permutations([i for i, s in enumerate(sampled) if s]))
    line, seen = Complete(100), []
    for index, is_sampled in enumerate(sampled):
        line.push(frame(index), sampled=is_sampled)
    line.finish()
    for index in order:
        outcome: Outcome = Lost(index) if index in lost else result(index)
        line.settle([outcome])
        seen += list(line.release())
    seen += list(line.release())
    frames = [item.index for item in seen if isinstance(item, Frame)]
    results = [item.frame_index for item in seen if isinstance(item, Result)]
    assert frames == list(range(len(sampled)))
    assert results == sorted(i for i, s in enumerate(sampled) if s and i not in lost)
    known: set[int] = set()
    for item in seen:
        if isinstance(item, Result):
            known.add(item.frame_index)
        else:
            after = [r for r in results if r >= item.index]
            assert not after or after[0] in known
