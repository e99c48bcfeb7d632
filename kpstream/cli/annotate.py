"""``kpstream annotate``: recorded video."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from math import nan
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app, examples
from kpstream.cli.options import check_named, takes
from kpstream.cli.rules import are_events_written, files_of, opened_rules
from kpstream.cli.signals import Signals, signals_handled
from kpstream.cli.terminal import estimate, say, summary, work_progress
from kpstream.errors import BudgetSpent, UsageError
from kpstream.options import (
    DrawOptions,
    ModelOptions,
    OutputOptions,
    PartOptions,
    RequestOptions,
    RulesOptions,
    VideoOptions,
)
from kpstream.options.units import count_text
from kpstream.paths import stem_text
from kpstream.pipeline.memory import keep_heaps

if TYPE_CHECKING:
    from kpstream.entities import Annotator, Stats
    from kpstream.recorded.job import RecordedJob, Span
    from kpstream.recorded.plan import Job


@app.command(
    epilog=examples(
        "kpstream annotate clip.mp4 -o out.mp4   # with the embedded model",
        "kpstream annotate clip.mp4 -o out.mp4 --rate 5   # a sixth of the requests",
        "kpstream annotate clip.mp4 --jsonl poses.jsonl --model my-pose/3   # no video",
        "kpstream annotate clip.mp4 --from poses.jsonl -o again.mp4   # no request",
    )
)
@takes(
    part=PartOptions,
    outputs=OutputOptions,
    video=VideoOptions,
    model=ModelOptions,
    requests=RequestOptions,
    drawing=DrawOptions,
    ruling=RulesOptions,
)
def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Video files or addresses of some, - for a pipe, a folder of pictures or shot%04d.png.",
        ),
    ],
    *,
    part: PartOptions,
    outputs: OutputOptions,
    video: VideoOptions,
    model: ModelOptions,
    requests: RequestOptions,
    drawing: DrawOptions,
    ruling: RulesOptions,
) -> None:
    """Annotate recorded video: every frame, nothing dropped; timing and sound are kept.

    Answers are kept in a journal beside the output until it is done: after an interruption the same command goes on.
    """
    from kpstream.camera.cores import draw_on_one_core
    from kpstream.dispatch.sampling import EveryNth, make_sampling
    from kpstream.endpoints.opening import answer_identity, make_endpoint
    from kpstream.recorded.job import RecordedJob, RequestSettings, Span
    from kpstream.render import PoseAnnotator

    check_named(inputs)
    _check_together(inputs, part, outputs, requests, ruling)
    span, poses = Span(part.start, part.last), part.poses
    annotator = PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness)
    if poses is None:
        make_endpoint(model).close()  # what would refuse it is told before anything is opened or made
    jobs = _plan(inputs, part, outputs, video, ruling)
    draw_on_one_core()
    keep_heaps()
    if poses is not None:
        _redraw(jobs[0], span, annotator, poses, model.skeleton)
        return
    left, done = requests.max_requests, []
    with opened_rules(ruling) as rules:
        for job in jobs:
            sampling = EveryNth(part.every) if part.every else make_sampling(requests)
            settings = RequestSettings(sampling, model.filters, requests.max_in_flight, left)
            endpoint, made_of = make_endpoint(model), answer_identity(model)
            run = rules.make_run(stem_text(job.name), model.keypoint_confidence, annotator)
            work = RecordedJob(
                job,
                endpoint,
                settings,
                made_of=made_of,
                span=span,
                annotator=annotator,
                rules=None if run is None else run.rules,
                make_clips=None if run is None else run.make_clips,
            )
            _annotate(work, job, span)
            left = None if left is None else left - work.stats.requests
            done.append(work)
    for work in done:  # not before: the same command is to go on where the last of them was interrupted
        work.discard_journal()


def _plan(
    inputs: list[str], part: PartOptions, outputs: OutputOptions, video: VideoOptions, ruling: RulesOptions
) -> list[Job]:
    from kpstream.recorded.inputs import parse_input
    from kpstream.recorded.plan import Encoding, Outputs, plan_jobs

    reads, more_writes = files_of(ruling)
    return plan_jobs(
        [parse_input(text) for text in inputs],
        Outputs(
            video=outputs.output,
            jsonl=outputs.jsonl,
            coco=outputs.coco,
            csv=outputs.csv,
            frames=outputs.frames,
            coco_frames=outputs.coco_frames,
        ),
        Encoding(video.crf, video.preset, audio=video.audio),
        overwrite=outputs.overwrite,
        reads=reads if part.poses is None else [*reads, part.poses],
        more_writes=more_writes,
        deinterlace=not video.no_deinterlace,
        frame_rate=part.frame_rate,
        hwaccel=part.hwaccel,
    )


def _check_together(
    inputs: list[str], part: PartOptions, outputs: OutputOptions, requests: RequestOptions, ruling: RulesOptions
) -> None:
    if outputs.output is None and not (
        outputs.jsonl or outputs.coco or outputs.csv or outputs.frames or are_events_written(ruling)
    ):
        raise UsageError("nothing would be written: add -o OUT.mp4, or `jsonl`, `coco`, `frames`, `csv` or `events`")
    if part.poses is not None and ruling.rules is not None:
        raise UsageError("kpstream events check RULES.toml POSES.jsonl tries rules on poses that are there")
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


def _annotate(work: RecordedJob, job: Job, span: Span) -> None:
    """Annotate one video, and tell of it."""
    from kpstream.recorded.inputs import is_read_once

    if is_read_once(job.path):
        say(f"{job.name}: a pipe is read once, so no journal is kept: an interrupted run begins anew")
    expected = work.open()
    if expected.changed:
        say(f"{job.journal} is of another run (changed: {', '.join(expected.changed)}): begins anew")
    if expected.short_of_memory:
        few = "so few samples would fill the memory with pictures"
        say(f"{expected.name}: {few}: it takes about {expected.samples:.0f}")
    if expected.duration:  # with no frame to come, the error says it all
        cost = estimate(
            expected.duration, expected.samples, expected.answers, credits_per_request=work.endpoint.credits_per_request
        )
        say(f"{expected.name} with {work.endpoint.name}: {cost}")
    with work_progress(expected.name, expected.duration, expected.samples) as bar, signals_handled() as signals:
        signals.stop = work.stop
        try:
            work.run(lambda scene: bar.show(scene.frame.pts - span.start, scene.stats), bar.idle)
        except BudgetSpent as error:
            raise BudgetSpent(f"{error}; the same command goes on from there") from None
        finally:
            _print_summary(job, work.stats)
    _check_not_interrupted(signals, hint="; the same command goes on" if job.journal else "")


def _print_summary(job: Job, stats: Stats) -> None:
    """One line; no output is named that has no frame, for there is no such file."""
    if stats.rendered or stats.requests:
        # of recorded video every request without an answer is told, also where the frame was asked about again
        counted = replace(stats, lost=stats.requests - stats.answered)
        say(f"{(stats.rendered and str(job.outputs)) or job.name.name}: {summary(counted)}")


def _redraw(job: Job, span: Span, annotator: Annotator, poses: Path, skeleton: Path | None) -> None:
    from kpstream.endpoints.versions import load_skeleton_file
    from kpstream.recorded.redraw import recorded_source, redraw
    from kpstream.sinks.jsonl import read_poses

    recorded = read_poses(poses, None if skeleton is None else load_skeleton_file(skeleton))
    video, frames, found = job.open(span.start, span.end), 0, 0
    named = recorded_source(poses)
    if named and _file_name(named) != _file_name(video.name):
        say(f"warning: the poses in {poses} were found in {named}, and are drawn on {video.name}")
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
        counted = (
            count_text(frames, "frame") if found == frames else f"poses for {found} of {count_text(frames, 'frame')}"
        )
        say(f"{job.outputs}: {counted}, no requests")
    _check_not_interrupted(signals)
    span.check(video.name, frames, video.duration)


def _file_name(source: str) -> str:
    return PureWindowsPath(source).name  # whichever system wrote it: / and \ both part folders


def _check_not_interrupted(signals: Signals, *, hint: str = "") -> None:
    if signals.caught:
        say(f"interrupted: what was written is whole, up to the last frame that was answered{hint}")
        raise typer.Exit(INTERRUPTED)
