"""What each kind of rule opens and ends, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any

import pytest

from kpstream.entities import Pose
from kpstream.errors import UsageError
from kpstream.events import (
    Absence,
    Angle,
    Condition,
    Count,
    Custom,
    Distance,
    Event,
    Fall,
    HandsUp,
    InZone,
    KeypointInZone,
    Line,
    LineCrossing,
    Lying,
    Observation,
    Repetitions,
    Rule,
    RuleEngine,
    RuleSet,
    Schedule,
    Speed,
    Still,
    Tilt,
    Zone,
    model_faults,
)
from kpstream.skeleton import COCO
from tests.events.people import (
    HEIGHT,
    answer,
    bending,
    crouching,
    drawn,
    lying,
    numbered,
    seen,
    standing,
    without,
)

LEFT_HALF = Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
GATE = Line("gate", (0.5, 1.0), (0.5, 0.0))
ELBOW = ("left_shoulder", "left_elbow", "left_wrist")


def engine(*rules: Rule, **options: Any) -> RuleEngine:
    numbers = count(1)
    return RuleEngine(
        RuleSet(rules, {"left": LEFT_HALF}, {"gate": GATE}),
        camera="hall",
        new_id=lambda: f"event {next(numbers)}",
        **options,
    )


def rule(condition: Condition, **changes: Any) -> Rule:
    return replace(Rule("it", condition, for_seconds=0.5, clear=1.0), **changes)


def play(one: RuleEngine, moments: Iterable[Observation]) -> list[Event]:
    return [event for moment in moments for event in one.observe(moment)]


def steadily(pose_at: Callable[[float], Sequence[Pose]], until: float, every: float = 0.1) -> Iterable[Observation]:
    """Everything measured, every so many seconds."""
    return [seen(n * every, *pose_at(n * every)) for n in range(round(until / every) + 1)]


def states(events: Iterable[Event]) -> list[str]:
    return [event.state for event in events if event.state != "updated"]


def test_an_event_opens_after_its_time_begins_with_the_first_true_moment_and_ends_with_the_last() -> None:
    events = play(engine(rule(InZone("left"))), steadily(lambda t: [standing(300 if 1 <= t <= 3 else 900)], 6))

    opened, ended = events
    assert (opened.state, opened.rule, opened.kind, opened.camera, opened.zone) == (
        "opened", "it", "in_zone", "hall", "left",
    )  # fmt: skip
    assert (opened.tracker_ids, opened.class_name) == ((1,), "person")
    assert (opened.began_pts, opened.opened_pts, opened.ended_pts) == (1.0, 1.5, None)
    assert opened.frame_index == 45
    assert (ended.state, ended.id, ended.began_pts) == ("ended", opened.id, 1.0)
    assert ended.ended_pts == pytest.approx(3.0)
    assert ended.frame_index == 90
    assert not ended.cut


def test_who_is_in_and_out_again_before_the_time_is_over_opens_nothing() -> None:
    assert not play(engine(rule(InZone("left"))), steadily(lambda t: [standing(300 if t % 1 < 0.4 else 900)], 5))


def test_predicted_poses_open_nothing_and_hold_what_is_open() -> None:
    one = engine(rule(InZone("left")))
    there = numbered(standing(300), 1, "predicted")

    assert not play(one, [drawn(n / 10, there) for n in range(50)])
    assert states(play(one, [answer(n / 10, standing(300)) for n in range(50, 60, 2)])) == ["opened"]
    assert not states(play(one, [drawn(n / 10, there) for n in range(60, 120)]))


def test_in_a_live_view_the_answers_open_at_their_own_time_though_later_pictures_were_drawn() -> None:
    one = engine(rule(InZone("left")))
    moments: list[Observation] = []
    for n in range(60):
        moments.append(drawn(n / 30, numbered(standing(300), 1, "predicted")))
        if n % 6 == 0 and n >= 12:
            moments.append(answer((n - 12) / 30, standing(300)))

    (opened,) = play(one, moments)

    assert opened.began_pts == 0.0
    assert opened.opened_pts == pytest.approx(0.6)


def test_who_comes_back_nearby_under_another_number_goes_on_in_the_same_event() -> None:
    def poses(t: float) -> list[Pose]:
        if 1.5 < t < 3:
            return []
        return [numbered(standing(300 + 20 * t), 1 if t <= 1.5 else 7)]

    events = play(engine(rule(InZone("left"))), steadily(poses, 5))

    assert states(events) == ["opened"]
    assert events[-1].tracker_ids == (1, 7)


def test_who_comes_far_away_is_somebody_else() -> None:
    def poses(t: float) -> list[Pose]:
        if 1.5 < t < 2:
            return []
        return [numbered(standing(80), 1) if t <= 1.5 else numbered(standing(600), 7)]

    events = play(engine(rule(InZone("left"))), steadily(poses, 5))

    assert states(events) == ["opened", "opened", "ended"]
    assert [event.tracker_ids for event in events if event.state == "opened"] == [(1,), (7,)]


def test_who_is_gone_ends_the_event_at_the_last_moment_at_which_it_was_true() -> None:
    *_, ended = play(engine(rule(InZone("left"))), steadily(lambda t: [standing(300)] if t <= 2 else [], 5))

    assert (ended.state, ended.ended_pts, ended.tracker_ids) == ("ended", 2.0, (1,))


def test_a_frozen_camera_ends_nothing() -> None:
    one = engine(rule(InZone("left")))

    moments = [seen(n / 10, standing(300)) for n in (*range(20), *range(600, 620))]

    assert states(play(one, moments)) == ["opened"]


def test_stale_poses_neither_open_nor_end() -> None:
    one = engine(rule(InZone("left")))
    play(one, [seen(n / 10, standing(300)) for n in range(10)])

    assert not states(play(one, [drawn(n / 10, standing(900)) for n in range(10, 100)]))


def test_what_is_open_at_the_end_is_cut() -> None:
    one = engine(rule(InZone("left")))
    play(one, steadily(lambda _: [standing(300)], 2))

    (ended,) = one.finish()

    assert (ended.state, ended.cut, ended.ended_pts, ended.to_json()["cut"]) == ("ended", True, 2.0, True)
    assert not one.open_events


def test_a_cooldown_keeps_the_same_object_from_opening_again() -> None:
    def pose(t: float) -> list[Pose]:
        return [standing(300 if t % 3 < 1 else 900)]

    assert states(play(engine(rule(InZone("left"))), steadily(pose, 9))) == ["opened", "ended"] * 3
    assert states(play(engine(rule(InZone("left"), cooldown=5)), steadily(pose, 9))) == ["opened", "ended"] * 2


def test_what_is_disarmed_is_seen_and_opens_nothing() -> None:
    one = engine(rule(InZone("left"), armed=False))

    assert not play(one, steadily(lambda _: [standing(300)], 2))
    (reading,) = one.readings
    assert (reading.rule, reading.tracker_ids, reading.truth, reading.since_pts) == ("it", (1,), True, 0.0)

    one.armed["it"] = True
    assert states(one.observe(seen(2.1, standing(300)))) == ["opened"]


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_an_event_lasts_as_long_as_its_pictures_where_the_clock_is_set_meanwhile(jump: float) -> None:
    now = datetime(2026, 11, 27, 6, tzinfo=UTC)
    one = engine(rule(InZone("left")), wall_clock=lambda pts: now + timedelta(seconds=pts + (jump if pts > 1.5 else 0)))

    opened, ended = play(one, steadily(lambda t: [standing(300 if t < 3 else 900)], 9))

    assert (
        (opened.began_at, opened.opened_at) == (ended.began_at, ended.opened_at) == (now, now + timedelta(seconds=0.5))
    )
    assert ended.ended_at == now + timedelta(seconds=ended.ended_pts or 0)


def test_a_schedule_holds_in_wall_clock_time() -> None:
    began = datetime(2026, 11, 27, 17, 59, 58, tzinfo=UTC)  # a Friday
    office = Schedule(frozenset(range(5)), time(8), time(18))
    one = engine(rule(InZone("left"), schedule=(office,)), wall_clock=lambda pts: began + timedelta(seconds=pts))

    events = play(one, steadily(lambda t: [standing(300 if t < 1 or t > 3 else 900)], 9))

    assert states(events) == ["opened", "ended"]
    assert events[0].to_json()["opened_at"] == "2026-11-27T17:59:58.500Z"


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        (datetime(2026, 11, 27, 23, 0), True),
        (datetime(2026, 11, 28, 5, 59), True),
        (datetime(2026, 11, 28, 6, 0), False),
        (datetime(2026, 11, 28, 23, 0), False),
    ],
)
def test_a_schedule_may_last_over_midnight(moment: datetime, covered: bool) -> None:
    assert Schedule(frozenset({4}), time(22), time(6)).covers(moment) is covered


ONE_AFTER_THE_OTHER: dict[str, tuple[Condition, Callable[[float], Sequence[Pose]], bool]] = {
    "a hand in the zone": (
        KeypointInZone("left", ("left_wrist", "right_wrist")),
        lambda _: [standing(700, left_wrist=(-0.5, 0.8))],
        True,
    ),
    "no hand in the zone": (KeypointInZone("left", ("left_wrist",)), lambda _: [standing(700)], False),
    "a hand that is not seen": (
        KeypointInZone("left", ("left_wrist",)),
        lambda _: [without(standing(300), "left_wrist")],
        False,
    ),
    "three people": (Count(min=3), lambda _: [numbered(standing(200 * n), n) for n in (1, 2, 3)], True),
    "two people are not three": (Count(min=3), lambda _: [numbered(standing(200 * n), n) for n in (1, 2)], False),
    "at most one in the zone": (Count(max=1, zone="left"), lambda _: [numbered(standing(300), 1)], True),
    "nobody": (Absence(), lambda _: [], True),
    "nobody in the zone": (Absence("left"), lambda _: [standing(900)], True),
    "somebody in the zone": (Absence("left"), lambda _: [standing(300)], False),
    "lying": (Lying(), lambda _: [lying()], True),
    "bending is not lying": (Lying(), lambda _: [bending()], False),
    "a torso that is not seen": (
        Lying(),
        lambda _: [without(lying(), "left_hip", "right_hip")],
        False,
    ),
    "both hands up": (
        HandsUp(),
        lambda _: [standing(left_wrist=(0.1, 1.1), right_wrist=(-0.1, 1.1))],
        True,
    ),
    "one hand up is not both": (HandsUp(), lambda _: [standing(left_wrist=(0.1, 1.1))], False),
    "one hand up is any": (HandsUp("any"), lambda _: [standing(left_wrist=(0.1, 1.1))], True),
    "one hand up, the other not seen, may be both": (
        HandsUp(),
        lambda _: [without(standing(left_wrist=(0.1, 1.1)), "right_wrist")],
        False,
    ),
    "a straight arm": (
        Angle(ELBOW, min=160),
        lambda _: [standing(left_elbow=(0.12, 0.6), left_wrist=(0.12, 0.4))],
        True,
    ),
    "a bent arm": (Angle(ELBOW, min=160), lambda _: [standing(left_elbow=(0.12, 0.6), left_wrist=(0.3, 0.6))], False),
    "leaning": (Tilt(("left_hip", "left_shoulder"), min=40), lambda _: [bending()], True),
    "upright": (Tilt(("left_hip", "left_shoulder"), min=40), lambda _: [standing()], False),
    "wrist at the face": (
        Distance(("left_wrist", "nose"), max=0.2),
        lambda _: [standing(left_wrist=(0.05, 0.9))],
        True,
    ),
    "two who are near": (
        Distance(max=1.0),
        lambda _: [numbered(standing(600), 1), numbered(standing(600 + 0.8 * HEIGHT), 2)],
        True,
    ),
    "two who are far": (
        Distance(max=1.0),
        lambda _: [numbered(standing(600), 1), numbered(standing(600 + 2 * HEIGHT), 2)],
        False,
    ),
    "walking": (Speed(0.8), lambda t: [standing(100 + t * HEIGHT)], True),
    "too slow": (Speed(0.8), lambda t: [standing(100 + 0.5 * t * HEIGHT)], False),
    "still, but for shaking": (Still(), lambda t: [standing(600 + (3 if round(t * 10) % 2 else -3))], True),
    "moving is not still": (Still(), lambda t: [standing(300 + t * HEIGHT)], False),
    "a function of one's own": (Custom(lambda pose: bool(pose.xyxy[0] < 640)), lambda _: [standing(300)], True),
    "a function that cannot tell": (Custom(lambda _: None), lambda _: [standing(300)], False),
}


@pytest.mark.parametrize("name", ONE_AFTER_THE_OTHER)
def test_a_kind_opens_for_what_it_is_about_and_for_nothing_else(name: str) -> None:
    condition, pose_at, opens = ONE_AFTER_THE_OTHER[name]

    events = play(engine(rule(condition)), steadily(pose_at, 2))

    assert states(events) == (["opened"] if opens else [])


@pytest.mark.parametrize("answer", [lambda _: 1 / 0, lambda pose: pose.xy > 100], ids=["raises", "no truth"])
def test_a_function_that_fails_is_named_in_one_line(answer: Callable[[Pose], bool]) -> None:
    answer.__module__, answer.__qualname__ = "plant", "at_the_press"
    with pytest.raises(UsageError, match=r"^plant:at_the_press, the function of a rule, fails: \w+Error: .+$"):
        play(engine(rule(Custom(answer))), steadily(lambda _: [standing(300)], 2))


@pytest.mark.parametrize("every", [1 / 60, 1 / 30, 1 / 5])
@pytest.mark.parametrize(
    ("name", "then", "opens"),
    [
        ("falls", lying, True),
        ("bends", bending, False),
        ("crouches", crouching, False),
        ("jumps", lambda: standing(feet=500), False),
    ],
)
def test_a_fall_is_a_change_of_the_whole_body(
    name: str,
    then: Callable[[], Pose],
    opens: bool,
    every: float,
) -> None:
    events = play(engine(rule(Fall(), for_seconds=1)), steadily(lambda t: [then() if t > 2 else standing()], 5, every))

    assert states(events) == (["opened"] if opens else [])
    if opens:
        assert events[0].opened_pts == pytest.approx(3.0, abs=2.1 * every)


def test_who_gets_up_at_once_or_lies_down_slowly_did_not_fall() -> None:
    stumbles = steadily(lambda t: [lying() if 2 < t < 2.8 else standing()], 5)
    lies_down = steadily(lambda t: [standing() if t < 2 else crouching() if t < 5 else lying()], 9)

    assert not play(engine(rule(Fall(), for_seconds=1)), stumbles)
    assert not play(engine(rule(Fall(), for_seconds=1)), lies_down)


@pytest.mark.parametrize(
    ("direction", "way", "crossings"),
    [
        ("both", lambda t: 400 + 100 * t, 1),
        ("in", lambda t: 400 + 100 * t, 1),
        ("out", lambda t: 400 + 100 * t, 0),
        ("out", lambda t: 900 - 100 * t, 1),
        ("both", lambda t: 640 + 15 * (-1) ** round(t * 2), 0),
        ("both", lambda t: 640 - 200 * (t < 2 or t > 2.15) + 50, 0),
    ],
)
def test_a_line_is_crossed_by_who_stays_on_the_other_side(
    direction: Any, way: Callable[[float], float], crossings: int
) -> None:
    events = play(
        engine(rule(LineCrossing("gate", direction), for_seconds=0.2)), steadily(lambda t: [standing(way(t))], 6)
    )

    assert states(events) == ["ended"] * crossings
    assert all(event.ended_pts == event.opened_pts >= event.began_pts for event in events)


def test_who_goes_round_the_end_of_a_line_does_not_cross_it() -> None:
    short = Line("gate", (0.5, 0.3), (0.5, 0.0))
    one = RuleEngine(
        RuleSet((rule(LineCrossing("gate"), for_seconds=0.2),), {}, {"gate": short}), camera="", new_id=lambda: "1"
    )

    assert not play(one, steadily(lambda t: [standing(400 + 100 * t)], 6))


def test_repetitions_are_counted() -> None:
    def curl(t: float) -> list[Pose]:
        bent = t % 2 > 1
        return [standing(left_elbow=(0.12, 0.6), left_wrist=(0.14, 0.78) if bent else (0.12, 0.4))]

    events = play(engine(rule(Repetitions(ELBOW, 60, 150), for_seconds=0)), steadily(curl, 6.5))

    assert [event.value for event in events] == [1, 2, 3]
    assert states(events) == ["ended"] * 3


def test_an_event_is_updated_once_a_second_when_its_value_changes() -> None:
    def arm(t: float) -> list[Pose]:
        return [standing(left_elbow=(0.12, 0.6), left_wrist=(0.12 + t / 100, 0.4))]

    events = play(engine(rule(Angle(ELBOW, min=90))), steadily(arm, 4))

    assert [event.state for event in events] == ["opened", "updated", "updated", "updated"]


def test_a_bound_is_wider_for_what_is_open() -> None:
    def near(heights: float) -> list[Pose]:
        return [numbered(standing(600), 1), numbered(standing(600 + heights * HEIGHT), 2)]

    swaying = steadily(lambda t: near(0.85 if t < 1 else 0.97), 4)

    assert states(play(engine(rule(Distance(max=1.0))), swaying)) == ["opened"]


def test_more_answers_are_wanted_while_something_may_open_or_end() -> None:
    one = engine(rule(InZone("left")))

    assert not one.is_undecided
    one.observe(seen(0.0, standing(300)))
    assert one.is_undecided
    play(one, [seen(n / 10, standing(300)) for n in range(1, 9)])
    assert not one.is_undecided
    one.observe(seen(1.0, standing(900)))
    assert one.is_undecided


def test_a_rule_may_be_about_some_classes_alone() -> None:
    one = engine(rule(InZone("left"), classes=("forklift",)))

    assert not play(one, steadily(lambda _: [standing(300)], 2))
    assert play(one, [seen(3 + n / 10, replace(standing(300), class_name="forklift", tracker_id=2)) for n in range(9)])


def test_what_a_model_does_not_have_is_one_clear_line() -> None:
    rules = RuleSet(
        (
            rule(KeypointInZone("left", ("left_hand",))),
            rule(InZone("left"), classes=("car",)),
            rule(HandsUp()),
        )
    )

    hand, car = model_faults(rules, {"person": COCO})

    assert hand.startswith("rule it: the model has no keypoint left_hand; it has nose, left_eye,")
    assert car == "rule it: the model has no class car; it has person"


def test_an_event_has_one_form_in_json() -> None:
    (opened,) = play(engine(rule(InZone("left"))), steadily(lambda _: [standing(300)], 0.5))

    assert opened.to_json() == {
        "event": "event 1", "state": "opened", "rule": "it", "kind": "in_zone", "severity": "alert", "camera": "hall",
        "tracker_ids": [1], "class": "person", "value": None, "began_at": None, "opened_at": None, "ended_at": None,
        "began_pts": 0.0, "opened_pts": 0.5, "ended_pts": None, "frame_index": 15, "zone": "left", "snapshot": None,
        "clip": None,
    }  # fmt: skip
