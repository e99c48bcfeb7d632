"""One recorded video from its first frame to its last; what was answered is kept until it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, isfinite, nan

from kpstream.dispatch.rule import Rule
from kpstream.dispatch.sampling import EveryNth, FixedRate, Sampling
from kpstream.entities import Annotator, Filters, Scene, Stats
from kpstream.errors import BudgetSpent, EndpointUnavailable, KpstreamError, UsageError
from kpstream.interfaces import Endpoint, SceneRules, Sink
from kpstream.options.units import count_text
from kpstream.pipeline import Pipeline, held_frames
from kpstream.pipeline.background import Background
from kpstream.recorded.inputs import Recording, identity_of
from kpstream.recorded.journal import FileJournal
from kpstream.recorded.plan import Job
from kpstream.render import PoseAnnotator


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a video that is wanted, in seconds."""

    start: float = 0.0
    end: float = inf

    def of(self, duration: float) -> float:
        """How much of a video of this duration that is; NaN where nobody knows."""
        return max(0.0, min(self.end, duration) - self.start) if isfinite(duration) else self.end - self.start

    def check(self, name: str, frames: int, duration: float) -> None:
        """See that something was in it, once it was read: what a file declares is no proof.

        Raises:
            UsageError: No frame was.
        """
        if not frames:
            lasts = f": it lasts {duration:.4g} s" if isfinite(duration) else ""
            until = f" and before `end` {self.end:g}" if isfinite(self.end) else ""
            raise UsageError(f"{name} has no frame from `start` {self.start:g} on{until}{lasts}")


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How one video is asked about."""

    sampling: Sampling
    filters: Filters = Filters()
    max_in_flight: int | None = None
    """Requests at once; None follows the measured latency."""
    max_requests: int | None = None
    """A budget; None for no limit."""


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """What a job will take, as far as it can be known before it begins."""

    name: str
    """Of the video."""
    duration: float
    """Seconds of the part that is wanted; NaN where nobody knows."""
    samples: float
    """How many samples at most; NaN where nobody knows."""
    answers: int
    """How many answers an interrupted run has left."""
    short_of_memory: bool
    """Whether more samples than asked for are taken, as the pictures between them would fill the memory."""
    changed: tuple[str, ...]
    """What differs from the interrupted run, none of whose answers is used; empty where nothing does."""


class RecordedJob:
    """Annotates one video; interrupted and started again, it goes on where it stopped. Used by one thread.

    `open` it, then `run` it. Its answers are kept beside the first output until `discard_journal`.

    Args:
        job: The video, and what is made of it.
        endpoint: Finds the poses; closed at the end.
        settings: Which frames it is asked about, and how much.
        made_of: What the answers depend on beside the video, by name: answers to anything else are not used again.
        span: The part of the video that is wanted.
        annotator: Draws what the video shows.
        rules: Say what happens in it.
        make_clips: Makes what writes clips of it, given the declared frames per second; None writes none.
        gate_rules: More reasons to send no request for now: what others who share the endpoint leave.
    """

    def __init__(
        self,
        job: Job,
        endpoint: Endpoint,
        settings: RequestSettings,
        *,
        made_of: Mapping[str, str],
        span: Span = Span(),
        annotator: Annotator | None = None,
        rules: SceneRules | None = None,
        make_clips: Callable[[float], Sink] | None = None,
        gate_rules: Sequence[Rule] = (),
    ) -> None:
        self._job = job
        self._endpoint = endpoint
        self._settings = settings
        self._made_of = made_of
        self._span = span
        self._annotator = PoseAnnotator() if annotator is None else annotator
        self._rules = rules
        self._make_clips = make_clips
        self._gate_rules = tuple(gate_rules)
        self._journal: FileJournal | None = None
        self._video: Recording | None = None
        self._pipeline: Pipeline | None = None
        self.stopped = False
        """Whether it was ended early by `stop`."""

    @property
    def endpoint(self) -> Endpoint:
        """What finds the poses."""
        return self._endpoint

    @property
    def stats(self) -> Stats:
        """What was done so far."""
        return Stats() if self._pipeline is None else self._pipeline.stats

    @property
    def missing_frames(self) -> int:
        """How many frames the video holds, or declares, that could not be read so far; complete at its end."""
        return 0 if self._video is None else self._video.missing_frames

    def open(self) -> JobEstimate:
        """Open the video and what an earlier run has left; blocks.

        Raises:
            SourceOpenError: It is no video that can be read.
            SinkError: The journal cannot be read or written.
            UsageError: Another process works on the same output.
        """
        job, span = self._job, self._span
        video = self._video = job.open(span.start, span.end)
        changed: tuple[str, ...] = ()
        if job.journal is not None:
            self._journal = FileJournal(
                job.journal, {"input": identity_of(job.path), **_pictures(job), **self._made_of}
            )
            changed = tuple(self._journal.open())
        duration = span.of(video.duration)
        samples = self._settings.sampling.expected(duration, video.frame_rate)
        least = ceil(duration * video.frame_rate / held_frames(video.frame_size)) if isfinite(samples) else nan
        return JobEstimate(
            name=video.name,
            duration=duration,
            samples=max(samples, least) if least > samples else samples,
            answers=0 if self._journal is None else self._journal.answers,
            short_of_memory=least > samples,
            changed=changed,
        )

    def run(
        self,
        on_scene: Callable[[Scene], None] = lambda _: None,
        on_idle: Callable[[Stats], None] = lambda _: None,
    ) -> Stats:
        """Work to the end of the span, or until `stop`; blocks.

        Args:
            on_scene: Given every scene, once it is written.
            on_idle: Told some ten times a second how it is doing while nothing comes.

        Returns:
            What was done.

        Raises:
            SourceReadError: The video cannot be read any further.
            EndpointError: The endpoint refused for good, or gave no answer at all.
            BudgetSpent: The requests were not enough; what was answered is written, and kept.
            SinkError: An output could not be written.
            UsageError: Nothing lies in the span.
        """
        assert self._video is not None, "it is not open"
        video, settings = self._video, self._settings
        sinks = self._job.make_sinks(video)
        if self._make_clips is not None:
            sinks.append(Background.waiting(self._make_clips(video.frame_rate), name="clips"))
        is_drawn = self._job.outputs.video is not None or self._make_clips is not None
        pipeline = self._pipeline = Pipeline(
            video,
            self._endpoint,
            sinks=sinks,
            annotator=self._annotator if is_drawn else None,
            rules=self._rules,
            sampling=settings.sampling,
            filters=settings.filters,
            max_in_flight=settings.max_in_flight,
            max_requests=settings.max_requests,
            gate_rules=self._gate_rules,
            journal=self._journal,
            on_idle=on_idle,
        )
        if self.stopped:
            pipeline.stop()
        try:
            with pipeline:
                for scene in pipeline:
                    on_scene(scene)
        except BudgetSpent as error:
            raise _out_of_requests(error, pipeline.stats, video.name) from None
        finally:
            if self._journal is not None:
                self._journal.close()
        if not self.stopped:
            self._span.check(video.name, pipeline.stats.captured, video.duration)
        return pipeline.stats

    def stop(self) -> None:
        """End early, with everything written whole. Any thread, signal handlers."""
        self.stopped = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def discard_journal(self) -> None:
        """Forget the answers: all is done."""
        if self._journal is not None:
            self._journal.discard()


def run_job(
    job: Job,
    endpoint: Endpoint,
    *,
    rate: float = inf,
    every: int | None = None,
    filters: Filters = Filters(),
    span: Span = Span(),
    annotator: Annotator | None = None,
    max_requests: int | None = None,
    made_of: Mapping[str, str] | None = None,
    rules: SceneRules | None = None,
) -> Stats:
    """Annotate one video to its end; called again after an interruption it goes on where it stopped. Blocks.

    Args:
        job: The video, and what is made of it.
        endpoint: Finds the poses; closed at the end.
        rate: The most samples per second of video.
        every: Ask about every N-th frame instead; the poses between are interpolated.
        filters: Which poses of the answers are used.
        span: The part of the video that is wanted.
        annotator: Draws what the video shows.
        max_requests: A budget; None for no limit.
        made_of: What the answers depend on beside the video and the filters, where more than the endpoint's name.
        rules: Say what happens in it.

    Returns:
        What was done.

    Raises:
        KpstreamError: As from `RecordedJob.open` and `RecordedJob.run`.
    """
    job.check()
    sampling: Sampling = FixedRate(rate) if every is None else EveryNth(every)
    settings = RequestSettings(sampling, filters, max_requests=max_requests)
    identity = {"endpoint": endpoint.name, "thresholds": repr(filters)} if made_of is None else made_of
    work = RecordedJob(job, endpoint, settings, made_of=identity, span=span, annotator=annotator, rules=rules)
    work.open()
    stats = work.run()
    work.discard_journal()
    return stats


def _pictures(job: Job) -> dict[str, str]:
    """What is done to the pictures before they are asked about, where it is not the usual."""
    return {} if job.deinterlace else {"pictures": "interlaced as they are"}


def _out_of_requests(error: BudgetSpent, stats: Stats, name: str) -> KpstreamError:
    """What ends a job whose requests are spent: the want of them only where the endpoint answers at all."""
    trouble = stats.endpoint_trouble
    if stats.requests and not stats.answered:
        sent = "1 request was" if stats.requests == 1 else f"{stats.requests} requests were"
        return EndpointUnavailable(f"{trouble or error}; {sent} sent, none was answered")
    why = f" (the last that failed: {trouble})" if trouble else ""
    return BudgetSpent(f"{error}{why}: {name} is done up to {count_text(stats.rendered, 'frame')}")
