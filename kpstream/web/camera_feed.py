"""The face that a camera has for the page, wherever its pipeline runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from kpstream.entities import Settings, Stats
from kpstream.web.figures import PlotPoint, Shown
from kpstream.web.health import Health

MAX_WIDTH = 1280
"""Pixels. Wider pictures are shown in this width: a browser decodes and moves half as much as for 1080p."""
_MIN_WIDTH = 160
"""Pixels. Nobody is sent narrower pictures."""
_WIDTH_STEP = 32
"""Pixels. Pictures are made in multiples of this width, so that viewers whose windows differ a little share them."""


@dataclass(frozen=True, slots=True)
class Form:
    """What pictures are made into."""

    kind: Literal["picture", "drawn", "snapshot", "lines"]
    """``picture`` is one without drawings and its poses as a message of the page, ``drawn`` a JPEG with the drawings,
    ``snapshot`` the same in full size and good quality, ``lines`` JSON lines without pictures."""
    max_width: int = MAX_WIDTH
    """Pixels, of ``picture`` and ``drawn``. A picture is never enlarged."""

    def within(self, width: int) -> Form:
        """The same for somebody who shows so many pixels: at most that wide, but never less than 160."""
        steps = min(max(width, _MIN_WIDTH), MAX_WIDTH) // _WIDTH_STEP
        return Form(self.kind, steps * _WIDTH_STEP)


PICTURE, DRAWN, SNAPSHOT, LINES = Form("picture"), Form("drawn"), Form("snapshot"), Form("lines")


class Controls(Protocol):
    """What the page can do to one camera. Called from the page's threads; reading a property never waits."""

    @property
    def settings(self) -> Settings:
        """What holds right now."""

    def apply(self, settings: Settings) -> None:
        """Make these hold from the next frame on.

        Raises:
            KpstreamError: They cannot; the text is for the user.
        """

    @property
    def recording(self) -> bool | None:
        """Whether it is being recorded; None where it cannot be."""

    @property
    def recording_trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty where it does not."""

    def start_recording(self) -> None:
        """Begin a recording; nothing happens where one is under way. May block.

        Raises:
            KpstreamError: It cannot be recorded; the text is for the user.
        """

    def stop_recording(self) -> None:
        """End the recording; nothing happens where there is none. May block.

        Raises:
            KpstreamError: It could not be finished; the text is for the user.
        """


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture, or the lines of several, as they go over the wire."""

    number: int
    """Of the newest picture in it."""
    data: tuple[bytes, ...]
    """One of a picture; of lines one each, without their ends."""
    classes: tuple[tuple[int, str], ...] = ()
    """The number of each class in it, and the message that a viewer needs before it can draw poses of that class."""


@dataclass(frozen=True, slots=True)
class Encodable:
    """A picture, or the lines of several, not encoded yet."""

    number: int
    """Of the newest picture in it."""
    encode: Callable[[], Encoded]
    """Blocks for some milliseconds; any thread, and the same however often it is called."""


class CameraFeed(Protocol):
    """What the page asks a camera. Any thread; nothing here waits."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def name(self) -> str:
        """What it is called in addresses."""

    @property
    def controls(self) -> Controls | None:
        """What the page may change; None lets it change nothing."""

    @property
    def shown(self) -> Shown | None:
        """The newest picture; None before the first."""

    @property
    def stats(self) -> Stats:
        """The newest figures of its pipeline."""

    @property
    def history(self) -> tuple[PlotPoint, ...]:
        """The figures of the last minutes, one a second, the oldest first."""

    @property
    def health(self) -> Health:
        """How it is doing right now, in words."""

    def request(self, form: Form, after: int, reply: Callable[[Encodable | Encoded | None], None]) -> None:
        """Ask for the newest picture beyond a number, or for the lines of all beyond it.

        Args:
            form: What it is to be made into.
            after: The number.
            reply: Called once, from any thread, as soon as there is one, encoded or not; None says that no more will
                come.
        """


def name_of(title: str) -> str:
    """A title as it stands in addresses: letters, digits, dots, dashes and underlines, at most 64 of them."""
    plain = re.sub(r"^[a-z]+://", "", title.lower())
    return re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-.")[:64].rstrip("-.") or "camera"
