"""``kpstream annotate``: recorded video."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil, isfinite, nan
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app
from kpstream.cli.options import takes
from kpstream.cli.signals import Signals, signals_handled
from kpstream.cli.terminal import estimate, say, summary, work_progress
from kpstream.errors import BudgetSpent, EndpointUnavailable, KpstreamError, UsageError
from kpstream.interfaces import Annotator
from kpstream.options import DrawOptions, ModelOptions, OutputOptions, PartOptions, RequestOptions
from kpstream.skeleton import Skeleton

if TYPE_CHECKING:
    from kpstream.dispatch.sampling import Sampling
    from kpstream.entities import Stats
    from kpstream.recorded.journal import FileJournal
    from kpstream.recorded.plan import Job


@app.command()
@takes(part=PartOptions, outputs=OutputOptions, model=ModelOptions, requests=RequestOptions, drawing=DrawOptions)
def annotate(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Video files.")],
    *,
    part: PartOptions,
    outputs: OutputOptions,
    model: ModelOptions,
    requests: RequestOptions,
    drawing: DrawOptions,
) -> None:
    """Annotate recorded video: every frame, nothing dropped; timing and sound are kept.

    Answers are kept in a journal beside the output until it is done: after an interruption the same command goes on.
    """
    from kpstream.cli.cores import draw_on_one_core
    from kpstream.dispatch.sampling import EveryNth, make_sampling
    from kpstream.endpoints.opening import make_endpoint
    from kpstream.endpoints.versions import load_skeleton_file
    from kpstream.recorded.plan import Encoding, Outputs, plan
    from kpstream.render import PoseAnnotator

    _check_together(inputs, part, outputs, requests)
    span, poses = Span(part.start, part.last), part.poses
    annotator = PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness)
    if poses is None:
        make_endpoint(model).close()  # what would refuse it is told before anything is opened or made
    jobs = plan(
        inputs,
        Outputs(outputs.output, outputs.jsonl, outputs.coco, outputs.csv),
        Encoding(outputs.crf, outputs.preset, audio=outputs.audio),
        overwrite=outputs.overwrite,
        reads=[] if poses is None else [poses],
    )
    if not model.embedded:
        draw_on_one_core()
    left = requests.max_requests
    for job in jobs:
        if poses is not None:
            _redraw(job, span, annotator, poses, None if model.skeleton is None else load_skeleton_file(model.skeleton))
            continue
        sampling = EveryNth(part.every) if part.every else make_sampling(requests)
        used = _annotate(job, span, annotator, model, Asking(sampling, requests.max_in_flight, left))
        left = None if left is None else left - used
    for job in jobs:  # not before: the same command is to go on where the last of them was interrupted
        if job.journal is not None and poses is None:
            job.journal.unlink(missing_ok=True)


def _check_together(inputs: list[Path], part: PartOptions, outputs: OutputOptions, requests: RequestOptions) -> None:
    if outputs.output is None and not (outputs.jsonl or outputs.coco or outputs.csv):
        raise UsageError("nothing would be written: add -o OUT.mp4, or `jsonl`, `coco` or `csv`")
    if part.every is not None and requests.rate is not None:
        raise UsageError("`every` and `rate` say the same thing in two ways: give one of them")
    if part.every is not None and requests.sampling == "adaptive":
        raise UsageError("asks at even steps: give `rate` with `sampling` adaptive", option="every")
    if part.poses is not None and len(inputs) > 1:
        raise UsageError("holds the poses of one video: give one input", option="poses")
    if part.end is not None and part.end <= part.start:
        raise UsageError(
            f"nothing lies between `start` {part.start:g} and `end` {part.end:g}: give an end after the start"
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """How one video is asked about."""

    sampling: Sampling
    max_in_flight: int | None
    max_requests: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a video that is wanted, in seconds."""

    start: float
    end: float

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


