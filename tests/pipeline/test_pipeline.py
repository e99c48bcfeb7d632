from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf

import numpy as np
import pytest

from kpstream.dispatch.rule import Rule
from kpstream.dispatch.sampling import HEARTBEAT, Adaptive, EveryNth
from kpstream.entities import Answer, Event, Frame, Image, Scene, Stats
from kpstream.errors import BudgetSpent, EndpointRejected, EndpointUnavailable, SinkError, SourceReadError, ViewerQuit
from kpstream.interfaces import SceneRules
from kpstream.media.frame import Luma
from kpstream.media.shrinking import shrunk
from kpstream.pipeline import Pipeline
from kpstream.testing import FakeEndpoint, Gate, ListSink, ManualClock, SyntheticSource, index_of, truth, wait_until


def drawn_as_true(scene: Scene) -> bool:
    return len(scene.poses) == 1 and np.allclose(scene.poses[0].xy, truth(scene.frame.index).xy, atol=0.01)


def test_recorded_video_gets_every_frame_measured_and_in_order() -> None:
    endpoint = FakeEndpoint()
    with Pipeline(SyntheticSource(40), endpoint) as pipeline:
        scenes = list(pipeline)
    assert [scene.frame.index for scene in scenes] == list(range(40))
    assert all(drawn_as_true(scene) and scene.poses[0].origin == "measured" for scene in scenes)
    assert sorted(endpoint.asked) == list(range(40))
    assert all(scene.result_age == 0 and scene.result_frame_index == scene.frame.index for scene in scenes)


def test_answers_that_overtake_each_other_do_not_change_the_order() -> None:
    gate, seen = Gate(), list[int]()
    with Pipeline(SyntheticSource(4), FakeEndpoint(gate), max_in_flight=4) as pipeline:
        thread = threading.Thread(target=lambda: seen.extend(scene.frame.index for scene in pipeline))
        thread.start()
        gate.wait_for(0, 1, 2, 3)
        gate.let_through(3, 2, 1)
        wait_until(lambda: pipeline.stats.answered == 3)
        assert seen == []
        gate.let_through(0)
        thread.join()
    assert seen == [0, 1, 2, 3]


def test_sparse_samples_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpstream.pipeline.pipeline.HELD_BYTES", 10 * 96 * 64 * 3)
    endpoint, most = FakeEndpoint(), 0
    with Pipeline(SyntheticSource(100), endpoint, sampling=EveryNth(1000)) as pipeline:
        for scene in pipeline:
            most = max(most, pipeline.stats.captured - scene.frame.index)
    assert most <= 12
    assert len(endpoint.asked) >= 9


def test_recorded_video_that_is_sampled_sparsely_is_interpolated() -> None:
    endpoint = FakeEndpoint()
    with Pipeline(SyntheticSource(31), endpoint, rate=5) as pipeline:
        scenes = list(pipeline)
    assert sorted(endpoint.asked) == [0, 6, 12, 18, 24, 30]
    assert len(scenes) == 31
    assert all(drawn_as_true(scene) for scene in scenes)
    assert [scene.poses[0].origin for scene in scenes[:3]] == ["measured", "interpolated", "interpolated"]
    assert scenes[3].result_age < 0  # its newest answer lies ahead of it


def test_one_object_keeps_its_number() -> None:
    with Pipeline(SyntheticSource(20), FakeEndpoint(), rate=10) as pipeline:
        assert {scene.poses[0].tracker_id for scene in pipeline} == {1}


def test_live_pictures_never_wait_for_answers() -> None:
    gate = Gate()
    clock = ManualClock()
    with Pipeline(SyntheticSource(1, is_live=True), FakeEndpoint(gate), clock=clock) as pipeline:
        scenes = iter(pipeline)
        scene = next(scenes)
        gate.open()
        assert list(scenes) == []
    assert scene.poses == ()
    assert scene.result_frame_index is None
    assert np.isnan(scene.result_age)


def test_the_sinks_get_every_scene_drawn_and_are_closed() -> None:
    class White:
        def annotate(self, canvas: Image, scene: Scene) -> None:
            canvas[:] = 255

    sink = ListSink()
    with Pipeline(SyntheticSource(5), FakeEndpoint(), sinks=[sink], annotator=White()) as pipeline:
        stats = pipeline.run()
    assert [scene.frame.index for scene in sink.scenes] == list(range(5))
    assert all(canvas.min() == 255 for canvas in sink.canvases)
    assert all(scene.frame.image.max() < 255 for scene in sink.scenes)
    assert sink.closed
    assert (stats.rendered, stats.requests, stats.answered) == (5, 5, 5)


