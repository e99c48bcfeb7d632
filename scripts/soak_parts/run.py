"""A soak: ``kpstream live`` with real parts on both sides, which fail by a schedule, and what is seen of it."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from soak_parts.network import actions
from soak_parts.playing import growth, play
from soak_parts.schedule import Fault
from tests.rig.parts.processes import FaultyNetwork, RtspCamera
from tests.rig.parts.programs import CLIP, KEY, Endpoint, Live, Usage

_LATENCY = 0.15
_GLANCE = 0.25
_SETTLED = 300.0
"""Seconds after which memory has to be flat; half of a run that is shorter than twice that."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process held at a moment."""

    at: float
    """Seconds from the start."""
    usage: Usage
    shown: int
    """Frames so far."""


@dataclass(slots=True)
class Soak:
    """What was seen."""

    seconds: float
    faults: list[Fault]
    """When they were, by the clock."""
    samples: list[Sample] = field(default_factory=list)
    code: int = -1
    said: str = ""
    shown: int = 0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """Beginning and length of each time without a picture of more than half a second."""
    recorded: float = nan
    """Seconds that the recording plays."""
    lived: float = nan
    """Seconds from the first picture to the last one."""
    leaked: bool = False

    def told(self, what: str) -> int:
        """A number of the summary that the program ends with; 0 where it is not told."""
        found = re.search(rf"(\d+) {what}", self.said)
        return int(found[1]) if found else 0

    @property
    def settled(self) -> list[Sample]:
        """The samples from when memory has to be flat, without the last seconds, when it ends."""
        start = min(_SETTLED, self.seconds / 2)
        return [sample for sample in self.samples if start <= sample.at < self.seconds - 1]

    @property
    def growth(self) -> float:
        """Megabytes an hour: the line through the settled samples."""
        return growth([(sample.at, sample.usage.megabytes) for sample in self.settled])


class _Stage:
    """The parts on both sides of the program, and how each of them fails."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self.camera = stack.enter_context(RtspCamera("--size", "640x360"))
        self.camera_network = stack.enter_context(FaultyNetwork(self.camera.port))
        self.endpoint = stack.enter_context(Endpoint(_LATENCY, seed=seed))
        self.endpoint_network = stack.enter_context(FaultyNetwork(self.endpoint.port))

    @property
    def source(self) -> str:
        """The camera, through its network."""
        return f"rtsp://127.0.0.1:{self.camera_network.port}/cam"

    @property
    def url(self) -> str:
        """The endpoint, through its network."""
        return f"http://127.0.0.1:{self.endpoint_network.port}"

    def begin(self, fault: Fault) -> None:
        """Let it go wrong."""
        self._action(fault)[0]()

    def end(self, fault: Fault) -> None:
        """Make it well."""
        self._action(fault)[1]()

    def _action(self, fault: Fault) -> tuple[Callable[[], object], Callable[[], object]]:
        if fault.joint == "camera":
            if fault.kind == "freeze":
                return self.camera.freeze, self.camera.thaw
            return self.camera.kill, self.camera.restart
        if fault.joint == "endpoint":
            if fault.kind == "kill":
                return self.endpoint.kill, self.endpoint.restart
            return (lambda: self._fail(fault.kind)), (lambda: self._fail(""))
        network = self.camera_network if fault.joint == "camera network" else self.endpoint_network
        return actions(network, fault.kind)

    def _fail(self, kind: str) -> None:
        with suppress(OSError):  # it was killed, and has not begun again: then it begins well
            self.endpoint.fail(kind)


def soak(seconds: float, faults: list[Fault], folder: Path, *, seed: int = 0, say: Callable[[str], None]) -> Soak:
    """Run it; blocks for that long.

    Args:
        seconds: How long the program lives.
        faults: By when they begin.
        folder: Where its files go.
        seed: Of the endpoint's dice.
        say: Told what happens.
    """
    seen = Soak(seconds, faults)
    with ExitStack() as stack:
        stage = _Stage(stack, seed)
        live = stack.enter_context(Live(stage.source, stage.url, folder))
        live.wait_for(lambda lines: len(lines) > 30)

        def look(now: float) -> bool:
            seen.samples.append(Sample(now, live.usage(), len(live.lines())))
            return live.process.poll() is None

        seen.faults = play(faults, stage, seconds=seconds, glance=_GLANCE, look=look, say=say)
        seen.code = live.end(signal.SIGTERM)
        _look_back(seen, live)
    return seen


def _look_back(seen: Soak, live: Live) -> None:
    lines = live.lines()
    first = lines[0]["captured_at"]
    seen.said, seen.shown, seen.lived = live.said(), len(lines), lines[-1]["captured_at"] - first
    for before, after in pairwise(lines):
        if (gap := after["captured_at"] - before["captured_at"]) > 0.5:
            seen.gaps.append((before["captured_at"] - first, gap))
    seen.recorded = playing_time(live.video)
    seen.leaked = KEY in seen.said or KEY in live.jsonl.read_text()


@dataclass(frozen=True, slots=True)
class Kill:
    """A recording whose program was killed."""

    after: float
    """Seconds from its first picture to the last one that was shown."""
    missing: float
    """Seconds at the end of that which the recording does not have; NaN where it does not play."""


def kill(folder: Path, seed: int) -> Kill:
    """Kill a recording at a random moment, and see what is left of it."""
    dice = random.Random(seed)
    with Endpoint(_LATENCY) as endpoint, Live(str(CLIP), endpoint.url, folder, ["--loop"]) as live:
        live.wait_for(lambda lines: len(lines) > 30)
        time.sleep(dice.uniform(0.5, 5.0))
        live.end(signal.SIGKILL)
        lines = live.lines()
        shown = lines[-1]["pts"] - lines[0]["pts"]
        return Kill(shown, shown - playing_time(live.video))


def playing_time(video: Path) -> float:
    """The time of a recording's last picture that can be decoded; NaN where there is none."""
    last: Any = None
    with suppress(FFmpegError), av.open(str(video)) as container:
        for frame in container.decode(video=0):
            last = frame.time
    return nan if last is None else float(last)