def _annotate(job: Job, span: Span, annotator: Annotator, model: ModelOptions, asking: Asking) -> int:
    """Annotate one video; how many requests it took."""
    from kpstream.endpoints.opening import make_endpoint
    from kpstream.pipeline import Pipeline, held_frames
    from kpstream.sources.file import VideoFile

    video = VideoFile(job.path, start=span.start, end=span.end)
    journal = _open_journal(job, model)
    endpoint = make_endpoint(model)
    duration = span.of(video.duration)
    expected = asking.sampling.expected(duration, video.frame_rate)
    least = ceil(duration * video.frame_rate / held_frames(video.frame_size)) if isfinite(expected) else nan
    if least > expected:
        say(f"{video.name}: so few samples would fill the memory with pictures: it takes about {least}")
        expected = least
    known = 0 if journal is None else journal.answers
    if duration:  # with no frame to come, the error says it all
        cost = estimate(duration, expected, known, credits_per_request=endpoint.credits_per_request)
        say(f"{video.name} with {endpoint.name}: {cost}")
    with work_progress(video.name, duration, expected) as bar:
        pipeline = Pipeline(
            video,
            endpoint,
            sinks=job.make_sinks(video),
            annotator=None if job.outputs.video is None else annotator,
            sampling=asking.sampling,
            filters=model.filters,
            max_in_flight=asking.max_in_flight,
            max_requests=asking.max_requests,
            journal=journal,
            on_idle=bar.idle,
        )
        try:
            with signals_handled() as signals, pipeline:
                signals.stop = pipeline.stop
                for scene in pipeline:
                    bar.show(scene.frame.pts - span.start, scene.stats)
        except BudgetSpent as error:
            raise _short_of_requests(error, pipeline.stats, video.name) from None
        finally:
            if journal:
                journal.close()
            _say_what_was_done(job, pipeline.stats)
    _check_not_interrupted(signals, hint="; the same command goes on" if journal else "")
    span.check(video.name, pipeline.stats.captured, video.duration)
    return pipeline.stats.requests


def _short_of_requests(error: BudgetSpent, stats: Stats, name: str) -> KpstreamError:
    """What ends a job whose requests are spent: the want of them only where the endpoint answers at all."""
    trouble = stats.endpoint_trouble
    if stats.requests and not stats.answered:
        return EndpointUnavailable(f"{trouble or error}; {stats.requests} requests were sent, none was answered")
    why = f" (the last that failed: {trouble})" if trouble else ""
    return BudgetSpent(
        f"{error}{why}: {name} is done up to {stats.rendered} frames; the same command goes on from there"
    )


def _say_what_was_done(job: Job, stats: Stats) -> None:
    """One line; no output is named that has no frame, for there is no such file."""
    if stats.rendered or stats.requests:
        # of recorded video every request without an answer is told, also where the frame was asked about again
        told = replace(stats, lost=stats.requests - stats.answered)
        say(f"{job.outputs if stats.rendered else job.path.name}: {summary(told)}")


def _open_journal(job: Job, model: ModelOptions) -> FileJournal | None:
    """What an earlier run of the same command left; None where there is no file to put it beside."""
    from kpstream.endpoints.opening import answer_identity
    from kpstream.recorded.journal import FileJournal, fingerprint

    if job.journal is None:
        return None
    journal = FileJournal(job.journal, {"input": fingerprint(job.path), **answer_identity(model)})
    if changed := journal.open():
        say(f"{job.journal} is of another run (changed: {', '.join(changed)}): begins anew")
    return journal


def _redraw(job: Job, span: Span, annotator: Annotator, poses: Path, skeletons: Mapping[str, Skeleton] | None) -> None:
    from kpstream.recorded.redraw import recorded_source, redraw
    from kpstream.sinks.jsonl import read_poses
    from kpstream.sources.file import VideoFile

    recorded = read_poses(poses, skeletons)
    video, frames, found = VideoFile(job.path, start=span.start, end=span.end), 0, 0
    said = recorded_source(poses)
    if said and _file_name(said) != _file_name(video.name):
        say(f"warning: the poses in {poses} were found in {said}, and are drawn on {video.name}")
    drawn = None if job.outputs.video is None else annotator
    scenes = redraw(video, recorded, job.make_sinks(video), annotator=drawn)
    with work_progress(video.name, span.of(video.duration), nan) as bar, signals_handled() as signals, closing(scenes):
        signals.stop = lambda: None
        for scene in scenes:
            frames += 1
            found += scene.frame.index in recorded
            bar.show(scene.frame.pts - span.start, None)
            if signals.caught:
                break
    if found < frames:
        say(f"warning: {poses} says nothing about {frames - found} of the frames: they are drawn without poses")
    if frames:
        counted = f"{frames} frames" if found == frames else f"poses for {found} of {frames} frames"
        say(f"{job.outputs}: {counted}, no requests")
    _check_not_interrupted(signals)
    span.check(video.name, frames, video.duration)


def _file_name(source: str) -> str:
    return PureWindowsPath(source).name  # whichever system wrote it: / and \ both part folders


def _check_not_interrupted(signals: Signals, *, hint: str = "") -> None:
    if signals.caught:
        say(f"interrupted: what was written is whole, up to the last frame that was answered{hint}")
        raise typer.Exit(INTERRUPTED)