def test_without_an_annotator_the_sinks_get_the_picture_itself() -> None:
    sink = ListSink()
    with Pipeline(SyntheticSource(2), FakeEndpoint(), sinks=[sink], annotator=None) as pipeline:
        pipeline.run()
    assert all(canvas is scene.frame.image for scene, canvas in zip(sink.scenes, sink.canvases, strict=True))


def test_a_refusal_ends_the_run_after_what_was_answered_is_shown() -> None:
    def answer(image: Image) -> Answer:
        if index_of(image) == 3:
            raise EndpointRejected("no credits left")
        return Answer(())

    sink = ListSink()
    with (
        pytest.raises(EndpointRejected, match="no credits"),
        Pipeline(SyntheticSource(10), FakeEndpoint(answer), sinks=[sink], max_in_flight=1) as pipeline,
    ):
        pipeline.run()
    assert [scene.frame.index for scene in sink.scenes] == [0, 1, 2]
    assert sink.closed


def test_a_broken_recorded_source_is_raised_after_its_frames_were_shown() -> None:
    sink = ListSink()
    with (
        pytest.raises(SourceReadError),
        Pipeline(SyntheticSource(10, fails_at=[4]), FakeEndpoint(), sinks=[sink]) as pipeline,
    ):
        pipeline.run()
    assert sink.closed


def test_stopping_early_writes_what_is_answered_and_nothing_unanswered() -> None:
    sink = ListSink()
    with Pipeline(SyntheticSource(1000), FakeEndpoint(), sinks=[sink]) as pipeline:
        for scene in pipeline:
            if scene.frame.index == 10:
                pipeline.stop()
    indices = [scene.frame.index for scene in sink.scenes]
    assert indices == list(range(len(indices)))
    assert 11 <= len(indices) < 1000
    assert all(drawn_as_true(scene) for scene in sink.scenes)


def test_closing_the_window_ends_everything() -> None:
    class Window(ListSink):
        def write(self, scene: Scene, canvas: Image) -> None:
            raise ViewerQuit("closed")

    source, endpoint = SyntheticSource(100), FakeEndpoint()
    with pytest.raises(ViewerQuit), Pipeline(source, endpoint, sinks=[Window()]) as pipeline:
        pipeline.run()
    assert source.closed
    assert endpoint.closed


def test_one_sink_that_cannot_close_does_not_keep_the_others_open() -> None:
    class Broken(ListSink):
        def close(self) -> None:
            raise SinkError("disk is full")

    last = ListSink()
    with (
        pytest.raises(SinkError, match="disk is full"),
        Pipeline(SyntheticSource(2), FakeEndpoint(), sinks=[Broken(), last]) as pipeline,
    ):
        pipeline.run()
    assert last.closed


def test_a_pipeline_that_never_ran_still_closes_everything() -> None:
    source, endpoint, sink = SyntheticSource(), FakeEndpoint(), ListSink()
    with Pipeline(source, endpoint, sinks=[sink]):
        pass
    assert source.closed
    assert endpoint.closed
    assert sink.closed


def test_a_live_source_that_is_lost_comes_back_and_says_so() -> None:
    source = SyntheticSource(10, is_live=True, fails_at=[0])
    source.missing = 1  # so that the pause before it is back is a long one
    idle = 0

    def on_idle(_: Stats) -> None:
        nonlocal idle
        idle += 1

    with Pipeline(source, FakeEndpoint(), on_idle=on_idle) as pipeline:
        stats = pipeline.run()
    assert stats.reconnects == 1
    assert idle


def test_live_scenes_share_their_figures_for_a_tenth_of_a_second() -> None:
    turn = threading.Semaphore(1)

    class InStep(SyntheticSource):
        def read(self) -> Frame | None:
            turn.acquire()
            return super().read()

    told = []
    with Pipeline(InStep(7, is_live=True), FakeEndpoint()) as pipeline:
        for scene in pipeline:
            told.append(scene.stats.rendered)
            turn.release()
    assert told == [1, 1, 1, 4, 4, 4, 7]


def test_each_recorded_scene_has_its_own_figures() -> None:
    with Pipeline(SyntheticSource(7), FakeEndpoint()) as pipeline:
        assert [scene.stats.rendered for scene in pipeline] == [1, 2, 3, 4, 5, 6, 7]


