"""``kpstream live``: a camera, stream or file as it comes."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kpstream.cli.app import INTERRUPTED, app
from kpstream.console import live_status, say, summary
from kpstream.errors import UsageError
from kpstream.interfaces import Annotator, Source
from kpstream.options import DrawOptions, LiveRequestOptions, ModelOptions, takes
from kpstream.quantities import duration as seconds
from kpstream.quantities import size as number_of_bytes
from kpstream.signals import signals_handled

# Commands import what loads OpenCV when they run: `doctor` and `--help` work where it cannot be loaded.
if TYPE_CHECKING:
    from kpstream.entities import Stats
    from kpstream.outputs import LiveOutputs, Recording
    from kpstream.sinks.window import Window

_RECORDING = "Recording"
_SOURCE = "Source"


@dataclass(frozen=True)
class SourceOptions:
    """How the source is opened."""

    loop: Annotated[bool, typer.Option("--loop", help="Play a file again and again.", rich_help_panel=_SOURCE)] = False
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Picture size, asked of a webcam.", rich_help_panel=_SOURCE)
    ] = None
    frame_rate: Annotated[
        float | None, typer.Option(min=1, metavar="R", help="Asked of a webcam.", rich_help_panel=_SOURCE)
    ] = None
    rtsp_transport: Annotated[
        Literal["tcp", "udp"], typer.Option(help="How an RTSP stream travels.", rich_help_panel=_SOURCE)
    ] = "tcp"

    def picture_size(self) -> tuple[int, int] | None:
        """(width, height) in pixels; None where none was asked for.

        Raises:
            UsageError: It is no size.
        """
        if self.size is None:
            return None
        width, cross, height = self.size.lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise UsageError(f"--size {self.size}: give width and height in pixels, as in 1280x720")
        return int(width), int(height)

    def open(self, reference: str) -> Source:
        """The open source; a file plays at its own pace.

        Raises:
            SourceOpenError: It cannot be opened.
        """
        from kpstream.sources import Paced, VideoFile, open_source

        source = open_source(
            reference, size=self.picture_size(), frame_rate=self.frame_rate, rtsp_transport=self.rtsp_transport
        )
        return Paced(source, loop=self.loop) if isinstance(source, VideoFile) else source


@dataclass(frozen=True)
class RecordingOptions:
    """What is written of a live view."""

    record: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Record the annotated picture.", rich_help_panel=_RECORDING)
    ] = None
    segment: Annotated[
        str | None,
        typer.Option(metavar="10m", help="Record files of this length, named by time.", rich_help_panel=_RECORDING),
    ] = None
    keep: Annotated[
        str | None,
        typer.Option(metavar="7d", help="Remove segments that are older than this.", rich_help_panel=_RECORDING),
    ] = None
    keep_size: Annotated[
        str | None,
        typer.Option(metavar="50G", help="Remove the oldest segments above this.", rich_help_panel=_RECORDING),
    ] = None
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jsonl", help="Write poses, a line a frame; - is stdout.", rich_help_panel=_RECORDING),
    ] = None

    def outputs(self, source: str) -> LiveOutputs:
        """What is written where; checked, and nothing is written yet.

        Raises:
            UsageError: A name is none that is known.
            SinkError: An output cannot be written.
        """
        from kpstream.outputs import LiveOutputs

        outputs = LiveOutputs(source, self._recording(), self.jsonl)
        outputs.check()
        return outputs

    def _recording(self) -> Recording | None:
        from kpstream.outputs import Recording

        try:
            segment = None if self.segment is None else seconds(self.segment)
            keep = None if self.keep is None else seconds(self.keep)
            keep_size = None if self.keep_size is None else number_of_bytes(self.keep_size)
        except ValueError as error:
            raise UsageError(f"--segment, --keep or --keep-size: {error}") from None
        if self.record is None:
            if self.segment or self.keep or self.keep_size:
                raise UsageError("--segment, --keep and --keep-size are about a recording: add --record OUT.mp4")
            return None
        return Recording(self.record, segment, keep, keep_size)


@app.command()
@takes(
    opening=SourceOptions,
    recording=RecordingOptions,
    model=ModelOptions,
    requests=LiveRequestOptions,
    drawing=DrawOptions,
)
def live(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A device (0), rtsp://, http(s)://, or a file.")],
    *,
    opening: SourceOptions,
    recording: RecordingOptions,
    model: ModelOptions,
    requests: LiveRequestOptions,
    drawing: DrawOptions,
    sync: Annotated[
        Literal["live", "aligned"],
        typer.Option(
            help="live: the newest picture, poses moved to it; aligned: the picture waits for the answers around it."
        ),
    ] = "live",
    delay: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="The longest that an aligned picture waits.")
    ] = 1.5,
    window: Annotated[
        bool | None, typer.Option("--window/--no-window", help="Show it.", show_default="where there is a screen")
    ] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, metavar="S", help="End after so many seconds.")] = None,
) -> None:
    """Show a camera, stream or file as it comes, with its keypoints.

    Keys in the window: q ends, space pauses, s takes a snapshot, f full screen.
    """
    from kpstream.pipeline import Pipeline
    from kpstream.render import Layers, StatusAnnotator

    opening.picture_size()
    endpoint = model.make_endpoint()
    model.spare_cores()
    annotator = Layers(drawing.make_annotator(), StatusAnnotator())
    outputs = recording.outputs(source)
    _warm_up(annotator)
    with signals_handled() as signals, live_status() as status:
        camera = opening.open(source)
        screen = _open_window(window)
        sinks = outputs.make_sinks(camera.frame_rate)
        say(f"{camera.name} with {endpoint.name}")
        pipeline = Pipeline(
            camera,
            endpoint,
            sinks=sinks if screen is None else [screen, *sinks],
            annotator=annotator if screen or recording.record else None,
            rate=requests.rate,
            sampling=requests.make_sampling(),
            delay=delay if sync == "aligned" else None,
            max_in_flight=requests.max_in_flight,
            max_requests=requests.max_requests,
            duration=inf if duration is None else duration,
            on_idle=_Silence(screen) if screen else lambda _: None,
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


class _Silence:
    """What a window shows while no pictures come: the last one, dimmed, with what is wrong."""

    def __init__(self, screen: Window) -> None:
        self._screen = screen
        self._said = ""

    def __call__(self, stats: Stats) -> None:
        from kpstream.render import veiled

        if stats.source_trouble != self._said and self._screen.canvas is not None:
            self._said = stats.source_trouble
            if self._said:
                self._screen.show_instead(veiled(self._screen.canvas, self._said))
        self._screen.pump()


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
