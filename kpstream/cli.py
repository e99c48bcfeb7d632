"""The commands: options become objects, objects run, errors become one line and an exit code."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import inf, isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kpstream import __version__
from kpstream.budget import AtRate, EveryNth, Sampling
from kpstream.console import live_status, say, set_up_logging, show_finding, stderr, summary, work_progress
from kpstream.errors import KpstreamError, UsageError, ViewerQuit
from kpstream.interfaces import Annotator
from kpstream.options import DrawOptions, MaxInFlight, ModelOptions, Rate, read_key, takes
from kpstream.redact import redact
from kpstream.signals import Signals, signals_handled
from kpstream.skeleton import Skeleton

# Commands import what loads OpenCV when they run: `doctor` and `--help` work where it cannot be loaded.
if TYPE_CHECKING:
    from kpstream.outputs import Job
    from kpstream.sinks.window import Window

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Any camera, stream or video file as a live, annotated picture with keypoints.",
    epilog="Try it without a key:  kpstream live 0   ·   kpstream annotate VIDEO.mp4 -o OUT.mp4",
)

_RECORDING = "Recording"
_EXPORTS = "Exports"
_SOURCE = "Source"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    set_up_logging(debug=debug)
    try:
        return int(app([word for word in words if word != "--debug"], "kpstream", standalone_mode=False) or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - the roof: every error becomes one line here
        return _report(error, debug=debug)


def _report(error: Exception, *, debug: bool) -> int:
    if isinstance(error, ViewerQuit):
        return error.exit_code
    if debug:
        stderr.print(redact("".join(traceback.format_exception(error))), markup=False)
    if isinstance(error, KpstreamError):
        say(f"error: {error}")
        return error.exit_code
    if hasattr(error, "format_message"):  # a word on the command line that no command knows
        if message := error.format_message():  # without any word the help was shown
            say(f"error: {message}  (kpstream COMMAND --help shows what there is)")
        return UsageError.exit_code
    say(f"error: {type(error).__name__}: {error} - this is a fault of kpstream; --debug shows where")
    return KpstreamError.exit_code


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all that is logged.")] = False,  # noqa: ARG001
) -> None:
    """Any camera, stream or video file as a live, annotated picture with keypoints."""
    if version:
        typer.echo(f"kpstream {__version__}")


@app.command()
@takes(model=ModelOptions, drawing=DrawOptions)
def live(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A device (0), rtsp://, http(s)://, or a file.")],
    model: ModelOptions,
    drawing: DrawOptions,
    *,
    record: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Record the annotated picture.", rich_help_panel=_RECORDING)
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jsonl", help="Write poses, a line a frame; - is stdout.", rich_help_panel=_RECORDING),
    ] = None,
    window: Annotated[
        bool | None, typer.Option("--window/--no-window", help="Show it.", show_default="where there is a screen")
    ] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, metavar="S", help="End after so many seconds.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Play a file again and again.", rich_help_panel=_SOURCE)] = False,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Picture size, asked of a webcam.", rich_help_panel=_SOURCE)
    ] = None,
    frame_rate: Annotated[
        float | None, typer.Option(min=1, metavar="R", help="Asked of a webcam.", rich_help_panel=_SOURCE)
    ] = None,
    rtsp_transport: Annotated[
        Literal["tcp", "udp"], typer.Option(help="How an RTSP stream travels.", rich_help_panel=_SOURCE)
    ] = "tcp",
    rate: Rate = 5.0,
    max_in_flight: MaxInFlight = None,
) -> None:
    """Show a camera, stream or file as it comes, with its keypoints.

    Keys in the window: q ends, space pauses, s takes a snapshot, f full screen.
    """
    from kpstream.outputs import LiveOutputs
    from kpstream.pipeline import Pipeline
    from kpstream.render import Layers, StatusAnnotator
    from kpstream.sources import Paced, VideoFile, open_source

    endpoint = model.make_endpoint()
    _use_cores_for(model)
    annotator = Layers(drawing.make_annotator(), StatusAnnotator())
    picture_size, outputs = _picture_size(size), LiveOutputs(source, record, jsonl)
    outputs.check()
    _warm_up(annotator)
    with signals_handled() as signals, live_status() as status:
        camera = open_source(source, size=picture_size, frame_rate=frame_rate, rtsp_transport=rtsp_transport)
        if isinstance(camera, VideoFile):
            camera = Paced(camera, loop=loop)
        screen = _open_window(window)
        sinks = outputs.make_sinks(camera.frame_rate)
        say(f"{camera.name} with {endpoint.name}")
        pipeline = Pipeline(
            camera,
            endpoint,
            sinks=sinks if screen is None else [screen, *sinks],
            annotator=annotator if screen or record else None,
            rate=rate,
            max_in_flight=max_in_flight,
            duration=inf if duration is None else duration,
            on_idle=(lambda _: screen.pump()) if screen else (lambda _: None),
        )
        signals.stop = pipeline.stop
        try:
            with pipeline:
                for scene in pipeline:
                    status.show(scene)
        finally:
            say(summary(pipeline.stats, priced=model.priced))
    if signal.SIGINT in signals.caught:
        raise typer.Exit(INTERRUPTED)


@app.command()
@takes(model=ModelOptions, drawing=DrawOptions)
def annotate(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Video files.")],
    model: ModelOptions,
    drawing: DrawOptions,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="OUT.mp4, or a folder for several inputs.")
    ] = None,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="Begin there.")] = 0.0,
    end: Annotated[float | None, typer.Option(min=0, metavar="S", help="End there.", show_default="the end")] = None,
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264 quality; lower is better.")] = 20,
    preset: Annotated[str, typer.Option(help="x264 preset; a slower one makes smaller files.")] = "veryfast",
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Keep the sound.")] = True,
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jsonl", help="Poses, a line a frame; - is stdout", rich_help_panel=_EXPORTS),
    ] = None,
    coco: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Poses as COCO keypoints.", rich_help_panel=_EXPORTS)
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Poses as a table.", rich_help_panel=_EXPORTS)
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option("--from", metavar="POSES.jsonl", help="Draw or export these again, without one request."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")] = False,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Ask about every N-th frame; poses between are interpolated."),
    ] = None,
    rate: Rate = None,
    max_in_flight: MaxInFlight = None,
) -> None:
    """Annotate recorded video: every frame, nothing dropped; timing and sound are kept."""
    from kpstream.outputs import Encoding, Outputs, plan

    if output is None and not (jsonl or coco or csv):
        raise UsageError("nothing would be written: add -o OUT.mp4, or --jsonl, --coco or --csv")
    if every is not None and rate is not None:
        raise UsageError("--every and --rate say the same thing in two ways: give one of them")
    if poses is not None and len(inputs) > 1:
        raise UsageError("--from holds the poses of one video: give one input")
    span = Span(start, inf if end is None else end)
    annotator = drawing.make_annotator()
    if poses is None:
        model.make_endpoint().close()  # what would refuse it is told before anything is opened or made
    jobs = plan(
        inputs,
        Outputs(output, jsonl, coco, csv),
        Encoding(crf, preset, audio=audio),
        overwrite=overwrite,
        reads=[] if poses is None else [poses],
    )
    _use_cores_for(model)
    for job in jobs:
        if poses is not None:
            _redraw(job, span, annotator, poses, model.load_skeletons())
            continue
        sampling = EveryNth(every) if every else AtRate(inf if rate is None else rate)
        _annotate(job, span, annotator, model, sampling=sampling, max_in_flight=max_in_flight)


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a video that is wanted, in seconds."""

    start: float
    end: float

    def of(self, duration: float) -> float:
        """How much of a video of this duration that is; NaN where nobody knows."""
        return max(0.0, min(self.end, duration) - self.start) if isfinite(duration) else self.end - self.start


