"""``kpstream live``: a camera, stream or file as it comes."""

from __future__ import annotations

import signal
import time
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.camera.spec import CameraSpec, Recording
from kpstream.cli.app import INTERRUPTED, app
from kpstream.cli.options import takes
from kpstream.cli.page import page_of, served
from kpstream.cli.signals import signals_handled
from kpstream.cli.terminal import LiveStatus, live_status, say, summary
from kpstream.errors import UsageError
from kpstream.interfaces import Annotator, Endpoint, Opener, Sink, Source
from kpstream.options import (
    DrawOptions,
    LiveRequestOptions,
    ModelOptions,
    PageOptions,
    RecordingOptions,
    SourceOptions,
    ViewOptions,
)

# Commands import what loads OpenCV when they run: `doctor` and `--help` work where it cannot be loaded.
if TYPE_CHECKING:
    from kpstream.controls import CameraControls
    from kpstream.entities import Scene, Stats
    from kpstream.sinks.window import Window
    from kpstream.site.tidings import News
    from kpstream.web import BrowserCamera, Feed, Page

_FROM_THE_PAGE = Recording(Path("recordings"), "kpstream", starts=False)
"""What can be begun from the page, where no other recording is named."""


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
    from kpstream.camera.outputs import check_outputs, recording_of
    from kpstream.endpoints.opening import make_endpoint

    _ = opening.picture_size, view.max_delay
    endpoint = make_endpoint(model)
    spec = CameraSpec(
        name="",
        reference=source,
        source=opening,
        model=model,
        requests=requests,
        view=view,
        drawing=drawing,
        recording=recording_of(recording) or (_FROM_THE_PAGE if web.web else None),
        jsonl=recording.jsonl,
    )
    check_outputs(spec)
    device = _device(source, web)
    page = _page(web, recording, spec, device)
    caught = _show(spec, endpoint, page, device)
    if signal.SIGINT in caught:
        raise typer.Exit(INTERRUPTED)


def _show(spec: CameraSpec, endpoint: Endpoint, page: Page | None, device: BrowserCamera | None) -> list[int]:
    """Show the camera until its end; the signals that were caught."""
    from kpstream.camera.outputs import make_outputs
    from kpstream.cli.cores import draw_on_one_core
    from kpstream.controls import CameraControls, Follower
    from kpstream.dispatch.sampling import make_sampling
    from kpstream.entities import Settings
    from kpstream.pipeline import Pipeline

    sampling, filters, view = make_sampling(spec.requests), spec.model.filters, spec.view
    is_recorded = spec.recording is not None and spec.recording.starts
    settings = Settings(sampling.rate, filters.confidence, filters.keypoint_confidence)
    controls = CameraControls(settings, recording=is_recorded)
    annotator = _annotator(spec.drawing)
    draw_on_one_core()
    with signals_handled() as signals, live_status() as status, served(page):
        terminal = Terminal(status)
        camera = device.opener if device else _open(spec)
        title = Path(spec.reference).name if Path(spec.reference).is_file() else camera.name
        viewers = Viewers(_open_window(view.window), page, title, controls, terminal)
        declared_rate = nan if isinstance(camera, Opener) else camera.frame_rate
        sinks = [*viewers.sinks, *make_outputs(spec, controls, declared_rate)]
        say(f"{camera.name} with {endpoint.name}")
        pipeline = Pipeline(
            camera,
            endpoint,
            sinks=sinks,
            annotator=annotator if viewers.sinks or is_recorded else None,
            rate=sampling.rate,
            sampling=sampling,
            filters=filters,
            delay=view.max_delay,
            max_in_flight=spec.requests.max_in_flight,
            max_requests=spec.requests.max_requests,
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
    return signals.caught


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


def _open(spec: CameraSpec) -> Source:
    """The open source; a file plays at its own pace.

    Raises:
        SourceOpenError: It cannot be opened.
    """
    from kpstream.sources import open_source

    options = spec.source
    return open_source(
        spec.reference,
        paced=True,
        loop=options.loop,
        size=options.picture_size,
        frame_rate=options.frame_rate,
        rtsp_transport=options.rtsp_transport,
    )


def _page(web: PageOptions, recording: RecordingOptions, spec: CameraSpec, device: BrowserCamera | None) -> Page | None:
    named = spec.recording if recording.record is not None else None
    folder = Path() if spec.recording is None else spec.recording.folder
    # where recordings lie in a folder of their own it lists all that is there
    prefix = "" if named is None or named.folder == recording.record else named.name_prefix
    return page_of(web, folder, prefix, device)


def _device(source: str, web: PageOptions) -> BrowserCamera | None:
    """The camera of a device that looks at the page, where that is the source."""
    if source != "browser":
        return None
    if web.web is None:
        raise UsageError("the source 'browser' is the camera of a device at the page: add `web` 8080")
    from kpstream.web import BrowserCamera

    return BrowserCamera()


def _annotator(drawing: DrawOptions) -> Annotator:
    """What draws a live picture, warm: what first uses cost (fonts, tables) would cost the camera's first pictures."""
    import numpy as np

    from kpstream.entities import Frame, Scene
    from kpstream.render import Layers, PoseAnnotator, StatusAnnotator
    from kpstream.tracking import Tracker

    annotator = Layers(PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness), StatusAnnotator())
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
