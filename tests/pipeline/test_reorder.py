from __future__ import annotations

import gc
import itertools
import weakref
from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Frame, Image, Lost, Outcome, Result
from kpstream.pipeline.reorder import PassThrough, PlayoutBuffer, ReorderBuffer, WaitForAll

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(index, index / 30, 0.0, IMAGE)


def result(index: int) -> Result:
    return Result(index, index / 30, (), 0.0, 0.0, 0.0)


def released(reorder: ReorderBuffer) -> list[str]:
    return [
        f"{'R' if isinstance(i, Result) else 'F'}{i.frame_index if isinstance(i, Result) else i.index}"
        for i in reorder.release(0.0)
    ]


def test_live_frames_never_wait() -> None:
    reorder = PassThrough()
    reorder.push(frame(0), sampled=True)
    assert released(reorder) == ["F0"]


def test_a_live_result_that_comes_after_a_newer_one_is_stale() -> None:
    reorder = PassThrough()
    reorder.settle([result(12), result(6)])
    assert released(reorder) == ["R6", "R12"]
    reorder.settle([result(0), Lost(18)])
    assert released(reorder) == []
    assert reorder.stale == 1


def test_a_recorded_frame_waits_for_the_answers_on_both_sides() -> None:
    reorder = WaitForAll(100)
    for index in range(5):
        reorder.push(frame(index), sampled=index % 3 == 0)
    assert released(reorder) == []
    reorder.settle([result(3)])
    assert released(reorder) == []  # frame 0 is still being asked about
    reorder.settle([result(0)])
    assert released(reorder) == ["R0", "F0", "R3", "F1", "F2", "F3"]
    reorder.finish()
    assert released(reorder) == ["F4"]


def test_a_lost_sample_makes_its_neighbours_wait_for_the_next_one() -> None:
    reorder = WaitForAll(100)
    for index in range(4):
        reorder.push(frame(index), sampled=True)
    reorder.settle([result(0), Lost(1), result(3)])
    assert released(reorder) == ["R0", "F0"]
    reorder.settle([result(2)])
    assert released(reorder) == ["R2", "F1", "F2", "R3", "F3"]


def test_it_is_full_until_an_answer_lets_frames_go() -> None:
    reorder = WaitForAll(2)
    reorder.push(frame(0), sampled=True)
    reorder.push(frame(1), sampled=False)
    assert reorder.full
    reorder.settle([result(0)])
    assert released(reorder) == ["R0", "F0"]
    assert not reorder.full


@given(st.data())
def test_every_frame_goes_once_in_order_after_what_it_needs(data: st.DataObject) -> None:
    sampled = data.draw(st.lists(st.booleans(), min_size=1, max_size=30))
    lost = {i for i, s in enumerate(sampled) if s and data.draw(st.booleans())}
    order = data.draw(st.permutations([i for i, s in enumerate(sampled) if s]))
    reorder, seen = WaitForAll(100), []
    for index, is_sampled in enumerate(sampled):
        reorder.push(frame(index), sampled=is_sampled)
    reorder.finish()
    for index in order:
        outcome: Outcome = Lost(index) if index in lost else result(index)
        reorder.settle([outcome])
        seen += list(reorder.release(0.0))
    seen += list(reorder.release(0.0))
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


def seen_at(index: int) -> Frame:
    return Frame(index, index / 30, index / 30, IMAGE)


def answered_at(index: int, received_at: float) -> Result:
    return Result(index, index / 30, (), index / 30, index / 30, received_at)


class Aligner:
    """A live view at 30 frames a second, every sixth sampled, whose answers take a while each."""

    def __init__(self, reorder: PlayoutBuffer, latency: dict[int, float] | float) -> None:
        self.reorder = reorder
        self.shown: dict[int, float] = {}
        self.known: dict[int, int] = {}
        self._latency = latency
        self._underway: dict[int, float] = {}

    def run(self, frames: int, *, step: float = 1 / 120) -> None:
        captured, newest = 0, -1
        for tick in range(int(frames / 30 / step)):
            now = tick * step
            while captured / 30 <= now:
                sampled = captured % 6 == 0
                self.reorder.push(seen_at(captured), sampled=sampled)
                if sampled:
                    late = self._latency if isinstance(self._latency, float) else self._latency.get(captured, 0.4)
                    self._underway[captured] = captured / 30 + late
                captured += 1
            arrived = [index for index, at in self._underway.items() if at <= now]
            self.reorder.settle([answered_at(index, self._underway.pop(index)) for index in arrived])
            for item in self.reorder.release(now):
                if isinstance(item, Result):
                    assert item.frame_index > newest, "results go in order"
                    newest = item.frame_index
                else:
                    self.shown[item.index] = now
                    self.known[item.index] = newest


