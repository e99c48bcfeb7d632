"""Works on one file of an archive, from its first frame to its published outputs; in any process, on any machine."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from kpstream.dispatch.rule import Rule
from kpstream.endpoints.opening import make_endpoint, skeletons_not_found
from kpstream.entities import Event, Scene, Stats
from kpstream.errors import SinkError, SourceError
from kpstream.events import RuleWatch
from kpstream.recorded.archive.faults import Fault, changed_meanwhile, fault_of
from kpstream.recorded.archive.probe import stamp_of
from kpstream.recorded.archive.request_count import RequestCount
from kpstream.recorded.archive.settings import ArchiveSettings, job_outputs, output_paths
from kpstream.recorded.archive.stored_outputs import open_outputs
from kpstream.recorded.job import RecordedJob, RequestSettings
from kpstream.recorded.journal import fingerprint
from kpstream.recorded.plan import Job
from kpstream.render import PoseAnnotator
from kpstream.sinks.events import EventLines
from kpstream.sinks.output import sink_error

_log = logging.getLogger(__name__)
_CURVE_POINTS = 64
_GONE = "gone"


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to work on."""

    name: str
    path: str
    stamp: str
    """The file's stamp when it was probed."""
    content: str
    into: str
    folder: str
    """The folder in which its outputs are made, with its journal."""
    source: str
    """What to call the file before users: its path, or its address without its query and its user."""
    requests: int = 0
    """Requests of earlier attempts, as the ledger has them."""
    skeletons_not_found: str = ""
    """Why the model's skeletons cannot be known, where a file of this run has found that out."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one attempt at a file."""

    position: float = 0.0
    """Seconds of video that are done."""
    frames: int = 0
    requests: int = 0
    answers: int = 0
    """Answers, those of earlier attempts included."""
    credits: float = 0.0
    trouble: str = ""
    """Why the work waits, in words for the user; empty while it does not."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result of one attempt at a file; a few hundred bytes."""

    name: str
    progress: Progress
    seconds: float
    node: str
    fault: Fault | None = None
    changed_to: str = ""
    """The stamp of the file now, where it changed while it was worked on."""
    interrupted: bool = False
    """Whether the work was stopped before the end of the file; its journal has the answers so far."""
    outputs: tuple[tuple[str, int], ...] = ()
    """The bytes of the published outputs, by kind."""
    missing: int = 0
    """Frames that the file holds, or declares, and that could not be read."""
    damaged: int = 0
    """Frames that came out damaged, and were not asked about."""
    curve: tuple[float, ...] = ()
    """Average poses in a frame, for even parts of the video's time."""
    events: int = 0
    skeletons_not_found: str = ""
    """Why the model's skeletons cannot be known, if they were looked up in vain."""


class PoseCurve:
    """Averages the poses in a frame over the time of a video, in few points however long the video is."""

    def __init__(self, points: int = _CURVE_POINTS) -> None:
        self._points = points
        self._seconds = 1.0
        self._sums: list[list[float]] = []

    def add(self, pts: float, poses: int) -> None:
        """Take in one frame."""
        while int(pts / self._seconds) >= 2 * self._points:
            self._seconds *= 2
            pairs = zip(self._sums[::2], [*self._sums[1::2], [0.0, 0.0]], strict=False)
            self._sums = [[a + c, b + d] for (a, b), (c, d) in pairs]
        place = int(pts / self._seconds)
        self._sums += [[0.0, 0.0] for _ in range(place + 1 - len(self._sums))]
        self._sums[place][0] += poses
        self._sums[place][1] += 1

    @property
    def averages(self) -> tuple[float, ...]:
        """Average poses in a frame, for even parts of the time."""
        return tuple(round(poses / frames, 2) if frames else 0.0 for poses, frames in self._sums)


