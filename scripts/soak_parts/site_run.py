"""A soak of a site: ``kpstream run`` over cameras that fail by a schedule, and what is seen of it."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import av
import requests
from av.error import FFmpegError

from kpstream.delivery.store import open_to_read
from soak_parts.playing import play
from soak_parts.schedule import FILES, SERVED, Fault
from soak_parts.stage import PASSWORD, WRONG, Stage
from tests.rig.parts.programs import KEY, Usage
from tests.rig.parts.site import is_there, parent_of, processes

_GLANCE = 0.5
_PAGE_WITHIN = 2.0
CAMERAS = (*SERVED, *FILES)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the site and its cameras' processes held at a moment."""

    at: float
    """Seconds from the start."""
    site: Usage
    cameras: dict[str, Usage]
    """Of each process of a camera."""
    zombies: int
    load: float
    """Of the machine: how many of all its processes run or wait for a core."""
    shown: dict[str, int] | None
    """Frames of each camera since its process began; None where the page did not answer."""


@dataclass(slots=True)
class SiteSoak:
    """What was seen."""

    seconds: float
    faults: list[Fault] = field(default_factory=list)
    """When they were, by the clock."""
    samples: list[Sample] = field(default_factory=list)
    code: int = -1
    ended_in: float = nan
    """Seconds from SIGTERM to its end."""
    said: str = ""
    leaked: bool = False
    """Whether a secret stands in what it said."""
    left: list[str] = field(default_factory=list)
    """What is still there after its end, and should not be."""
    pids: int = 0
    """Processes of cameras, all together."""
    cores: float = nan
    """Kept busy by the site and its cameras' processes."""
    viewers: int = 0
    megabytes_seen: float = 0.0
    """What viewers have read."""
    recordings: int = 0
    broken: list[str] = field(default_factory=list)
    """Recordings and clips that do not play."""
    events: int = 0
    clips: int = 0


def soak_site(
    seconds: float, faults: list[Fault], folder: Path, *, seed: int = 0, say: Callable[[str], None]
) -> SiteSoak:
    """Run it; blocks for that long.

    Args:
        seconds: How long it lives once every camera shows pictures.
        faults: By when they begin.
        folder: Where its files go.
        seed: Of the endpoint's dice.
        say: Told what happens.
    """
    seen = SiteSoak(seconds)
    shared_before = _shared_memory()
    with ExitStack() as stack:
        stage = Stage(stack, folder, seed)
        stage.start()
        pids: set[int] = set()
        began_at = time.monotonic()

        def look(now: float) -> bool:
            seen.samples.append(_sample(stage, now, pids))
            return stage.site.process.poll() is None

        seen.faults = play(faults, stage, seconds=seconds, glance=_GLANCE, look=look, say=say)
        lived, busy_before = time.monotonic() - began_at, _busy()
        seen.code, seen.ended_in = stage.site.end()
        seen.cores, seen.pids = (_busy() - busy_before) / lived, len(pids)
        seen.viewers, seen.megabytes_seen = stage.looked, stage.bytes_seen / 1e6
        seen.said = "\n".join(stage.site.said())
        seen.left = list(_left(pids, shared_before, folder))
    seen.leaked = any(secret in seen.said for secret in (KEY, PASSWORD, WRONG))
    _look_at_files(seen, folder)
    return seen


def _sample(stage: Stage, now: float, pids: set[int]) -> Sample:
    site = stage.site
    cameras = {}
    for name, pid in site.cameras().items():
        pids.add(pid)
        with suppress(OSError):  # it has ended by now
            cameras[name] = Usage.of(pid)
    zombies = sum(parent_of(pid) == site.process.pid and not is_there(pid) for pid in pids)
    shown = None
    with suppress(requests.RequestException):
        shown = {name: int(each["stats"]["rendered"]) for name, each in site.figures(_PAGE_WITHIN).items()}
    return Sample(now, Usage.of(site.process.pid), cameras, zombies, os.getloadavg()[0], shown)


def _busy() -> float:
    """Seconds of processor time of all processes that were waited for, and of those that these waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _left(pids: set[int], shared_before: set[str], folder: Path) -> Iterator[str]:
    for pid, words in processes():
        if pid in pids and "kpstream.camera.child" in words and is_there(pid):
            yield f"the process {pid} of {words[-1]}"
    yield from sorted(f"/dev/shm/{name}" for name in _shared_memory() - shared_before if "kpstream" in name)
    yield from (str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*"))
    yield from (str(path.relative_to(folder)) for path in folder.rglob("*.part"))


def _shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()}


def _look_at_files(seen: SiteSoak, folder: Path) -> None:
    recordings = sorted((folder / "recordings").glob("*.mp4"))
    clips = {str(path.relative_to(folder / "events")) for path in (folder / "events").glob("clips/*/*.mp4")}
    with closing(open_to_read(folder / "events")) as database:
        documents = [event.document for event in database.events()]
    seen.recordings, seen.events, seen.clips = len(recordings), len(documents), len(clips)
    seen.broken = [path.name for path in recordings if not _plays(path)]
    seen.broken += [clip for clip in sorted(clips) if not _plays(folder / "events" / clip)]
    seen.left += sorted(f"{clip}, of no event" for clip in clips - {document["clip"] for document in documents})
    seen.left += [f"event {each['event']} is open" for each in documents if each["state"] != "ended"]


def _plays(video: Path) -> bool:
    """Whether the first picture of a file can be decoded, and it can be read to its end."""
    with suppress(FFmpegError), av.open(str(video)) as container:
        first = next(container.decode(video=0), None)
        return first is not None and sum(1 for _ in container.demux(video=0)) > 0
    return False
