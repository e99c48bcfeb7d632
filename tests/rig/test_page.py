"""The page in a real browser: looked at, pressed and lost as a user does."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import cv2
import pytest

from kpstream.entities import Frame
from kpstream.errors import SourceError
from kpstream.testing import wait_until
from kpstream.web import BrowserCamera, Page
from tests.rig.parts.page import (
    CONTRASTS,
    ROOT,
    SAMPLER,
    UNNAMED,
    Look,
    Looked,
    NumberedCamera,
    Screen,
    Serve,
    looked_at,
    point_of,
    resident,
)
from tests.rig.parts.processes import FaultyNetwork
from tests.support.ports import answers, own_port
from tests.support.web_page import served

pytestmark = pytest.mark.rig


T = TypeVar("T")
Note = Callable[..., None]


def at_last(measure: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """The first of ten measurements that is enough: on a shared machine others take their share now and then."""
    for _ in range(9):
        measured = measure()
        if enough(measured):
            return measured
    return measure()


def watch(screen: Screen, page: Page) -> None:
    """Open a page with nothing drawn but keypoints, and look at each picture."""
    screen.tab.add_init_script(
        "localStorage.setItem('kpstream.choices', JSON.stringify({boxes: false, labels: false, ids: false}))"
    )
    screen.tab.goto(page.url)
    screen.until("document.querySelector('.camera')?.dataset.index > 0")
    screen.tab.evaluate(SAMPLER)
    screen.seen(1)


@pytest.mark.quiet
def test_one_camera_is_shown_at_its_rate_and_soon(serve: Serve, screen: Screen, record_property: Note) -> None:
    camera = NumberedCamera("one")
    watch(screen, serve(camera))

    def look() -> tuple[float, float]:
        seen = screen.seen(4)
        age = statistics.median(at - camera.written_at[index] for _, index, at, _ in seen.pictures)
        return seen.rate("one"), age

    rate, age = at_last(look, lambda looked: looked[0] >= 25 and looked[1] <= 0.1)
    took = statistics.median(camera.took)
    record_property("frames a second", rate)
    record_property("draw to visible, p50, s", age)
    print(f"one: {rate:.1f} frames/s, draw to visible p50 {age * 1e3:.0f} ms, a write takes {took * 1e6:.0f} us")
    assert rate >= 25
    assert age <= 0.1
    assert took < 0.002


@pytest.mark.quiet
def test_two_cameras_are_shown_at_once(serve: Serve, screen: Screen, record_property: Note) -> None:
    watch(screen, serve(NumberedCamera("one"), NumberedCamera("two")))

    def look() -> float:
        seen = screen.seen(4)
        return min(seen.rate("one"), seen.rate("two"))

    rate = at_last(look, lambda looked: looked >= 20)
    record_property("frames a second of each of two", rate)
    print(f"two: {rate:.1f} frames/s each at least")
    assert rate >= 20


def test_the_poses_are_those_of_the_picture_under_them(serve: Serve, screen: Screen) -> None:
    watch(screen, serve(NumberedCamera("one")))
    screen.until("window.seen.length > 30")
    seen = screen.tab.evaluate("window.seen")
    assert [(index, x) for _, index, _, x in seen if x is None or abs(x - point_of(index)) >= 2] == []


def test_pictures_are_shown_where_the_page_is_not_secure(serve: Serve, screen: Screen) -> None:
    screen.tab.add_init_script("delete globalThis.ImageDecoder")  # as in a page by http from another machine
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.moves()
    assert screen.tab.evaluate("typeof ImageDecoder") == "undefined"


def test_drawing_is_switched_for_this_viewer_alone(serve: Serve, look: Look) -> None:
    screen, other = look(), look()
    blank = (
        "!new Uint32Array((({width, height}, draws) => draws.getImageData(0, 0, width, height))"
        "(document.querySelector('.overlay'), document.querySelector('.overlay').getContext('2d')).data.buffer)"
        ".some((pixel) => pixel)"
    )
    page = serve(NumberedCamera("one"))
    for one in (screen, other):
        one.tab.goto(page.url)
        one.moves()
    for part in ("boxes", "keypoints", "labels", "ids"):
        assert not screen.tab.evaluate(blank), part
        screen.tab.uncheck(f"input[name=draw-{part}]")
    screen.moves()
    assert screen.tab.evaluate(blank)
    assert not other.tab.evaluate(blank)
    screen.tab.reload()
    screen.moves()
    assert screen.tab.evaluate(blank)
    screen.tab.keyboard.press("b")
    screen.moves()
    assert not screen.tab.evaluate(blank)


def test_the_drawing_of_the_server_is_the_fallback(serve: Serve, screen: Screen) -> None:
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.moves()
    screen.tab.check("input[name=draw-server]")
    screen.until("document.querySelector('img.server').naturalWidth === 1280")
    assert screen.tab.is_hidden("canvas.picture")
    screen.until("document.querySelector('[data-figure=viewers]').textContent === '2'")
    screen.tab.uncheck("input[name=draw-server]")
    screen.moves()
    assert screen.tab.is_hidden("img.server")
    screen.until("document.querySelector('[data-figure=viewers]').textContent === '1'")


def test_where_no_websocket_comes_through_the_drawing_of_the_server_is_shown(serve: Serve, screen: Screen) -> None:
    screen.tab.add_init_script(
        "window.lost = 0; window.WebSocket = class { send() {} close() {}"
        " constructor() { setTimeout(() => { this.onclose?.({}); window.lost += 1; }); } }"
    )
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.until("document.querySelector('img.server').naturalWidth === 1280")
    screen.comes_to("live")
    assert "lets no WebSocket through" in screen.tab.inner_text(".badges")
    screen.tab.evaluate(
        "window.lost = 0; window.veils = []; const veil = document.querySelector('.veil');"
        "new MutationObserver(() => window.veils.push(veil.textContent)).observe(veil, { childList: true })"
    )
    screen.until("window.lost")  # it goes on to try, and what is seen meanwhile is not lost
    assert screen.tab.evaluate("window.veils.filter(Boolean)") == []


def test_where_too_many_look_that_is_what_the_page_says(serve: Serve, screen: Screen) -> None:
    screen.tab.add_init_script(
        "window.lost = 0; window.WebSocket = class { send() {} close() {}"
        " constructor() { setTimeout(() => { this.onclose?.({ code: 1013 }); window.lost += 1; }); } }"
    )
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.until("window.lost > 4")  # more often than what makes it look for another way
    assert "Too many viewers" in screen.tab.inner_text(".veil")
    assert screen.tab.is_hidden("img.server")


def test_pause_holds_the_picture_of_this_viewer_alone(serve: Serve, look: Look) -> None:
    screen, other = look(), look()
    page = serve(NumberedCamera("one"))
    for one in (screen, other):
        one.tab.goto(page.url)
        one.moves()
    screen.tab.click("[data-act=pause]")
    screen.until("document.querySelector('.badge.paused')")
    held = screen.index("one")
    other.moves(pictures=20)
    assert screen.index("one") == held
    other.comes_to("live")
    screen.tab.focus("main")
    screen.tab.keyboard.press(" ")
    screen.moves()


def test_every_control_of_the_camera_works(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera = NumberedCamera("one")
    screen.tab.goto(serve(camera, recordings=tmp_path).url)
    screen.moves()
    screen.tab.click("[data-act=record]")
    screen.until("document.querySelector('.badge.rec')")
    assert camera.controls.recording is True
    assert screen.tab.evaluate("document.activeElement.dataset.act") == "record"  # for whoever uses the keyboard
    screen.tab.focus("main")
    screen.tab.keyboard.press("r")
    screen.until("!document.querySelector('.badge.rec')")
    assert camera.controls.recording is False
    for name, keys, value in (("rate", "ArrowRight", 5.5), ("confidence", "ArrowLeft", 0.29)):
        screen.tab.focus(f"input[name={name}]")
        screen.tab.keyboard.press(keys)
        screen.until(f"document.querySelector('input[name={name}]').dataset.held === undefined")
        assert getattr(camera.controls.settings, name) == pytest.approx(value)
    screen.tab.fill("input[name=keypoint_confidence]", "0.75")
    screen.until("document.querySelector('.setting:last-of-type output').textContent === '0.75'")
    screen.tab.click("[data-act=snapshot]")
    screen.until("document.getElementById('note').textContent.startsWith('Snapshot saved')")
    (kept,) = tmp_path.iterdir()
    image = cv2.imread(str(kept))
    assert image is not None
    assert image.shape == (720, 1280, 3)


def test_keys_and_full_screen(serve: Serve, screen: Screen) -> None:
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.moves()
    screen.tab.click("[data-act=full]")
    screen.until("document.fullscreenElement !== null")
    screen.moves()
    screen.tab.keyboard.press("f")
    screen.until("document.fullscreenElement === null")
    screen.tab.keyboard.press("?")
    screen.until("document.getElementById('help').open")
    screen.tab.keyboard.press("Escape")
    screen.until("!document.getElementById('help').open")


def test_tiles_are_drawn_together(serve: Serve, screen: Screen) -> None:
    screen.tab.goto(serve(NumberedCamera("one"), NumberedCamera("two")).url)
    screen.moves("two")
    screen.tab.evaluate("""() => {
        window.together = 0;
        new MutationObserver((changes) => {  // told once for each callback of the page
            window.together += new Set(changes.map((change) => change.target.dataset.name)).size > 1;
        }).observe(document.getElementById("main"), { subtree: true, attributeFilter: ["data-index"] });
    }""")
    screen.until("window.together > 2")


def test_cameras_are_a_grid_and_one_of_them_is_large(serve: Serve, look: Look) -> None:
    screen = look(breaks=True)  # whoever is just connecting again to a camera that goes is refused
    one, two = NumberedCamera("one"), NumberedCamera("two")
    page = serve(one, two)
    screen.tab.goto(page.url)
    screen.moves("two")
    assert screen.tab.locator(".grid .camera").count() == 2
    screen.until("document.querySelector('[data-name=two] .picture').width === 672")  # its tile has some 660
    screen.tab.click("[data-name=two] .stage")
    screen.until("document.querySelector('.camera.large')?.dataset.name === 'two'")
    screen.until("document.querySelector('.large .picture').width === 1280")
    screen.tab.keyboard.press("ArrowRight")
    screen.until("document.querySelector('.camera.large')?.dataset.name === 'one'")
    screen.tab.keyboard.press("g")
    screen.until("document.querySelectorAll('.grid .camera').length === 2")
    screen.moves("one")
    with NumberedCamera("three") as three:
        page.add(three.feed)
        screen.until("document.querySelectorAll('.grid .camera').length === 3")
        page.remove(one.feed)
        screen.until("document.querySelectorAll('.grid .camera').length === 2")
        screen.moves("three")
        screen.tab.keyboard.press("f")
        screen.until("document.fullscreenElement?.id === 'main'")


def test_trouble_is_said_in_words_over_the_last_picture(serve: Serve, screen: Screen) -> None:
    camera = NumberedCamera("one")
    screen.tab.goto(serve(camera).url)
    screen.moves()
    camera.endpoint_trouble = "endpoint says 429, waiting 1 s"
    screen.until("document.querySelector('.trouble').textContent === 'endpoint says 429, waiting 1 s'")
    camera.endpoint_trouble, camera.trouble = "", "rtsp://u:geheim@door: no answer - trying again"
    screen.until("/camera silent for \\d+ s: rtsp:..[*]{3}@door/.test(document.querySelector('.veil').textContent)")
    screen.comes_to("silent")
    camera.trouble = ""
    screen.comes_to("live")
    screen.moves()
    screen.until("document.querySelector('.veil').textContent === ''")


def test_recordings_are_listed_and_played(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    shutil.copy(ROOT / "samples" / "walkers.mp4", tmp_path / "walk.mp4")
    shutil.copy(ROOT / "samples" / "street.jpg", tmp_path / "street.jpg")
    screen.tab.goto(serve(NumberedCamera("one"), recordings=tmp_path).url)
    screen.moves()
    screen.tab.click("nav a[data-kind=recordings]")
    screen.tab.click("[data-file='walk.mp4'] button")
    screen.until("document.querySelector('.player video')?.currentTime > 0.5")
    screen.tab.evaluate("document.querySelector('.player video').currentTime = 5")
    screen.until("document.querySelector('.player video').currentTime > 5.3")
    screen.tab.click("[data-file='street.jpg'] button")
    screen.until("document.querySelector('.player img')?.naturalWidth > 0")
    shutil.copy(ROOT / "samples" / "street.jpg", tmp_path / "later.jpg")
    screen.until("document.querySelector('[data-file=\"later.jpg\"]') !== null")
    assert screen.tab.evaluate("document.activeElement.innerText").startswith("street.jpg")  # it was not made anew


def test_a_reload_and_a_slept_tab_come_back(serve: Serve, screen: Screen) -> None:
    camera = NumberedCamera("one")
    screen.tab.goto(serve(camera).url)
    screen.moves()
    screen.tab.reload()
    screen.moves()
    devtools = screen.tab.context.new_cdp_session(screen.tab)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    held = len(camera.written_at)
    while len(camera.written_at) < held + 120:
        time.sleep(0.1)
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    screen.until(f"document.querySelector('.camera').dataset.index > {held + 120}")
    give_up_at = time.monotonic() + 60
    while camera.written_at[-1] - camera.written_at[screen.index("one")] >= 1:
        assert time.monotonic() < give_up_at, "what was held back is shown, and not the newest"
        screen.tab.wait_for_timeout(50)


def test_a_restarted_server_is_found_again(look: Look) -> None:
    screen = look(breaks=True)
    with NumberedCamera("one") as camera:
        port = own_port()
        with served(camera, port=port) as page:
            screen.tab.goto(page.url)
            screen.moves()
        screen.comes_to("lost")
        assert "trying again" in screen.tab.inner_text(".veil")
        with served(camera, port=port):
            screen.moves()
            screen.comes_to("live")


def test_a_lost_network_comes_back(serve: Serve, look: Look) -> None:
    screen, page = look(breaks=True), serve(NumberedCamera("one"))
    with FaultyNetwork(urlsplit(page.url).port or 0) as network:
        screen.tab.goto(f"http://127.0.0.1:{network.port}")
        screen.moves()
        network.set(stall=1, blackhole=1)
        screen.comes_to("lost")
        network.set(stall=0, blackhole=0)
        back_at = time.monotonic()
        screen.moves()
        print(f"back {time.monotonic() - back_at:.1f} s after the network")
        screen.comes_to("live")


@pytest.mark.quiet
def test_the_camera_of_the_device_is_a_source(serve: Serve, screen: Screen) -> None:
    device = BrowserCamera(timeout=30)
    screen.tab.goto(serve(NumberedCamera("one"), browser_camera=device).url)
    screen.moves()
    screen.tab.click("#share")
    screen.until("document.getElementById('share').getAttribute('aria-pressed') === 'true'")
    frames: list[Frame] = []
    source = device.opener.open()

    def between() -> float:
        return statistics.median(after.captured_at - before.captured_at for before, after in pairwise(frames[-40:]))

    def read() -> None:
        with suppress(SourceError):
            while len(frames) < 40 or (between() >= 1 / 8 and len(frames) < 400):  # others may have the machine
                frame = source.read()
                assert frame is not None
                frames.append(frame)

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        screen.tab.wait_for_timeout(50)
    assert len(frames) >= 40
    print(f"the device's camera: {frames[0].size}, {1 / between():.1f} frames/s")
    assert frames[0].size[0] >= 640
    assert between() < 1 / 8
    screen.tab.click("#share")
    screen.until("document.getElementById('share').getAttribute('aria-pressed') === 'false'")
    while device.in_use:
        screen.tab.wait_for_timeout(50)


def test_the_token_leaves_the_address_bar_and_the_page_goes_on(serve: Serve, screen: Screen) -> None:
    screen.tab.goto(serve(NumberedCamera("one"), token="a-token-of-the-rig").link)
    screen.moves()
    assert "token" not in screen.tab.url
    screen.tab.reload()
    screen.moves()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_it_is_calm_and_can_be_read(
    serve: Serve, look: Look, scheme: str, width: int, height: int, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "samples" / "street.jpg", tmp_path / "street.jpg")
    screen = look(viewport={"width": width, "height": height}, color_scheme=scheme)
    screen.tab.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " window.shift += entry.value; }).observe({ type: 'layout-shift', buffered: true })"
    )
    page = serve(NumberedCamera("one"), NumberedCamera("two"), recordings=tmp_path)
    for place in ("#/", "#/cameras/one", "#/recordings"):
        screen.tab.goto("about:blank")
        screen.tab.goto(f"{page.url}/{place}")
        if place == "#/recordings":
            screen.until("document.querySelector('[data-file]')")
        else:
            screen.moves()
        screen.tab.wait_for_timeout(1500)
        assert screen.tab.evaluate(CONTRASTS) == [], place
        assert screen.tab.evaluate(UNNAMED) == [], place
        assert screen.tab.evaluate("window.shift") < 0.02, place
        assert screen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), place


def undisturbed(before: Looked, after: Looked) -> bool:
    """Whether the pipeline and the first nine viewers have kept their rates within a tenth."""
    writes, sees = after.written / before.written, min(after.viewers[:9]) / min(before.viewers)
    return writes >= 0.9 and sees >= 0.9


@pytest.mark.quiet
@pytest.mark.timeout(300)
def test_a_viewer_on_a_thin_line_slows_nobody(serve: Serve, record_property: Note) -> None:
    camera = NumberedCamera("one")
    page = serve(camera)
    with FaultyNetwork(urlsplit(page.url).port or 0) as line:
        address = page.url.replace("http", "ws") + "/ws/cameras/one"
        line.set(rate=100_000)

        def look() -> tuple[Looked, Looked]:
            before = looked_at(camera, 4, [address] * 9)
            return before, looked_at(camera, 6, [*[address] * 9, f"ws://127.0.0.1:{line.port}/ws/cameras/one"])

        memory = resident()
        before, after = at_last(look, lambda looked: undisturbed(*looked))
        grown = resident() - memory
    print(f"nine viewers: {before}; with a tenth at 100 kB/s: {after}; {grown / 1e6:.0f} MB more")
    record_property("nine viewers", str(before))
    record_property("with a tenth at 100 kB/s", str(after))
    assert undisturbed(before, after)
    assert 0 < after.viewers[9] < 5
    assert grown < 50e6


@contextmanager
def below_a_path(page: Page, folder: Path) -> Iterator[str]:
    """The address of a page that nginx serves at /cam/ of its own site."""
    port = own_port()
    headers = "Host $http_host", "Upgrade $http_upgrade", "Connection $http_connection"
    passed = "".join(f"proxy_set_header {header};" for header in headers)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ access_log off; {paths} server {{ "
        f"listen 127.0.0.1:{port}; location /cam/ {{ proxy_pass {page.url}/; proxy_http_version 1.1; {passed} }} }} }}"
    )
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_until(lambda: answers(port), 60)
        yield f"http://127.0.0.1:{port}/cam/"
    finally:
        process.terminate()
        process.wait()


def test_below_a_path_of_another_site_all_is_there(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "front_2026-11-28T06-20-01Z.mp4").write_bytes(b"a video")
    page = serve(NumberedCamera("one"), recordings=recordings)
    with below_a_path(page, tmp_path) as address:
        screen.tab.goto(address)
        screen.moves()
        screen.until("document.querySelector('img')?.naturalWidth > 0")  # the icon
        screen.tab.goto(f"{address}#/recordings")
        screen.until("document.querySelector('[data-file]') !== null")
        screen.tab.goto("about:blank")