def test_frames_that_the_source_skipped_count_as_dropped() -> None:
    class Skipping(SyntheticSource):
        def picture(self, index: int) -> Image:
            self.reads += 1  # one frame in two is never taken
            return super().picture(index)

    with Pipeline(Skipping(10), FakeEndpoint()) as pipeline:
        stats = pipeline.run()
    assert stats.captured == 5
    assert stats.dropped == 4


def test_a_refusal_is_told_though_no_frame_follows() -> None:
    def refuse(_: Image) -> Answer:
        raise EndpointRejected("no such model")

    source = SyntheticSource(1, is_live=True)
    with pytest.raises(EndpointRejected), Pipeline(source, FakeEndpoint(refuse)) as pipeline:
        pipeline.run()


def test_a_file_that_begins_in_its_middle_has_dropped_nothing() -> None:
    source = SyntheticSource(20)
    source.reads = 12
    with Pipeline(source, FakeEndpoint()) as pipeline:
        stats = pipeline.run()
    assert (stats.rendered, stats.dropped) == (8, 0)


def test_closing_in_the_middle_of_the_loop_ends_it() -> None:
    with Pipeline(SyntheticSource(1000), FakeEndpoint()) as pipeline:
        for _ in pipeline:
            pipeline.close()


def test_what_the_endpoint_says_is_told() -> None:
    def answer(_: Image) -> Answer:
        raise EndpointUnavailable("endpoint says 503, try later")

    with Pipeline(SyntheticSource(1, is_live=True), FakeEndpoint(answer)) as pipeline:
        pipeline.run()
        wait_until(lambda: pipeline.stats.lost == 1)
        assert pipeline.stats.trouble == "endpoint says 503, try later"


@pytest.mark.parametrize(("frames", "asked"), [(16, [0, 6, 12, 15]), (13, [0, 6, 12]), (2, [0, 1])])
def test_the_last_frame_is_asked_so_that_interpolation_reaches_the_end(frames: int, asked: list[int]) -> None:
    endpoint = FakeEndpoint()
    with Pipeline(SyntheticSource(frames), endpoint, sampling=EveryNth(6)) as pipeline:
        scenes = list(pipeline)
    assert sorted(endpoint.asked) == asked
    assert [scene.frame.index for scene in scenes] == list(range(frames))
    assert {scene.poses[0].origin for scene in scenes} <= {"measured", "interpolated"}
    assert all(drawn_as_true(scene) for scene in scenes)


def test_the_last_frame_is_not_worth_an_error_where_the_budget_is_spent() -> None:
    endpoint = FakeEndpoint()
    with Pipeline(SyntheticSource(10), endpoint, sampling=EveryNth(6), max_requests=2) as pipeline:
        assert pipeline.run().rendered == 10
    assert sorted(endpoint.asked) == [0, 6]


def test_a_spent_budget_ends_recorded_video_after_what_was_answered() -> None:
    endpoint, sink = FakeEndpoint(), ListSink()
    pipeline = Pipeline(SyntheticSource(60), endpoint, sinks=[sink], rate=5, max_requests=4)
    with pipeline, pytest.raises(BudgetSpent):
        pipeline.run()
    assert sorted(endpoint.asked) == [0, 6, 12, 18]
    assert [scene.frame.index for scene in sink.scenes] == list(range(19))


def test_a_live_picture_goes_on_when_the_budget_is_spent() -> None:
    source = SyntheticSource(200, is_live=True)
    with Pipeline(source, FakeEndpoint(), rate=30, max_requests=1) as pipeline:
        stats = pipeline.run()
    assert stats.requests == 1
    assert stats.captured == stats.rendered
    assert stats.requests_left == 0


def test_an_aligned_live_picture_shows_what_was_found_on_both_sides_of_it() -> None:
    clock, scenes = ManualClock(0.0), list[Scene]()
    source = SyntheticSource(61, is_live=True, clock=clock)

    class Metronome:
        """The source at its own pace: the next picture comes when the line has nothing more to give."""

        name, is_live, frame_rate = "metronome", True, 30.0
        stall_timeout, close = inf, source.close

        def read(self) -> Frame | None:
            turn.acquire()
            clock.advance(1 / 30)
            return source.read()

    def all_is_in(captured: int) -> bool:
        stats = pipeline.stats
        return stats.captured == captured and (captured == 61 or not stats.in_flight)

    turn = threading.Semaphore(1)
    with Pipeline(Metronome(), FakeEndpoint(), rate=5, delay=1.0, clock=clock) as pipeline:
        thread = threading.Thread(target=lambda: scenes.extend(pipeline))
        thread.start()
        for captured in range(1, 62):
            wait_until(partial(all_is_in, captured))
            turn.release()
        while thread.is_alive():
            clock.advance(0.01)
            thread.join(0.001)
    assert [scene.frame.index for scene in scenes] == list(range(61))
    assert all(drawn_as_true(scene) for scene in scenes[1:])
    between = [scene for scene in scenes[7:55] if scene.frame.index % 6]
    assert {scene.poses[0].origin for scene in between} == {"interpolated"}
    assert all(scene.rendered_at - scene.frame.captured_at <= 1.05 for scene in scenes)