def _annotate(
    job: Job,
    span: Span,
    annotator: Annotator,
    model: ModelOptions,
    *,
    sampling: Sampling,
    max_in_flight: int | None,
) -> None:
    from kpstream.pipeline import Pipeline
    from kpstream.sources.file import VideoFile

    video, endpoint = VideoFile(job.path, start=span.start, end=span.end), model.make_endpoint()
    pipeline = Pipeline(
        video,
        endpoint,
        sinks=job.make_sinks(video),
        annotator=None if job.outputs.video is None else annotator,
        sampling=sampling,
        max_in_flight=max_in_flight,
    )
    say(f"{video.name} with {endpoint.name}")
    duration = span.of(video.duration)
    with work_progress(video.name, duration, sampling.expected(duration, video.frame_rate)) as bar:
        try:
            with signals_handled() as signals, pipeline:
                signals.stop = pipeline.stop
                for scene in pipeline:
                    bar.show(scene.frame.pts - span.start, scene.stats)
        finally:
            say(f"{job.outputs}: {summary(pipeline.stats, priced=model.priced)}")
    _end_of_work(signals, video.name, pipeline.stats.captured)


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


def _end_of_work(signals: Signals, name: str, frames: int) -> None:
    if signals.caught:
        say("interrupted: what was written is whole, up to the last frame that was answered")
        raise typer.Exit(INTERRUPTED)
    if not frames:
        raise UsageError(f"{name} has no frame between --start and --end")


