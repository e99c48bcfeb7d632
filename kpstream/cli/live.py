"""``kpstream live``: a camera, stream or file as it comes."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kpstream.cli.app import INTERRUPTED, app
from kpstream.cli.page import PageOptions, served
from kpstream.console import LiveStatus, live_status, say, summary
from kpstream.errors import UsageError
from kpstream.interfaces import Annotator, Opener, Sink, Source
from kpstream.options import DrawOptions, LiveRequestOptions, ModelOptions, takes
from kpstream.quantities import duration as seconds
from kpstream.quantities import size as number_of_bytes
from kpstream.signals import signals_handled

# Commands import what loads OpenCV when they run: `doctor` and `--help` work where it cannot be loaded.
if TYPE_CHECKING:
    from kpstream.controls import CameraControls
    from kpstream.entities import Scene, Stats
    from kpstream.outputs import LiveOutputs, Recording
    from kpstream.sinks.window import Window
    from kpstream.site.tidings import News
    from kpstream.web import BrowserCamera, Feed, Page

RECORDINGS = Path("recordings")
"""The folder of recordings that are begun from the page, where --record names none."""
_DELAY = 1.5
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
        from kpstream.sources import open_source

        return open_source(
            reference,
            paced=True,
            loop=self.loop,
            size=self.picture_size(),
            frame_rate=self.frame_rate,
            rtsp_transport=self.rtsp_transport,
        )


@dataclass(frozen=True)
class ViewOptions:
    """How the picture is shown, and for how long."""

    sync: Annotated[
        Literal["live", "aligned"],
        typer.Option(
            help="live: the newest picture, poses moved to it; aligned: the picture waits for the answers around it."
        ),
    ] = "live"
    delay: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="S", help="The longest that an aligned picture waits.", show_default=str(_DELAY)),
    ] = None
    window: Annotated[
        bool | None, typer.Option("--window/--no-window", help="Show it.", show_default="where there is a screen")
    ] = None
    duration: Annotated[float | None, typer.Option(min=0.1, metavar="S", help="End after so many seconds.")] = None

    def waits(self) -> float | None:
        """How many seconds a picture may wait for its answers; None shows it at once.

        Raises:
            UsageError: A delay was asked for where no picture waits.
        """
        if self.sync == "aligned":
            return _DELAY if self.delay is None else self.delay
        if self.delay is not None:
            raise UsageError("--delay is about pictures that wait for their answers: add --sync aligned")
        return None


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

    def outputs(self, source: str, *, page: bool) -> LiveOutputs:
        """What is written where; checked, and nothing is written yet.

        Args:
            source: The reference of what is shown.
            page: Whether there is a page, from which a recording can be started later.

        Raises:
            UsageError: A name is none that is known.
            SinkError: An output cannot be written.
        """
        from kpstream.outputs import LiveOutputs, Recording

        recording = self._recording()
        LiveOutputs(source, recording, self.jsonl).check()
        if page and recording is None:
            recording = Recording(RECORDINGS)
        return LiveOutputs(source, recording, self.jsonl)

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
    web=PageOptions,
    model=ModelOptions,
    requests=LiveRequestOptions,
    drawing=DrawOptions,
    view=ViewOptions,
)
def live(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A device (0), rtsp://, http(s)://, a file, or 'browser' with --web."),
    ],
    *,
    opening: SourceOptions,
    recording: RecordingOptions,
    web: PageOptions,
    model: ModelOptions,
    requests: LiveRequestOptions,
    drawing: DrawOptions,
    view: ViewOptions,
) -> None:
    """Show a camera, stream or file as it comes, with its keypoints.

    Keys in the window: q ends, space pauses, s takes a snapshot, f full screen.
    """
    from kpstream.controls import CameraControls, Follower
    from kpstream.entities import Settings
    from kpstream.pipeline import Pipeline

    opening.picture_size()
    delay = view.waits()
    endpoint, sampling, filters = model.make_endpoint(), requests.make_sampling(), model.filters
    settings = Settings(sampling.rate, filters.confidence, filters.keypoint_confidence)
    controls = CameraControls(settings, recording=recording.record is not None)
    outputs = recording.outputs(source, page=web.web is not None)
    device = _device(source, web)
    page = web.make(outputs.folder, outputs.beginning, device)
    annotator = _annotator(drawing)
    model.spare_cores()
    with signals_handled() as signals, live_status() as status, served(page):
        terminal = Terminal(status)
        camera = device.opener if device else opening.open(source)
        title = Path(source).name if Path(source).is_file() else camera.name
        viewers = Viewers(_open_window(view.window), page, title, controls, terminal)
        declared_rate = nan if isinstance(camera, Opener) else camera.frame_rate
        sinks = [*viewers.sinks, *outputs.make_sinks(controls, declared_rate, held=delay or 0.0)]
        say(f"{camera.name} with {endpoint.name}")
        pipeline = Pipeline(
            camera,
            endpoint,
            sinks=sinks,
            annotator=annotator if viewers.sinks or recording.record else None,
            rate=sampling.rate,
            sampling=sampling,
            filters=filters,
            delay=delay,
            max_in_flight=requests.max_in_flight,
            max_requests=requests.max_requests,
            duration=inf if view.duration is None else view.duration,
            on_idle=viewers.idle,
        )
        follower = Follower(controls, sampling, pipeline)
        signals.stop = pipeline.stop
        try:
            with pipeline:
                for scene in pipeline:
                    terminal.show(scene)
                    follower.follow()
        finally:
            terminal.end(pipeline.stats)
            say(summary(pipeline.stats))
    if signal.SIGINT in signals.caught:
        raise typer.Exit(INTERRUPTED)


class Terminal:
    """What the terminal tells of a live view: figures at its foot, and a line when something is wrong or over.

    Args:
        status: The line at the foot.
    """

    def __init__(self, status: LiveStatus) -> None:
        from kpstream.site.tidings import CameraTidings

        self._status = status
        self._tidings = CameraTidings(pictures_come=True)

    def show(self, scene: Scene) -> None:
        """Tell of a scene."""
        self._status.show(scene)
        _tell(self._tidings.news(scene.stats, time.monotonic()))

    def idle(self, stats: Stats) -> None:
        """Tell how it is doing while no pictures come."""
        self._status.idle(stats)
        _tell(self._tidings.news(stats, time.monotonic()))

    def end(self, stats: Stats) -> None:
        """Tell what is wrong at the end, and was not told yet: it explains the figures."""
        _tell(self._tidings.untold(stats))


def _tell(news: list[News]) -> None:
    for text, is_trouble in news:
        say(f"warning: {text}" if is_trouble else text)


class Viewers:
    """Who looks: a window, a page, both or nobody; and the terminal.

    Args:
        window: None where there is no screen.
        page: None where none is served.
        name: What people call the camera.
        controls: What the page may change.
        terminal: Told of the time without pictures.
    """

    def __init__(
        self, window: Window | None, page: Page | None, name: str, controls: CameraControls, terminal: Terminal
    ) -> None:
        self._terminal = terminal
        self._window = window
        self._feed: Feed | None = None
        self._said = ""
        if page is not None:
            from kpstream.web import Feed

            self._feed = Feed(name, controls)
            page.add(self._feed)
        self.sinks: list[Sink] = [sink for sink in (window, self._feed) if sink is not None]

    def idle(self, stats: Stats) -> None:
        """Show how it is doing while no pictures come; in the window the last one, dimmed, with what is wrong."""
        from kpstream.render import veiled

        self._terminal.idle(stats)
        if self._feed is not None:
            self._feed.idle(stats)
        if self._window is None:
            return
        if stats.source_trouble != self._said and self._window.canvas is not None:
            self._said = stats.source_trouble
            if self._said:
                self._window.show_instead(veiled(self._window.canvas, self._said))
        self._window.pump()


def _device(source: str, web: PageOptions) -> BrowserCamera | None:
    """The camera of a device that looks at the page, where that is the source."""
    if source != "browser":
        return None
    if web.web is None:
        raise UsageError("the source 'browser' is the camera of a device at the page: add --web 8080")
    from kpstream.web import BrowserCamera

    return BrowserCamera()


def _annotator(drawing: DrawOptions) -> Annotator:
    """What draws a live picture, warm: what first uses cost (fonts, tables) would cost the camera's first pictures."""
    import numpy as np

    from kpstream.entities import Frame, Scene
    from kpstream.render import Layers, StatusAnnotator
    from kpstream.tracking import Tracker

    annotator = Layers(drawing.make_annotator(), StatusAnnotator())
    frame = Frame(0, 0.0, 0.0, np.zeros((480, 640, 3), np.uint8))
    Tracker().observe(frame)
    Scene(frame, (), annotator=annotator).draw()
    return annotator


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
