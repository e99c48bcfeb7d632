"""``kpstream annotate``: recorded video."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from math import ceil, inf, isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app
from kpstream.console import estimate, say, summary, work_progress
from kpstream.errors import BudgetSpent, UsageError
from kpstream.interfaces import Annotator
from kpstream.options import DrawOptions, ModelOptions, RequestOptions, takes
from kpstream.signals import Signals, signals_handled
from kpstream.skeleton import Skeleton

if TYPE_CHECKING:
    from kpstream.budget import Sampling
    from kpstream.journal import FileJournal
    from kpstream.outputs import Job

_EXPORTS = "Exports"


@dataclass(frozen=True)
class OutputOptions:
    """What is made of each input."""

    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="OUT.mp4, or a folder for several inputs.")
    ] = None
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264 quality; lower is better.")] = 20
    preset: Annotated[str, typer.Option(help="x264 preset; a slower one makes smaller files.")] = "veryfast"
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Keep the sound.")] = True
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")] = False
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jsonl", help="Poses, a line a frame; - is stdout", rich_help_panel=_EXPORTS),
    ] = None
    coco: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Poses as COCO keypoints.", rich_help_panel=_EXPORTS)
    ] = None
    csv: Annotated[Path | None, typer.Option(metavar="OUT.csv", help="Poses as a table.", rich_help_panel=_EXPORTS)] = (
        None
    )

    def plan(self, inputs: list[Path], reads: list[Path]) -> list[Job]:
        """What is made of each input, checked as a whole.

        Raises:
            UsageError: Outputs do not fit together, or are there already.
            SinkError: An output cannot be written.
            SourceOpenError: One of several inputs is no video.
        """
        from kpstream.outputs import Encoding, Outputs, plan

        outputs = Outputs(self.output, self.jsonl, self.coco, self.csv)
        encoding = Encoding(self.crf, self.preset, audio=self.audio)
        return plan(inputs, outputs, encoding, overwrite=self.overwrite, reads=reads)


@app.command()
@takes(outputs=OutputOptions, model=ModelOptions, requests=RequestOptions, drawing=DrawOptions)
def annotate(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Video files.")],
    outputs: OutputOptions,
    model: ModelOptions,
    requests: RequestOptions,
    drawing: DrawOptions,
    *,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="Begin there.")] = 0.0,
    end: Annotated[float | None, typer.Option(min=0, metavar="S", help="End there.", show_default="the end")] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Ask about every N-th frame; poses between are interpolated."),
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option("--from", metavar="POSES.jsonl", help="Draw or export these again, without one request."),
    ] = None,
) -> None:
    """Annotate recorded video: every frame, nothing dropped; timing and sound are kept.

    Answers are kept in a journal beside the output until it is done: after an interruption the same command goes on.
    """
    from kpstream.budget import EveryNth

    _check_together(inputs, outputs, requests, every, poses)
    span = Span(start, inf if end is None else end)
    annotator = drawing.make_annotator()
    if poses is None:
        model.make_endpoint().close()  # what would refuse it is told before anything is opened or made
    jobs = outputs.plan(inputs, [] if poses is None else [poses])
    model.spare_cores()
    left = requests.max_requests
    for job in jobs:
        if poses is not None:
            _redraw(job, span, annotator, poses, model.load_skeletons())
            continue
        sampling = EveryNth(every) if every else requests.make_sampling()
        used = _annotate(job, span, annotator, model, Asking(sampling, requests.max_in_flight, left))
        left = None if left is None else left - used
    for job in jobs:  # not before: the same command is to go on where the last of them was interrupted
        if job.journal is not None and poses is None:
            job.journal.unlink(missing_ok=True)


def _check_together(
    inputs: list[Path], outputs: OutputOptions, requests: RequestOptions, every: int | None, poses: Path | None
) -> None:
    if outputs.output is None and not (outputs.jsonl or outputs.coco or outputs.csv):
        raise UsageError("nothing would be written: add -o OUT.mp4, or --jsonl, --coco or --csv")
    if every is not None and requests.rate is not None:
        raise UsageError("--every and --rate say the same thing in two ways: give one of them")
    if every is not None and requests.sampling == "adaptive":
        raise UsageError("--every asks at even steps: give --rate with --sampling adaptive")
    if poses is not None and len(inputs) > 1:
        raise UsageError("--from holds the poses of one video: give one input")


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


def _annotate(job: Job, span: Span, annotator: Annotator, model: ModelOptions, asking: Asking) -> int:
    """Annotate one video; how many requests it took."""
    from kpstream.pipeline import Pipeline, held_frames
    from kpstream.sources.file import VideoFile

    video = VideoFile(job.path, start=span.start, end=span.end)
    journal = _open_journal(job, model)
    endpoint = model.make_endpoint()
    duration = span.of(video.duration)
    expected = asking.sampling.expected(duration, video.frame_rate)
    least = ceil(duration * video.frame_rate / held_frames(video.frame_size)) if isfinite(expected) else nan
    if least > expected:
        say(f"{video.name}: so few samples would fill the memory with pictures: it takes about {least}")
        expected = least
    known = 0 if journal is None else journal.answers
    say(f"{video.name} with {endpoint.name}: {estimate(duration, expected, known, priced=model.priced)}")
    with work_progress(video.name, duration, expected) as bar:
        pipeline = Pipeline(
            video,
            endpoint,
            sinks=job.make_sinks(video),
            annotator=None if job.outputs.video is None else annotator,
            sampling=asking.sampling,
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
            where = f"{video.name} is done up to {pipeline.stats.rendered} frames"
            raise BudgetSpent(f"{error}: {where}; the same command goes on from there") from None
        finally:
            if journal:
                journal.close()
            say(f"{job.outputs}: {summary(pipeline.stats, priced=model.priced)}")
    hint = "; the same command goes on" if journal else ""
    _end_of_work(signals, video.name, pipeline.stats.captured, hint=hint)
    return pipeline.stats.requests


def _open_journal(job: Job, model: ModelOptions) -> FileJournal | None:
    """What an earlier run of the same command left; None where there is no file to put it beside."""
    from kpstream.journal import FileJournal, fingerprint

    if job.journal is None:
        return None
    journal = FileJournal(job.journal, {"input": fingerprint(job.path), **model.identity()})
    if changed := journal.open():
        say(f"{job.journal} is of another run (changed: {', '.join(changed)}): begins anew")
    return journal


def _redraw(job: Job, span: Span, annotator: Annotator, poses: Path, skeletons: Mapping[str, Skeleton] | None) -> None:
    from kpstream.annotate import redraw
    from kpstream.sinks.jsonl import read_poses
    from kpstream.sources.file import VideoFile

    recorded = read_poses(poses, skeletons)
    video, frames = VideoFile(job.path, start=span.start, end=span.end), 0
    drawn = None if job.outputs.video is None else annotator
    scenes = redraw(video, recorded, job.make_sinks(video), annotator=drawn)
    with work_progress(video.name, span.of(video.duration), nan) as bar, signals_handled() as signals, closing(scenes):
        signals.stop = lambda: None
        for scene in scenes:
            frames += 1
            bar.show(scene.frame.pts - span.start, None)
            if signals.caught:
                break
    say(f"{job.outputs}: {frames} frames, no requests")
    _end_of_work(signals, video.name, frames)


def _end_of_work(signals: Signals, name: str, frames: int, *, hint: str = "") -> None:
    if signals.caught:
        say(f"interrupted: what was written is whole, up to the last frame that was answered{hint}")
        raise typer.Exit(INTERRUPTED)
    if not frames:
        raise UsageError(f"{name} has no frame between --start and --end")
