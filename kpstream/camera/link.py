"""The one channel between a site and the process of one of its cameras: messages as plain values, framed, in order.

Nobody waits for the other side: what is sent waits in memory for a thread that writes it, and what may be missed
(figures, pictures) is left out where much waits already. Secrets that a camera needs go through here alone.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kpstream import __version__
from kpstream.camera.spec import CameraSpec
from kpstream.channel import Channel
from kpstream.dispatch.dealer import Grant
from kpstream.entities import Event, Settings, Stats
from kpstream.errors import KpstreamError
from kpstream.options import EventsOptions
from kpstream.web.camera_feed import Encoded, Form
from kpstream.web.figures import Shown

_VERSION = 3
"""Of the messages; another one for each change of them."""
_CAPACITY = 10_000
"""Messages that may wait. Where more do, the other end has not read for long, and what it missed could not be told."""
_FEW = 32
"""Messages that may wait before figures and pictures are left out."""
_HEAD = 4
FROM_THE_TERMINAL = frozenset({signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)})
"""Signals that a terminal sends to all programs in it, of which the site alone takes notice."""


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """What becomes of a camera's events."""

    options: EventsOptions
    folder: Path | None
    """Of the store; None where nothing is stored."""
    counts_zones: bool


@dataclass(frozen=True, slots=True)
class Start:
    """To the camera, first and once: what it is."""

    spec: CameraSpec
    settings: Settings
    is_recording: bool
    numbers_from: int | None
    """Above this its pictures are numbered; None where there is no page to show them."""
    rejected_until: float
    events: EventsPlan | None
    """None where it has no rules."""
    log_level: int
    secrets: frozenset[str] = field(repr=False)
    """What no text may show."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To the camera: end soon, with everything written whole."""


@dataclass(frozen=True, slots=True)
class GrantReply:
    """To the camera: the answer to a `GrantRequest`."""

    grant: Grant | None
    left: int | None
    """What is left of the budget; None where there is none."""
    spent: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """Both ways: until when the endpoint is left alone, for it refused for good; minus infinity once it answers."""

    until: float


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """To the camera: somebody waits for a picture beyond a number, or for lines."""

    form: Form
    after: int


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """To the camera: what the page asks for, which it answers with `ChangeReply`."""

    number: int
    settings: Settings | None = None
    is_recording: bool | None = None


@dataclass(frozen=True, slots=True)
class ArmedRules:
    """To the camera: which rules may open events, by name."""

    rules: dict[str, bool]


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """From the camera: what its endpoint can take."""

    max_rate: float
    max_in_flight: int


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """From the camera: it wants so many requests."""

    want: int


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """From the camera: one request of a grant is over."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class GrantReleased:
    """From the camera: requests of a grant that were not sent."""

    grant: Grant
    unused: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """From the camera, several times a second: how it is doing."""

    at: float
    stats: Stats
    shown: Shown | None
    recording: bool | None
    recording_trouble: str


@dataclass(frozen=True, slots=True)
class PictureReply:
    """From the camera: the answer to a `PictureRequest`."""

    request: PictureRequest
    encoded: Encoded


@dataclass(frozen=True, slots=True)
class ChangeReply:
    """From the camera: the answer to a `ChangeRequest`."""

    number: int
    fault: str
    """Why it could not be, for the user; empty where it could."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """From the camera: a line for the log, free of secrets."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class EventUpdate:
    """From the camera: an event that opened, changed or ended."""

    event: Event
    snapshot: bytes | None = field(repr=False)
    """A JPEG; None where it has no new one."""


@dataclass(frozen=True, slots=True)
class ClipWritten:
    """From the camera: a clip is complete."""

    event_id: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class ZoneCount:
    """From the camera: how many are in a zone."""

    zone: str
    number: int


@dataclass(frozen=True, slots=True)
class RulesFinished:
    """From the camera: its rules are finished."""


@dataclass(frozen=True, slots=True)
class AllWritten:
    """From the camera: everything that it had is written whole."""


@dataclass(frozen=True, slots=True)
class FinalStats:
    """From the camera, once it is to end, and last: what it has done."""

    stats: Stats


