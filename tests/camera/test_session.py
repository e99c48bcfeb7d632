"""A camera's process that hangs: its site ends it, and it begins again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from kpstream.camera.link import Heartbeat, LogLine, Message
from kpstream.camera.request_shares import RequestShares
from kpstream.camera.session import CameraSession, Surroundings
from kpstream.camera.spec import CameraSpec
from kpstream.camera.start_turns import StartTurns
from kpstream.channel import Deadline
from kpstream.dispatch.dealer import Limits
from kpstream.entities import Stats
from kpstream.testing import wait_until
from tests.support.camera_child import linked

LONG = 60
"""Ticks after which a process hangs."""
LOADS_WITHIN = 10
"""Ticks after which it no longer counts as one that loads."""


class Child:
    """A process that says what a test wants, and nothing by itself."""

    def __init__(self) -> None:
        self.link, self._camera_link = linked("door")
        self._camera_link.greet()
        self._camera_link.start()
        self.killed = threading.Event()
        self.heard: list[Message] = []
        self._thread = threading.Thread(target=lambda: self.heard.extend(self._camera_link))
        self._thread.start()

    def say(self, message: Message) -> None:
        self._camera_link.send(message)

    def say_no_more(self) -> None:
        self._camera_link.close()

    def wait(self, timeout: float) -> str | None:
        self._thread.join(timeout)
        return "its process was ended by SIGKILL" if self.killed.is_set() else ""

    def kill(self) -> None:
        self.killed.set()
        self._camera_link.close()


@pytest.fixture
def children() -> list[Child]:
    return []


@pytest.fixture
def surroundings(children: list[Child]) -> Surroundings:
    """Those of cameras of which one may start at a time."""

    def start(_: str) -> Child:
        children.append(Child())
        return children[-1]

    shares = RequestShares(Limits(), time.monotonic)
    return Surroundings(shares, None, None, start, StartTurns(1), time.monotonic)


@pytest.fixture
def session(surroundings: Surroundings) -> CameraSession:
    return CameraSession(CameraSpec("door", ""), surroundings)


@pytest.fixture
def waiting(session: CameraSession, children: list[Child], surroundings: Surroundings) -> Iterator[CameraSession]:
    """One that waits for its turn, as that of the other lasts."""
    session.start()
    wait_until(lambda: bool(children))
    waiting = CameraSession(CameraSpec("gate", ""), surroundings)
    waiting.start()
    yield waiting
    for each in (session, waiting):
        each.stop()
        each.join(Deadline(0.0))


def tick(session: CameraSession, times: int) -> None:
    for _ in range(times):
        session.tick()


def test_a_process_that_gives_no_sign_of_life_is_ended_and_told(
    session: CameraSession, children: list[Child], caplog: pytest.LogCaptureFixture
) -> None:
    session.start()
    wait_until(lambda: bool(children))
    wait_until(lambda: bool(children[0].heard))  # it runs
    tick(session, LONG)
    assert children[0].killed.wait(20)
    wait_until(lambda: bool(caplog.messages))
    session.stop()
    session.join(Deadline(0.0))
    line = "door: its process gave no sign of life for 60 s and was ended - begins again"
    assert caplog.messages == [line]


def test_a_process_that_says_anything_is_left_alone(
    session: CameraSession, children: list[Child], caplog: pytest.LogCaptureFixture
) -> None:
    session.start()
    wait_until(lambda: bool(children))
    wait_until(lambda: bool(children[0].heard))
    tick(session, LONG - 1)
    children[0].say(LogLine(logging.WARNING, "all is well"))
    wait_until(lambda: caplog.messages == ["all is well"])
    tick(session, LONG - 1)
    assert not children[0].killed.is_set()
    session.stop()
    session.join(Deadline(0.0))


def test_a_process_whose_last_message_is_lost_begins_again_and_that_is_told(
    session: CameraSession, children: list[Child], caplog: pytest.LogCaptureFixture
) -> None:
    session.start()
    wait_until(lambda: bool(children))
    children[0].say_no_more()
    wait_until(lambda: bool(caplog.messages))
    session.stop()
    session.join(Deadline(0.0))
    assert caplog.messages == ["door: messages of its process were lost - begins again"]


@pytest.mark.usefixtures("waiting")
def test_the_next_process_starts_once_one_says_how_it_is_doing(children: list[Child]) -> None:
    children[0].say(Heartbeat(0.0, Stats(), None, None, ""))
    wait_until(lambda: len(children) == 2)


@pytest.mark.usefixtures("waiting")
def test_a_process_that_takes_long_to_load_does_not_hold_up_the_next(
    session: CameraSession, children: list[Child]
) -> None:
    wait_until(lambda: bool(children[0].heard))
    tick(session, LOADS_WITHIN - 1)
    assert len(children) == 1
    tick(session, 1)
    wait_until(lambda: len(children) == 2)


@pytest.mark.usefixtures("waiting")
def test_a_process_that_ends_at_once_does_not_hold_up_the_next(children: list[Child]) -> None:
    children[0].kill()
    wait_until(lambda: len(children) == 2)


def test_one_that_is_stopped_before_its_turn_starts_no_process(waiting: CameraSession, children: list[Child]) -> None:
    waiting.stop()
    assert waiting.join(Deadline(20.0))
    children[0].say(Heartbeat(0.0, Stats(), None, None, ""))
    wait_until(lambda: bool(children[0].heard))
    assert len(children) == 1
