"""``kpstream live``: a camera, stream or file as it comes."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.camera.spec import CameraSpec, Recording
from kpstream.cli.app import INTERRUPTED, app, examples
from kpstream.cli.options import check_named, takes
from kpstream.cli.page import page_of, served
from kpstream.cli.rules import files_of, opened_rules
from kpstream.cli.signals import signals_handled
from kpstream.cli.terminal import LiveStatus, live_status, say, summary
from kpstream.errors import UsageError
from kpstream.interfaces import Sink
from kpstream.options import (
    DrawOptions,
    LiveRequestOptions,
    ModelOptions,
    PageOptions,
    RecordingOptions,
    RulesOptions,
    SourceOptions,
    ViewOptions,
)
from kpstream.paths import is_file, stem_text

# Commands import what loads OpenCV when they run: `doctor` and `--help` work where it cannot be loaded.
if TYPE_CHECKING:
    from kpstream.camera.assembly import CameraAssembly
    from kpstream.camera.status_log import StatusLine
    from kpstream.entities import Image, Scene, Stats
    from kpstream.sinks.window import Window
    from kpstream.web import BrowserCamera, Page

_FROM_THE_PAGE = Recording(Path("recordings"), "kpstream", starts=False)
"""What can be begun from the page, where no other recording is named."""


@app.command(
    epilog=examples(
        "kpstream live 0   # a webcam, with the embedded model; q ends",
        "kpstream live rtsp://camera/stream --model my-pose/3 --web 8080",
        "kpstream live 0 --record out.mp4 --jsonl out.jsonl --no-window --duration 60",
        "kpstream live 0 --rules rules.toml --events -   # what happens, line by line",
    )
)
@takes(
    opening=SourceOptions,
    recording=RecordingOptions,
    web=PageOptions,
    model=ModelOptions,
    requests=LiveRequestOptions,
    drawing=DrawOptions,
    view=ViewOptions,
    ruling=RulesOptions,
)
def live(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A device (0, /dev/video0), rtsp://, http(s)://, a file, - for a pipe, a folder of pictures or "
            "shot%04d.png, or 'browser' with --web.",
        ),
    ],
    *,
    opening: SourceOptions,
    recording: RecordingOptions,
    web: PageOptions,
    model: ModelOptions,
    requests: LiveRequestOptions,
    drawing: DrawOptions,
    view: ViewOptions,
    ruling: RulesOptions,
) -> None:
    """Show a camera, stream or file as it comes, with its keypoints.

    Keys in the window: q ends, space pauses, s takes a snapshot, f full screen.
    """
    from kpstream.camera.assembly import CameraAssembly
    from kpstream.camera.cores import draw_on_one_core
    from kpstream.camera.outputs import check_outputs, recording_of
    from kpstream.endpoints.opening import make_live_endpoint
    from kpstream.render import PoseAnnotator
    from kpstream.web import Feed

    check_named([source])
    endpoint = make_live_endpoint(model)
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
    spec.check()
    check_outputs(spec, *files_of(ruling))
    device = _device(source, web)
    page = _page(web, recording, spec, device)
    camera = stem_text(Path(source)) if is_file(source) else "live"  # its name in events
    draw_on_one_core()
    with (
        opened_rules(ruling) as rules,
        signals_handled() as signals,
        live_status() as status,
        served(page, rules.events, camera),
    ):
        pens = PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness)
        run = rules.make_run(camera, model.keypoint_confidence, pens)
        assembly = CameraAssembly(spec, endpoint, opener=device.opener if device else None, rule_run=run)
        name = device.opener.name if device else assembly.open()
        viewers: list[Sink] = [*_window(view.window, page)]
        if page is not None:
            feed = Feed(camera if is_file(source) else name, assembly.settings)
            feed.readings = tuple if run is None else run.readings
            page.add(feed)
            viewers.append(feed)
        say(f"{name} with {endpoint.name}")
        signals.stop = assembly.stop
        _run(assembly, viewers, Terminal(status))
    if signal.SIGINT in signals.caught:
        raise typer.Exit(INTERRUPTED)


def _run(assembly: CameraAssembly, viewers: list[Sink], terminal: Terminal) -> None:
    """Run the camera to its end, and tell how it went; blocks."""
    try:
        assembly.run(viewers, on_scene=terminal.show, on_idle=terminal.idle)
    finally:
        if assembly.has_begun:
            terminal.end(assembly.stats)
            say(summary(assembly.stats))


class Terminal:
    """What the terminal tells of a live view: figures at its foot, and a line when something is wrong or over.

    Args:
        status: The line at the foot.
    """

    def __init__(self, status: LiveStatus) -> None:
        from kpstream.camera.status_log import CameraStatusLog

        self._status = status
        self._log = CameraStatusLog(pictures_come=True)

    def show(self, scene: Scene) -> None:
        """Tell of a scene."""
        self._status.show(scene)
        _say(self._log.update(scene.stats, time.monotonic()))

    def idle(self, stats: Stats) -> None:
        """Tell how it is doing while no pictures come."""
        self._status.idle(stats)
        _say(self._log.update(stats, time.monotonic()))

    def end(self, stats: Stats) -> None:
        """Tell what is wrong at the end, and was not told yet: it explains the figures."""
        _say(self._log.flush(stats))


def _say(lines: list[StatusLine]) -> None:
    for text, is_trouble in lines:
        say(f"warning: {text}" if is_trouble else text)


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


def _window(wanted: bool | None, page: Page | None) -> list[Sink]:
    """A window where there is a screen; without one a line says so and, without a page, names it, and it goes on."""
    if wanted is False:
        return []
    from kpstream.sinks.window import Window, reason_no_window

    reason = reason_no_window()
    if reason is None:
        return [WindowViewer(Window())]
    say(f"no window: {reason}" + ("" if page is not None else "; --web 8080 shows it in a browser"))
    return []


class WindowViewer:
    """A window that shows, while no pictures come, the last one dimmed, with what is wrong."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._shown_trouble = ""

    def write(self, scene: Scene, canvas: Image) -> None:
        """Show a picture."""
        self._window.write(scene, canvas)

    def idle(self, stats: Stats) -> None:
        """Show what is wrong, and obey the keys."""
        from kpstream.render import dimmed

        if stats.source_trouble != self._shown_trouble and self._window.canvas is not None:
            self._shown_trouble = stats.source_trouble
            if self._shown_trouble:
                self._window.show_instead(dimmed(self._window.canvas, self._shown_trouble))
        self._window.pump()

    def close(self) -> None:
        """Take the window away."""
        self._window.close()