def test_an_outage_of_recorded_video_is_told_while_it_lasts() -> None:
    told, failing = list[str](), True

    def answer(image: Image) -> Answer:
        if failing:
            raise EndpointUnavailable("503, try later", status=503, retry_after=0.0)
        return Answer((truth(index_of(image)),))

    def on_idle(stats: Stats) -> None:
        nonlocal failing
        told.append(stats.trouble)
        failing = not any(told)

    with Pipeline(SyntheticSource(3), FakeEndpoint(answer), on_idle=on_idle) as pipeline:
        assert pipeline.run().answered == 3
    assert "503, try later" in told


class RefusesOnce(Rule):
    """Has no leave for the first picture when it comes: who deals it out is elsewhere."""

    def __init__(self) -> None:
        self._is_first = True

    def allows(self, now: float) -> bool:
        is_first, self._is_first = self._is_first, False
        return not is_first


@pytest.mark.parametrize(("frames", "rule"), [(1, RefusesOnce), (2, Rule)])
def test_while_no_picture_follows_the_last_one_is_asked_about_if_it_was_due(frames: int, rule: type[Rule]) -> None:
    source, idle = SyntheticSource(3, is_live=True, fails_at=[frames]), 0
    source.missing = 10**9

    def on_idle(stats: Stats) -> None:
        nonlocal idle
        idle += 1
        if (stats.answered and idle > 2) or idle > 100:
            pipeline.stop()

    with Pipeline(source, FakeEndpoint(), rate=5, gate_rules=[rule()], on_idle=on_idle) as pipeline:
        assert pipeline.run().requests == 1


def test_a_live_file_that_ended_does_not_wait_for_answers_when_it_is_stopped() -> None:
    gate = Gate()

    def on_idle(_: Stats) -> None:
        pipeline.stop()

    with Pipeline(SyntheticSource(2, is_live=True), FakeEndpoint(gate), on_idle=on_idle) as pipeline:
        assert pipeline.run().answered == 0
        gate.open()


def test_how_long_a_camera_is_silent_is_told_by_the_clock_of_the_pipeline() -> None:
    clock, told = ManualClock(), list[str]()
    source = SyntheticSource(2, is_live=True, fails_at=[1])
    source.missing = 10**9

    def on_idle(stats: Stats) -> None:
        told.append(stats.source_trouble)
        pipeline.stop()

    with Pipeline(source, FakeEndpoint(), on_idle=on_idle, clock=clock) as pipeline:
        next(scenes := iter(pipeline))
        wait_until(lambda: "not back yet" in pipeline.stats.source_trouble)
        clock.advance(3600.0)
        assert list(scenes) == []
    assert told == ["camera silent for 3600 s, trying again: the synthetic source is not back yet"]


def test_a_person_at_rest_whom_an_answer_overlooks_stays_drawn_and_is_asked_about_again() -> None:
    beat = int(HEARTBEAT * 30)
    turn, answered = threading.Semaphore(), threading.Semaphore(0)

    class Still(SyntheticSource):
        """The same square in every picture; the next one comes when the last one was shown."""

        def read(self) -> Frame | None:
            turn.acquire()
            return super().read()

        def picture(self, index: int) -> Image:
            picture = super().picture(0)
            picture[0, :4] = super().picture(index)[0, :4]
            return picture

    def overlook_at_the_first_heartbeat(image: Image) -> Answer:
        answered.release()
        return Answer(() if index_of(image) == beat else (truth(0),))

    endpoint, drawn = FakeEndpoint(overlook_at_the_first_heartbeat), list[bool]()
    source = Still(beat + 120, is_live=True)
    with Pipeline(source, endpoint, sampling=Adaptive(5), clock=ManualClock()) as pipeline:
        for scene in pipeline:
            if scene.frame.index in (0, beat):
                answered.acquire()
            drawn.append(bool(scene.poses))
            turn.release()
    assert endpoint.asked[:2] == [0, beat]
    assert beat < endpoint.asked[2] < beat + 60
    assert all(drawn[30:])