class FileWork:
    """Works on one file. `run` it in one thread; `stop` it from any.

    Args:
        settings: What is made of the file.
        task: The file.
        gate_rules: Leave others who share the endpoint their part.
        on_progress: Called with every frame, and some ten times a second while there is none.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: ArchiveSettings,
        task: FileTask,
        *,
        gate_rules: Sequence[Rule] = (),
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._task = task
        self._gate_rules = gate_rules
        self._count = RequestCount(Path(task.folder), task.requests)
        self._on_progress = on_progress
        self._clock = clock
        self._curve = PoseCurve()
        self._events: set[str] = set()
        self._position = 0.0
        self._job: RecordedJob | None = None
        self._stopped = False
        self._changed_to = ""

    def stop(self) -> None:
        """End early, whole to the last answer. Any thread, signal handlers."""
        self._stopped = True
        if self._job is not None:
            self._job.stop()

    def run(self) -> FileResult:
        """Work to the end of the file, and publish its outputs; blocks. Faults are returned, never raised."""
        started_at = self._clock()
        fault: Fault | None = None
        outputs: dict[str, int] = {}
        try:
            outputs = self._run()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this file, the others go on
            _log.debug("%s", self._task.name, exc_info=True)
            fault = fault_of(error)
            fault = replace(fault, text=fault.text.replace(self._task.path, self._task.source))
        finally:
            self._count.close()
        interrupted = fault is None and not outputs
        if fault is not None and fault.kind == "file":
            self._changed_to = self._stamp_if_changed()
        if self._changed_to:
            fault = changed_meanwhile()
        stats = Stats() if self._job is None else self._job.stats
        progress = self._progress(stats)
        return FileResult(
            name=self._task.name,
            progress=progress,
            seconds=self._clock() - started_at,
            node=platform.node(),
            fault=fault,
            changed_to=self._changed_to,
            interrupted=interrupted and fault is None,
            outputs=tuple(outputs.items()),
            missing=self._job.missing_frames if self._job is not None and outputs else 0,
            damaged=stats.damaged if outputs else 0,
            curve=self._curve.averages if outputs else (),
            events=len(self._events),
            skeletons_not_found="" if self._job is None else skeletons_not_found(self._job.endpoint),
        )

    def _run(self) -> dict[str, int]:
        """The bytes of the outputs by kind; empty where it was stopped, or the file has changed."""
        task, settings = self._task, self._settings
        folder = Path(task.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sink_error(folder, error) from None
        self._count.open()
        events = self._event_lines(folder)
        try:
            self._work(folder, None if events is None else self._watch(events))
        finally:
            if events is not None:
                events.close()
        if self._stopped:
            return {}
        self._changed_to = self._stamp_if_changed()
        if self._changed_to:
            return {}
        made = output_paths(folder, settings.outputs)
        done = open_outputs(task.into).publish(task.name, made)
        if missing := set(settings.outputs) - done.keys():
            raise SinkError(f"{task.folder}: {', '.join(sorted(missing))} was not written")
        return done

    def _stamp_if_changed(self) -> str:
        """The stamp of the file, if its content is no longer what it was; else empty."""
        path = Path(self._task.path)
        stamp = stamp_of(path)
        if stamp == self._task.stamp:
            return ""
        try:
            return stamp if fingerprint(path) != self._task.content else ""
        except SourceError:  # it is gone, or cannot be read any more
            return stamp or _GONE

    def _work(self, folder: Path, watch: RuleWatch | None) -> None:
        settings = self._settings
        drawing = settings.drawing
        job = self._job = RecordedJob(
            Job(
                Path(self._task.path),
                job_outputs(folder, settings.kinds),
                settings.encoding,
                settings.deinterlace,
                spacing=settings.spacing,
                source=self._task.source,
            ),
            make_endpoint(settings.model, skeletons_not_found=self._task.skeletons_not_found),
            RequestSettings(settings.sampling(), settings.model.filters, settings.requests.max_in_flight),
            made_of=settings.identity(),
            annotator=PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness),
            rules=watch,
            gate_rules=[*self._gate_rules, self._count],
        )
        job.open()
        if self._stopped:
            job.stop()
        job.run(self._take, lambda stats: self._on_progress(self._progress(stats)))

    def _take(self, scene: Scene) -> None:
        self._position = scene.frame.pts
        self._curve.add(scene.frame.pts, len(scene.poses))
        self._on_progress(self._progress(scene.stats))

    def _progress(self, stats: Stats) -> Progress:
        answers = stats.answered + stats.recalled
        requests = self._count.requests
        return Progress(self._position, stats.rendered, requests, answers, stats.credits, stats.trouble)

    def _event_lines(self, folder: Path) -> EventLines | None:
        if self._settings.rules is None:
            return None
        lines = EventLines(output_paths(folder, ("events",))["events"])
        lines.open()
        return lines

    def _watch(self, lines: EventLines) -> RuleWatch:
        assert self._settings.rules is not None

        def tell(event: Event, scene: Scene | None) -> None:
            self._events.add(event.id)
            lines.tell(event, scene)

        return RuleWatch(
            self._settings.rules,
            camera=PurePosixPath(self._task.name).stem,
            listeners=[tell],
            keypoint_confidence=self._settings.model.keypoint_confidence,
        )
