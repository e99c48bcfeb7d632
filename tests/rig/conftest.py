"""What several of the rig's tests are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, sync_playwright

from kpstream.web import Page
from tests.rig.parts.fault_table import Table
from tests.rig.parts.page import CHROMIUM, FLAGS, Look, NumberedCamera, Screen, Serve
from tests.rig.parts.programs import CLIP
from tests.support.web_page import served


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Table:
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker_id == "master" else folder.parent) / "fault_table.jsonl"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample at half its size, which leaves the machine something to spare."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with av.open(str(CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame in source.decode(video=0):
            small = frame.reformat(640, 360, "yuv420p")
            small.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(small))
        target.mux(stream.encode(None))
    return str(path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=100_000)
        yield browser
        browser.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts cameras and a page with them; they go on until every tab is closed."""
    with ExitStack() as stack:

        def start(*cameras: NumberedCamera, **options: Any) -> Page:
            for camera in cameras:
                stack.enter_context(camera)
            return stack.enter_context(served(*cameras, **options))

        yield start


@pytest.fixture
def look(browser: Browser, serve: Serve) -> Iterator[Look]:
    """Opens tabs. Their consoles must have nothing to complain about, but of a network that a test has broken."""
    screens: list[Screen] = []

    def start(*, breaks: bool = False, **options: Any) -> Screen:
        context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}, **options})
        screens.append(Screen(context, breaks=breaks))
        return screens[-1]

    yield start
    for screen in screens:
        screen.tab.context.close()
    assert [fault for screen in screens for fault in screen.faults] == []


@pytest.fixture
def screen(look: Look) -> Screen:
    """One tab."""
    return look()