@app.command()
@takes(model=ModelOptions, drawing=DrawOptions)
def image(
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURE_OR_URL...", help="Files, or http(s) addresses.")],
    model: ModelOptions,
    drawing: DrawOptions,
    *,
    save: Annotated[Path | None, typer.Option(metavar="OUT.jpg", help="Save the drawn picture.")] = None,
    form: Annotated[
        Literal["json", "image", "image_and_json"],
        typer.Option("--format", help="What is asked for: with 'image', --save gets what the endpoint itself drew."),
    ] = "json",
    stroke: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="PX", help="Line width of the endpoint's own drawing.")
    ] = None,
    labels: Annotated[
        bool | None, typer.Option("--labels/--no-labels", help="Class names in the endpoint's own drawing.")
    ] = None,
) -> None:
    """Find the poses in one picture; the prediction goes to stdout as JSON, a line a picture.

    A URL is handed to the endpoint, which fetches the picture; nothing is fetched here.
    """
    from kpstream.sinks.output import STDOUT, OutputFile
    from kpstream.still import Desk, Wish, check_saving, save_picture

    if save is None and form == "image":
        raise UsageError("--format image gives a picture and no JSON: add --save OUT.jpg")
    if save is not None and len(pictures) > 1:
        raise UsageError("--save names one picture: give one input, or leave it out")
    if save is not None:
        check_saving(save, pictures)
    lines = OutputFile(STDOUT)
    annotator = drawing.make_annotator()
    endpoint = model.make_endpoint()
    say(f"with {endpoint.name}")
    with closing(Desk(endpoint, model.filters, Wish(form, stroke, labels))) as desk:
        for picture in pictures:
            prediction, shown = desk.ask(picture, wants_drawing=save is not None)
            if prediction.document is not None:
                lines.write(f"{json.dumps(prediction.document, separators=(',', ':'))}\n".encode())
            if save is not None:
                save_picture(save, prediction, shown, annotator)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; other than loopback wants a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9001,
    api_key_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The key that is asked for.", show_default="any key is let in")
    ] = None,
    allow_private_images: Annotated[
        bool, typer.Option("--allow-private-images", help="Fetch image= URLs from private addresses too.")
    ] = False,
) -> None:
    """Run a local endpoint that speaks the hosted service's wire, with the embedded model behind it."""
    from kpstream.models.movenet import MoveNet
    from kpstream.server import Server, create_app

    key = None if api_key_file is None else read_key(api_key_file)
    server = Server(create_app(MoveNet().find, api_key=key, allow_private_images=allow_private_images), host, port)
    server.serve_forever(lambda url: typer.echo(f"READY {url}"))


@app.command()
@takes(model=ModelOptions)
def doctor(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="A camera, stream or file to try.")] = None,
    *,
    model: ModelOptions,
) -> None:
    """Say what works on this machine and what does not, with the remedy. Nothing is sent to a model."""
    from kpstream.doctor import examine

    exit_code = 0
    for finding in examine(source, model):
        show_finding(finding.what, finding.works, finding.detail)
        if finding.works is False:
            exit_code = exit_code or finding.exit_code
    raise typer.Exit(exit_code)


def _use_cores_for(model: ModelOptions) -> None:
    """With a model elsewhere every core has a picture of its own to work on.

    OpenCV then only loses by spreading each of them over all cores: 26 ms of CPU a 1768x994 frame instead of 29.
    """
    if not model.embedded:
        import cv2

        cv2.setNumThreads(1)


def _warm_up(annotator: Annotator) -> None:
    """Spend what first uses cost (fonts, tables) before the camera's first pictures, which would be dropped for it."""
    import numpy as np

    from kpstream.entities import Frame, Scene
    from kpstream.tracker import Tracker

    frame = Frame(0, 0.0, 0.0, np.zeros((480, 640, 3), np.uint8))
    Tracker().look(frame)
    Scene(frame, (), annotator=annotator).draw()


def _open_window(wanted: bool | None) -> Window | None:
    """A window where there is a screen; without one a line says so, and it goes on without."""
    if wanted is False:
        return None
    from kpstream.sinks.window import Window, reason_no_window

    reason = reason_no_window()
    if reason is None:
        return Window()
    say(f"no window: {reason}")
    return None


def _picture_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"--size {text}: give width and height in pixels, as in 1280x720")
    return int(width), int(height)
