"""What is told when no descriptor is left."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from kpstream.serving.exhaustion import ExhaustionLog
from kpstream.testing import ManualClock


class Loop(asyncio.SelectorEventLoop):
    """Notes what is handled in the usual way."""

    def __init__(self) -> None:
        super().__init__()
        self.usual: list[dict[str, Any]] = []

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.usual.append(context)


@pytest.fixture
def loop() -> Iterator[Loop]:
    with closing(Loop()) as loop:
        yield loop


def out_of(number: int) -> dict[str, Any]:
    return {"message": "socket.accept() out of system resource", "exception": OSError(number, os.strerror(number))}


def test_a_line_a_minute_tells_that_no_connection_is_accepted(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    tell = ExhaustionLog(clock)
    for _ in range(1000):
        tell(loop, out_of(errno.EMFILE))
    assert caplog.messages == [
        "no more connections are accepted: Too many open files (ulimit -n says how many there may be)"
    ]
    clock.advance(60.0)
    tell(loop, out_of(errno.EMFILE))
    assert len(caplog.messages) == 2
    assert loop.usual == []


def test_what_else_goes_wrong_in_a_loop_goes_its_usual_way(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    context = out_of(errno.ECONNRESET)
    ExhaustionLog(ManualClock())(loop, context)
    assert loop.usual == [context]
    assert caplog.messages == []