def test_a_live_scene_tells_which_answers_were_used_since_the_one_before() -> None:
    turn = threading.Semaphore()

    class InTurn(SyntheticSource):
        def read(self) -> Frame | None:
            turn.acquire()
            return super().read()

    answers = []
    with Pipeline(InTurn(90, is_live=True), FakeEndpoint(), clock=ManualClock()) as pipeline:
        for scene in pipeline:
            assert scene.answers is not None
            answers += [(scene.frame.index, answer) for answer in scene.answers]
            asked = scene.frame.index // 6 + 1  # 5 a second of 30
            wait_until(lambda asked=asked: pipeline.stats.answered >= asked)  # type: ignore[misc]
            turn.release()

    used = [answer.frame_index for _, answer in answers]
    assert used == sorted(set(used))
    assert len(used) >= 10
    for shown, answer in answers:
        assert answer.frame_index <= shown
        (pose,) = answer.poses
        assert (pose.origin, pose.tracker_id) == ("measured", 1)
        assert np.allclose(pose.xy, truth(answer.frame_index).xy, atol=0.01)


def test_a_recorded_scene_needs_no_answers_beside_its_poses() -> None:
    with Pipeline(SyntheticSource(3), FakeEndpoint()) as pipeline:
        assert [scene.answers for scene in pipeline] == [None] * 3


class OneEvent:
    """Rules that say that something goes on from the third scene on, and want answers until then."""

    def __init__(self) -> None:
        self.seen: list[Scene] = []
        self.finished = 0

    @property
    def is_undecided(self) -> bool:
        return len(self.seen) < 3

    def observe(self, scene: Scene) -> tuple[Event, ...]:
        self.seen.append(scene)
        return () if self.is_undecided else (AN_EVENT,)

    def finish(self) -> None:
        self.finished += 1


AN_EVENT = Event("1", "opened", "it", "custom", "alert", "", (), None, None, 0.0, 0.0, None, 0)


def test_what_the_rules_say_of_a_scene_is_seen_by_whoever_gets_it() -> None:
    rules, sink = OneEvent(), ListSink()
    with Pipeline(SyntheticSource(5), FakeEndpoint(), rules=rules, sinks=[sink]) as pipeline:
        scenes = list(pipeline)

    assert [scene.events for scene in scenes] == [(), (), *[(AN_EVENT,)] * 3]
    assert [scene.events for scene in sink.scenes] == [scene.events for scene in scenes]
    assert all(scene.poses[0].origin == "measured" for scene in rules.seen)
    assert rules.finished == 1


def test_rules_that_are_undecided_want_answers_also_of_a_picture_at_rest() -> None:
    class Still(SyntheticSource):
        def picture(self, index: int) -> Image:
            picture = super().picture(0)
            picture[0, :4] = super().picture(index)[0, :4]
            return picture

    def asked(rules: SceneRules | None) -> int:
        endpoint = FakeEndpoint(lambda _: Answer((truth(0),)))
        with Pipeline(Still(60), endpoint, rules=rules, sampling=Adaptive(5)) as pipeline:
            pipeline.run()
        return len(endpoint.asked)

    class Undecided(OneEvent):
        is_undecided = True

        def observe(self, scene: Scene) -> tuple[Event, ...]:
            return ()

    assert asked(Undecided()) > 2 * asked(None)


class Converted:
    """A picture of a decoder, which notes when it is converted."""

    def __init__(self, image: Image, note: Callable[[], None]) -> None:
        self.size, self.luma = (image.shape[1], image.shape[0]), Luma(np.ascontiguousarray(image[:, :, 1]))
        self._image, self._note = image, note

    @property
    def image(self) -> Image:
        self._note()
        return self._image

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        return shrunk(self.image, longest)


def test_only_what_is_asked_about_is_converted_where_nobody_draws() -> None:
    converted: list[int] = []

    class Decoded(SyntheticSource):
        def read(self) -> Frame | None:
            frame = super().read()
            if frame is None:
                return None
            return replace(frame, picture=Converted(frame.image, partial(converted.append, frame.index)))

    endpoint = FakeEndpoint()
    with Pipeline(Decoded(31), endpoint, rate=5) as pipeline:
        scenes = list(pipeline)
    assert len(scenes) == 31
    assert all(drawn_as_true(scene) for scene in scenes)
    assert set(converted) == set(endpoint.asked) == {0, 6, 12, 18, 24, 30}
