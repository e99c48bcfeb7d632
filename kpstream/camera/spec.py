"""What a camera is: the only description of one, as plain values that compare equal where nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kpstream.dispatch.dealer import Limits
from kpstream.events import Reading, RuleSet
from kpstream.interfaces import SceneRules
from kpstream.options import DrawOptions, LiveRequestOptions, ModelOptions, SourceOptions, ViewOptions
from kpstream.sinks.clips import ClipSink


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the annotated picture is recorded, and for how long that is kept."""

    folder: Path
    name_prefix: str
    """What the names of the files begin with; the time follows."""
    segment: float | None = None
    """Seconds of one file; None for a file from start to stop."""
    keep: float | None = None
    """Seconds after which a file is removed; None keeps it."""
    keep_size: int | None = None
    """Bytes that the files may take together; None for no limit."""
    first: Path | None = None
    """A name of its own for the first file; None names it by time, too."""
    starts: bool = True
    """Whether it begins with the camera; else it waits until somebody starts it."""


@dataclass(frozen=True, slots=True)
class RuleRun:
    """The rules of a camera or a video in one run of it."""

    rules: SceneRules
    """Shown every scene."""
    armed: dict[str, bool]
    """Which rules may open an event, by name; may be changed at any time, from any thread."""
    make_clips: Callable[[float], ClipSink] | None = None
    """Makes what writes clips of it, given the declared frames per second; None writes none."""
    readings: Callable[[], tuple[Reading, ...]] = tuple
    """What each rule sees right now; any thread."""


@dataclass(frozen=True)
class CameraSpec:
    """One camera: what is opened, what is asked about it, what is drawn and where it is written to."""

    name: str
    """What people call it; empty for the only one of a program."""
    reference: str = field(repr=False)
    """What `open_source` takes; may hold a password."""
    source: SourceOptions = field(default_factory=SourceOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    api_key: str | None = field(default=None, repr=False)
    """The key; compared, so that a new key makes a new camera."""
    requests: LiveRequestOptions = field(default_factory=LiveRequestOptions)
    view: ViewOptions = field(default_factory=ViewOptions)
    drawing: DrawOptions = field(default_factory=DrawOptions)
    recording: Recording | None = None
    """None where it is not recorded, and cannot be."""
    jsonl: Path | None = None
    """A file for the poses, a line a frame; None for none."""
    rules: RuleSet = field(default_factory=RuleSet)
    """Say what happens before it."""

    def check(self) -> None:
        """See that each option can be understood by itself.

        Raises:
            UsageError: One cannot.
        """
        _ = self.source.picture_size, self.source.headers, self.view.max_delay, self.drawing.parts, self.model.filters

    @property
    def service(self) -> str | None:
        """The server that it asks: all cameras that ask the same one share what that server can take.

        None where it runs the embedded model in its own process: the system shares the cores out.
        """
        return None if self.model.embedded else self.model.endpoint


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """Several cameras, and what they share."""

    cameras: tuple[CameraSpec, ...]
    """In any order; no two have the same name."""
    limits: Limits = field(default_factory=Limits)
    """For all of them together."""
