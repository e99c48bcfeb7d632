"""What of a queue is sent next, and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.selection import ForPeople, InOrder, QuietHours
from tests.support.event_store import delivery, ended, opened

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def test_programs_get_one_after_the_other() -> None:
    waiting = [delivery(opened("a"), 1), delivery(ended(opened("a")), 2), delivery(opened("b"), 3)]
    selection = InOrder().select(waiting, 10.0)
    assert (selection.send, selection.superseded) == ((waiting[0],), ())
    assert InOrder().select([], 10.0).send == ()


def test_after_a_long_outage_the_last_state_says_it_all() -> None:
    waiting = [delivery(opened("a"), 1), delivery(ended(opened("a")), 2), delivery(opened("b"), 3)]
    selection = InOrder().select(waiting, 3601.0)
    assert (selection.send, selection.superseded) == ((waiting[1],), (1,))


def test_people_get_what_gathered_in_one_message() -> None:
    policy = ForPeople(interval=60.0)
    first, *others = [delivery(opened(name), number) for number, name in enumerate("abc")]
    assert policy.select([first], 1000.0).send == (first,)
    policy.sent(1000.0)
    assert policy.select(others, 1010.0).wait == pytest.approx(50.0)
    assert policy.select(others, 1060.0).send == tuple(others)


def test_a_clock_that_is_set_back_delays_no_message() -> None:
    policy = ForPeople(interval=60.0)
    policy.sent(100_000.0)
    waiting = [delivery(opened())]
    assert policy.select(waiting, 96_400.0).send == tuple(waiting)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-28T21:59", 0.0),
        ("2026-11-28T22:00", 8.0),
        ("2026-11-29T01:30", 4.5),
        ("2026-11-29T06:00", 0.0),
    ],
)
def test_quiet_hours_go_over_midnight(now: str, hours: float) -> None:
    quiet = QuietHours(time(22, 0), time(6, 0), BERLIN)
    assert quiet.left(at(now)) == pytest.approx(hours * 3600.0)
    waiting = [delivery(opened())]
    selection = ForPeople(quiet=quiet).select(waiting, at(now))
    assert bool(selection.send) == (hours == 0.0)


def test_quiet_hours_within_a_day() -> None:
    quiet = QuietHours(time(12, 0), time(13, 0), UTC)
    noon = datetime(2026, 11, 28, 12, 30, tzinfo=UTC).timestamp()
    assert [quiet.left(noon), quiet.left(noon + 1800), quiet.left(noon - 3600)] == [1800.0, 0.0, 0.0]


def test_it_waits_twice_as_long_each_time_up_to_hours() -> None:
    backoff = Backoff(5.0, 4 * 3600.0, spread=lambda: 0.0)
    waits = [backoff.failed() for _ in range(14)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 4 * 3600.0
    backoff.succeeded()
    assert backoff.failed() == 5.0


def test_a_destination_may_ask_for_a_longer_wait() -> None:
    backoff = Backoff(5.0, 3600.0, spread=lambda: 0.0)
    assert backoff.failed(120.0) == 120.0
    assert backoff.failed(1.0) == 10.0
    assert backoff.failed(1e9) == 3600.0


def test_many_do_not_come_at_once() -> None:
    assert Backoff(10.0, 3600.0, spread=lambda: 1.0).failed() == pytest.approx(12.0)