ToCamera = Start | Stop | GrantReply | Rejection | PictureRequest | ChangeRequest | ArmedRules
FromCamera = (
    EndpointLimits | GrantRequest | RequestEnded | GrantReleased | Rejection | Heartbeat | PictureReply | ChangeReply
    | LogLine | EventUpdate | ClipWritten | ZoneCount | RulesFinished | AllWritten | FinalStats
)  # fmt: skip
Message = ToCamera | FromCamera


class Link:
    """One end of the channel. `send` and `offer` never wait; any thread.

    Args:
        incoming: Read by the thread that iterates.
        outgoing: Written by the thread ``kpstream-link-NAME``, and closed by it.
        name: Of the camera.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes], name: str) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._outbox: Channel[bytes | Callable[[], Message | None]] = Channel(_CAPACITY)
        self._thread = threading.Thread(target=self._write_all, name=f"kpstream-link-{name}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def greet(self) -> None:
        """Tell the other end which kpstream this is; before `start`, once, by the camera. Blocks."""
        hello = {"kpstream": __version__, "link": _VERSION, "pid": os.getpid()}
        with suppress(OSError):
            self._write(json.dumps(hello).encode())
            self._outgoing.flush()

    def meet(self) -> bool:
        """Wait for what `greet` tells, before anything else is read; False where the other end has gone.

        Raises:
            KpstreamError: It is another kpstream.
        """
        data = self._read()
        if data is None:
            return False
        hello = json.loads(data)
        if (hello.get("kpstream"), hello.get("link")) != (__version__, _VERSION):
            text = f"kpstream {hello.get('kpstream')} is installed by now, and {__version__} runs: start it anew"
            raise KpstreamError(text)
        return True

    def send(self, message: Message | Callable[[], Message]) -> None:
        """Send something that must arrive, as long as there is another end.

        Where too much waits already, the channel ends behind that: no message is missing between two others.

        Args:
            message: It, or what makes it in the thread that writes it; that may take some milliseconds.

        Raises:
            pickle.PicklingError: It holds what another process cannot have; also TypeError and AttributeError.
        """
        if not self._outbox.offer(message if callable(message) else pickle.dumps(message, pickle.HIGHEST_PROTOCOL)):
            self._outbox.close()

    def offer(self, make: Callable[[], Message | None]) -> bool:
        """Send something that may be left out; False where it was.

        Args:
            make: Makes the message, in the thread that writes it; None is none.
        """
        return len(self._outbox) < _FEW and self._outbox.offer(make)

    def close(self) -> None:
        """Send no more than what waits, and let the other end know. Idempotent."""
        self._outbox.close()

    def join(self, timeout: float) -> None:
        """Wait until all is sent, for so many seconds at most; after `close`."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def __iter__(self) -> Iterator[Message]:
        """What arrives, until the other end closes or is gone; blocks."""
        while (data := self._read()) is not None:
            message: Message = pickle.loads(data)  # noqa: S301 - by a process that this one started, or was started by
            yield message

    def _read(self) -> bytes | None:
        with suppress(OSError, ValueError):  # the latter: it was closed on this side
            head = self._incoming.read(_HEAD)
            size = int.from_bytes(head, "big")
            if len(head) == _HEAD and len(data := self._incoming.read(size)) == size:
                return data
        with suppress(OSError):
            self._incoming.close()
        return None

    def _write(self, data: bytes) -> None:
        self._outgoing.write(len(data).to_bytes(_HEAD, "big") + data)  # at once, or the other end would wake up twice

    def _write_all(self) -> None:
        try:
            for item in self._outbox:
                data = _packed(item)
                if data is not None:
                    self._write(data)
                if not len(self._outbox):
                    self._outgoing.flush()
        except OSError:  # the other end is gone, which whoever reads learns, too
            self._outbox.close()
        finally:
            with suppress(OSError):
                self._outgoing.close()


def _packed(item: bytes | Callable[[], Message | None]) -> bytes | None:
    if isinstance(item, bytes):
        return item
    message = item()
    return None if message is None else pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
