"""Any sink on a thread of its own, so that a slow disk or encoder does not hold up the picture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kpstream.channel import Channel, Closed
from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.interfaces import Sink, needs_canvas

_log = logging.getLogger(__name__)

_CAPACITY = 8
_TIMEOUT = 5.0
_BURST_ENDS_AFTER = 300
"""Scenes in a row that find room before one that does not is worth another line in the log: 10 s at 30 a second."""


class Background:
    """A sink that hands scenes to another sink, in order, on the thread ``kpstream-sink-NAME``.

    Make one with `waiting` or `dropping`. The thread starts with the first scene and ends with `close`; it also closes
    the sink. What the sink raises there is raised here, by the next `write` and by `close`.

    Args:
        sink: Used by that thread alone from now on.
        name: What to call it in the thread's name and in messages.
        capacity: How many scenes may wait, each with its picture and its canvas in memory.
        waits: Whether a full channel makes `write` wait. If not, the scene is left out and counted, and `close` does
            not wait for the sink any longer than ``timeout``.
        timeout: Seconds.
    """

    def __init__(self, sink: Sink, *, name: str, capacity: int, waits: bool, timeout: float = _TIMEOUT) -> None:
        self._sink = sink
        self._name = name
        self._waits = waits
        self._timeout = None if waits else timeout
        self._scenes: Channel[tuple[Scene, Image]] = Channel(capacity)
        self._thread = threading.Thread(target=self._run, name=f"kpstream-sink-{name}", daemon=True)
        self._started = False
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = 0
        self._taken_in_a_row = _BURST_ENDS_AFTER

    @classmethod
    def waiting(cls, sink: Sink, *, name: str, capacity: int = _CAPACITY) -> Background:
        """For recorded video: every scene is written, and `write` waits while the sink is behind."""
        return cls(sink, name=name, capacity=capacity, waits=True)

    @classmethod
    def dropping(cls, sink: Sink, *, name: str, capacity: int = _CAPACITY, timeout: float = _TIMEOUT) -> Background:
        """For live pictures: `write` never waits, and a scene that finds no room is left out and counted."""
        return cls(sink, name=name, capacity=capacity, waits=False, timeout=timeout)

    @property
    def name(self) -> str:
        """What it was called."""
        return self._name

    @property
    def needs_canvas(self) -> bool:
        """Whether the sink does."""
        return needs_canvas(self._sink)

    @property
    def dropped(self) -> int:
        """How many scenes were left out because the sink was behind."""
        return self._dropped

    def write(self, scene: Scene, canvas: Image) -> None:
        """Hand over one scene; the sink writes it later.

        Raises:
            SinkError: It is closed; or the sink could not write an earlier scene.
            KpstreamError: Whatever else the sink raised for an earlier scene.
        """
        if self._closed:
            raise SinkError(f"{self._name}: nothing more can be written, it is closed")
        if not self._started:
            self._started = True
            self._thread.start()
        if self._waits:
            try:
                self._scenes.put((scene, canvas))
            except Closed:
                self._raise_error()
        elif self._scenes.offer((scene, canvas)):
            self._taken_in_a_row += 1
        else:
            self._raise_error()
            self._drop()

    def close(self) -> None:
        """Let the sink write what it was given, and close it. Idempotent.

        Blocks: a `waiting` one until the sink is done, a `dropping` one until its timeout at most.

        Raises:
            SinkError: The sink could not write, or was not done in time.
            KpstreamError: Whatever else the sink raised.
        """
        if self._closed:
            return
        self._closed = True
        self._scenes.close()
        if not self._started:
            self._sink.close()
            return
        if self._dropped:
            _log.warning(
                "%s: %d frames are missing that came faster than they could be written", self._name, self._dropped
            )
        self._thread.join(self._timeout)
        if self._thread.is_alive():
            raise SinkError(f"{self._name}: not done within {self._timeout:g} s; the end of it may be missing")
        self._raise_error()

    def _run(self) -> None:
        self._attempt(self._write_all)
        self._attempt(self._sink.close)
        self._scenes.close()

    def _write_all(self) -> None:
        for scene, canvas in self._scenes:
            self._sink.write(scene, canvas)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be handled, by `write` and `close`
            # The first error counts. The channel closes, so that whoever waits for room in it wakes up.
            self._error = self._error or error
            self._scenes.close()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _drop(self) -> None:
        self._dropped += 1
        if self._taken_in_a_row >= _BURST_ENDS_AFTER:
            _log.warning(
                "%s: pictures come faster than they can be written, and are left out (%d until now)",
                self._name,
                self._dropped,
            )
        self._taken_in_a_row = 0

    def __repr__(self) -> str:
        state = "closed" if self._closed else "failed" if self._error else "open"
        return (
            f"<Background {self._name} {state}, {len(self._scenes)} waiting, {self._dropped} dropped: {self._sink!r}>"
        )