def test_an_aligned_picture_goes_at_a_steady_delay_with_both_sides_known() -> None:
    aligner = Aligner(PlayoutBuffer(1.5, 100), 0.4)
    aligner.run(300)
    delays = [at - index / 30 for index, at in aligner.shown.items() if index > 30]
    assert list(aligner.shown) == list(range(len(aligner.shown)))
    assert max(delays) < 0.75  # the interval and the latency, and a little for the loop
    assert max(delays) - min(delays) < 0.03
    assert all(aligner.known[index] >= index for index in aligner.shown if index > 30)


def test_an_answer_that_is_later_than_the_delay_is_not_waited_for_and_used_afterwards() -> None:
    aligner = Aligner(PlayoutBuffer(1.0, 100), {60: 1.3, 66: 1.3, 72: 1.3})
    aligner.run(200)
    delays = [at - index / 30 for index, at in aligner.shown.items() if index > 30]
    assert max(delays) < 1.03
    steps = [b - a for a, b in zip(list(aligner.shown.values())[30:], list(aligner.shown.values())[31:], strict=False)]
    assert max(steps) < 0.1, "the picture never stops"
    assert aligner.known[61] < 61
    assert aligner.known[max(aligner.known)] > 72


def test_an_aligned_picture_goes_on_without_any_answer() -> None:
    aligner = Aligner(PlayoutBuffer(0.8, 100), 1e9)
    aligner.run(120)
    assert len(aligner.shown) == 120 - 24
    assert max(at - index / 30 for index, at in aligner.shown.items()) < 0.82


def test_an_aligned_line_never_holds_more_than_its_capacity_and_gives_all_at_the_end() -> None:
    reorder = PlayoutBuffer(9.0, 4)
    for index in range(6):
        reorder.push(seen_at(index), sampled=False)
    assert [item.index for item in reorder.release(0.2) if isinstance(item, Frame)] == [0, 1]
    assert [item.index for item in reorder.release(inf) if isinstance(item, Frame)] == [2, 3, 4, 5]
    assert reorder.wakes_at == inf


@given(st.data())
def test_an_aligned_line_gives_every_frame_once_whatever_comes_when(data: st.DataObject) -> None:
    latencies = {i: data.draw(st.floats(0.01, 3.0)) for i in range(0, 90, 6)}
    aligner = Aligner(PlayoutBuffer(1.0, 100), latencies)
    aligner.run(90, step=1 / 60)
    for item in aligner.reorder.release(inf):
        if isinstance(item, Frame):
            aligner.shown[item.index] = 99.0
    assert list(aligner.shown) == list(range(90))


def test_an_aligned_line_keeps_no_picture_that_has_gone() -> None:
    aligner = Aligner(PlayoutBuffer(1.5, 100), 0.4)
    images = list[weakref.ref[Image]]()
    push = aligner.reorder.push

    def watched(frame: Frame, *, sampled: bool) -> None:
        image = IMAGE.copy()
        images.append(weakref.ref(image))
        push(frame.showing(image), sampled=sampled)

    aligner.reorder.push = watched  # type: ignore[method-assign]
    aligner.run(300)
    gc.collect()
    assert sum(image() is not None for image in images) < 60


def test_after_an_outage_the_aligned_picture_does_not_jump() -> None:
    aligner = Aligner(
        PlayoutBuffer(1.5, 100), {**dict.fromkeys(range(150, 400, 6), 1e9), **dict.fromkeys(range(402, 480, 6), 0.1)}
    )
    aligner.run(480)
    shown = list(aligner.shown.values())
    assert max(b - a for a, b in itertools.pairwise(shown[30:])) < 0.15
    assert sum(1 for a, b in itertools.pairwise(shown[30:]) if b == a) < 12
