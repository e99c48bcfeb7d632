"""What holds for every order of true, false and unknown."""

from __future__ import annotations

from itertools import count
from typing import Any, Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpstream.events import Fall, InZone, Observation, Rule, RuleEngine, RuleSet, Zone
from kpstream.events.moment import Border
from tests.events.people import answer, drawn, lying, numbered, seen, standing

Seen = Literal["in", "out", "guessed in", "guessed out", "gone", "answered in", "answered out", "lying"]
SEEN: tuple[Seen, ...] = (
    "in", "out", "guessed in", "guessed out", "gone", "answered in", "answered out", "lying",
)  # fmt: skip
ZONE = Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
RULES = RuleSet(
    (
        Rule("there", InZone("left"), for_seconds=0.3, clear=0.5),
        Rule("at once", InZone("left"), for_seconds=0.0, clear=0.0, cooldown=1.0),
        Rule("fall", Fall(), for_seconds=0.5, clear=0.5),
    ),
    {"left": ZONE},
)


def observation(what: Seen, pts: float, tracker_id: int) -> Observation:
    inside_it, beside_it = numbered(standing(300), tracker_id), numbered(standing(900), tracker_id)
    match what:
        case "in":
            return seen(pts, inside_it)
        case "out":
            return seen(pts, beside_it)
        case "guessed in":
            return drawn(pts, inside_it)
        case "guessed out":
            return drawn(pts, beside_it)
        case "gone":
            return seen(pts)
        case "answered in":
            return answer(pts, inside_it)
        case "answered out":
            return answer(pts, beside_it)
        case "lying":
            return seen(pts, numbered(lying(300), tracker_id))


@given(
    st.lists(
        st.tuples(st.sampled_from(SEEN), st.floats(0.02, 3), st.integers(1, 2), st.booleans()), min_size=1, max_size=60
    )
)
def test_no_order_of_moments_gives_an_event_that_is_not_true(steps: list[tuple[Seen, float, int, bool]]) -> None:
    numbers = count()
    engine = RuleEngine(RULES, camera="hall", new_id=lambda: str(next(numbers)))
    pts, true_at, events = 0.0, set[float](), []
    for what, wait, tracker_id, is_late in steps:
        pts += wait
        at = pts - 0.4 if is_late and what.startswith("answered") else pts
        if what in {"in", "answered in", "lying"}:
            true_at.add(at)
        events += engine.observe(observation(what, at, tracker_id))
    events += engine.finish()

    open_now: dict[tuple[str, tuple[int, ...]], str] = {}
    ids: dict[str, Any] = {}
    for event in events:
        assert event.began_pts in true_at
        assert event.opened_pts in true_at
        assert event.began_pts <= event.opened_pts
        if event.state == "opened":
            assert event.id not in ids
            key = (event.rule, event.tracker_ids[-1:])
            assert key not in open_now
            open_now[key] = event.id
            ids[event.id] = key
        if event.state == "ended":
            assert event.ended_pts is not None
            assert event.ended_pts >= event.opened_pts
            assert event.cut or event.ended_pts in true_at
            del open_now[ids[event.id]]
    assert not open_now


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=8))
def test_a_point_is_within_a_polygon_where_counting_pixels_says_so(points: list[tuple[int, int]]) -> None:
    polygon = np.array([[5.0, 5.0], [35.0, 8.0], [30.0, 30.0], [20.0, 15.0], [8.0, 33.0]])
    import cv2

    ours = Border(polygon).inside(np.array(points, float))

    theirs = [
        cv2.pointPolygonTest(polygon.astype(np.float32), (float(x), float(y)), measureDist=True) for x, y in points
    ]
    assert np.allclose(ours, theirs, atol=1e-3)
