"""What the page is tried with: cameras that number their pictures, and tabs that read the numbers back."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import BrowserContext, ConsoleMessage
from playwright.sync_api import Page as Tab

from kpstream.entities import Frame, Image, Pose, Scene, Stats
from kpstream.skeleton import Skeleton
from kpstream.web import Feed, Page
from tests.support.web_page import FakeControls

ROOT = Path(__file__).parents[3]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip
SIZE = (1280, 720)
BITS, CELL = 24, 40
POINT_Y = 500
_HOLDS = "(() => { try { return (%s); } catch (error) { if (!(error instanceof TypeError)) throw error; } })()"
"""Of what is not there yet nothing holds."""
_WITHIN = 60.0
"""Seconds after which something that is waited for does not happen."""
GREEN_POINT = Skeleton(("point",), (), ("#00ff00",))

SAMPLER = """
(() => {
  window.seen = [];
  const look = () => {
    for (const camera of document.querySelectorAll('.camera')) {
      const picture = camera.querySelector('canvas.picture');
      const overlay = camera.querySelector('canvas.overlay');
      if (picture.width < 480) continue;
      const cell = picture.width / 32;
      const row = picture.getContext('2d').getImageData(0, Math.floor(cell / 2), 24 * cell, 1).data;
      let index = 0;
      for (let bit = 0; bit < 24; bit++) if (row[Math.floor((bit + 0.5) * cell) * 4] > 127) index += 2 ** bit;
      if (window.seen.last?.[camera.dataset.name] === index) continue;
      const scale = Math.min(overlay.width / 1280, overlay.height / 720);
      const [left, top] = [(overlay.width - 1280 * scale) / 2, (overlay.height - 720 * scale) / 2];
      const line = overlay.getContext('2d').getImageData(0, Math.round(top + 500 * scale), overlay.width, 1).data;
      let [sum, count] = [0, 0];
      for (let x = 0; x < overlay.width; x++)
        if (line[x * 4 + 1] > 200 && line[x * 4] < 80 && line[x * 4 + 3] > 200) { sum += x; count++; }
      window.seen.last = { ...window.seen.last, [camera.dataset.name]: index };
      window.seen.push([camera.dataset.name, index, performance.timeOrigin + performance.now(),
                        count ? (sum / count - left) / scale : null]);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()
"""

CONTRASTS = """
() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((value) => value / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const rgb = numbers(getComputedStyle(at).backgroundColor);
      if ((rgb[3] ?? 1) > 0.7) return rgb;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest('noscript')) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([element.textContent.slice(0, 30), Number(ratio.toFixed(2))]);
  }
  return found;
}
"""


UNNAMED = """
() => [...document.querySelectorAll('button, input, a, canvas.picture')]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length))
  .map((one) => one.outerHTML)
"""


def point_of(index: int) -> float:
    """Where the green keypoint of a picture is, in pixels from the left."""
    return 60.0 + index * 37 % 1160


class NumberedCamera:
    """Writes pictures with their number as a bar code, and a green keypoint where the number says, to a feed.

    Args:
        title: The camera's.
        rate: Pictures a second.
    """

    def __init__(self, title: str, rate: float = 30.0) -> None:
        self.controls = FakeControls()
        self.feed = Feed(title, self.controls)
        self.written_at: list[float] = []
        """When each picture was written, in seconds of the wall clock, by its number."""
        self.took: list[float] = []
        """Seconds that each writing took."""
        self.trouble = ""
        """What is wrong with it; while something is, it gives nothing."""
        self.endpoint_trouble = ""
        self.rate = rate
        street = cv2.imread(str(ROOT / "samples" / "street.jpg"))
        assert street is not None
        self._street = cv2.resize(street, SIZE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> NumberedCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        begun_at, turn = time.monotonic(), 0
        while not self._over.wait(max(0.0, begun_at + turn / self.rate - time.monotonic())):
            turn += 1
            if self.trouble:
                self.feed.idle(self._stats())
            else:
                self._write()

    def _write(self) -> None:
        index = len(self.written_at)
        image = self._picture(index)
        now = time.monotonic()
        scene = Scene(
            Frame(index, index / self.rate, now - 0.01, image),
            self.poses_of(index),
            self._stats(),
            index,
            0.0,
            False,
            now,
        )
        self.written_at.append(time.time())
        self.show(scene, image)
        self.took.append(time.monotonic() - now)

    def poses_of(self, index: int) -> tuple[Pose, ...]:
        """Who is in a picture."""
        return (pose_of(index),)

    def show(self, scene: Scene, image: Image) -> None:
        """Give a picture to the page."""
        self.feed.write(scene, image)

    def _stats(self) -> Stats:
        return Stats(
            capture_fps=30.0, render_fps=29.9, sample_fps=5.0, in_flight=2, latency=0.4, captured=len(self.written_at),
            source_trouble=self.trouble, endpoint_trouble=self.endpoint_trouble,
        )  # fmt: skip

    def _picture(self, index: int) -> Image:
        image: Image = self._street.astype(np.uint8)
        bits = (index >> np.arange(BITS)) & 1
        image[:CELL, : BITS * CELL] = np.repeat(bits * 255, CELL)[None, :, None]
        return image


def pose_of(index: int) -> Pose:
    """One green keypoint."""
    x = point_of(index)
    box = np.array([x - 200, POINT_Y - 200, x + 200, POINT_Y + 200], np.float32)
    return Pose(np.array([[x, POINT_Y]], np.float32), np.ones(1, np.float32), box, 1.0, 0, "dot", GREEN_POINT, 1)


@dataclass(frozen=True)
class Seen:
    """What came of looking for a while."""

    seconds: float
    pictures: list[tuple[str, int, float, float | None]]
    """Camera, number, wall time, and the place of the keypoint, of each picture in the order of their coming."""

    def rate(self, name: str) -> float:
        """Pictures of one camera a second, each of them counted once."""
        return len({index for camera, index, _, _ in self.pictures if camera == name}) / self.seconds


class Screen:
    """A tab, and what its console complained about.

    Args:
        context: Opens it.
        breaks: Whether complaints about the network are expected.
    """

    def __init__(self, context: BrowserContext, *, breaks: bool = False) -> None:
        context.set_default_timeout(1000 * _WITHIN)
        self._breaks = breaks
        self.tab: Tab = context.new_page()
        self.faults: list[str] = []
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        network = "net::ERR_" in said.text or "WebSocket connection to" in said.text
        own = "willReadFrequently" in said.text  # of the sampler
        if said.type in ("error", "warning") and not own and not (network and self._breaks):
            self.faults.append(said.text)

    def index(self, name: str) -> int:
        """The number of the picture that is shown."""
        return int(self.tab.get_attribute(f"[data-name='{name}']", "data-index") or -1)

    def moves(self, name: str = "one", pictures: int = 5) -> None:
        """Wait until more pictures have been shown."""
        before = self.index(name)
        self.until(
            f"Number(document.querySelector('[data-name=\\'{name}\\']')?.dataset.index ?? -1) > {before + pictures}"
        )

    def listens(self) -> None:
        """Wait until the page is told of all that happens from then on."""
        self.until("performance.getEntriesByName(new URL('api/events?limit=50', document.baseURI)).length > 0")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        # Playwright's own waiting evaluates text in the page, which the page's policy forbids.
        give_up_at = time.monotonic() + _WITHIN
        while not self.tab.evaluate(_HOLDS % condition):
            assert time.monotonic() < give_up_at, f"it never happened: {condition}"
            self.tab.wait_for_timeout(50)

    def seen(self, seconds: float) -> Seen:
        """Look at the pictures for a while."""
        self.tab.evaluate("window.seen.length = 0")
        begun_at = time.monotonic()
        self.tab.wait_for_timeout(seconds * 1000)
        seen = self.tab.evaluate("window.seen")
        return Seen(time.monotonic() - begun_at, [(name, index, at / 1000, x) for name, index, at, x in seen])

    def comes_to(self, state: str) -> None:
        """Wait until the one camera is in this state: while a machine stands still, each may fall silent or be lost."""
        self.until(f"document.querySelector('.camera').dataset.state === '{state}'")


class Looked:
    """What came of some time with viewers: pictures a second that were written, and that each of them got."""

    def __init__(self, written: float, viewers: list[float]) -> None:
        self.written = written
        self.viewers = viewers

    def __repr__(self) -> str:
        return f"{self.written:.1f} written, {' '.join(f'{rate:.1f}' for rate in self.viewers)} got"


def looked_at(source: NumberedCamera, seconds: float, addresses: list[str]) -> Looked:
    """Let viewers look for some seconds."""
    command = [sys.executable, str(Path(__file__).parent / "page_viewers.py"), str(seconds), *addresses]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        before, begun_at = len(source.written_at), time.monotonic()
        told = process.stdout.readline()
        written = (len(source.written_at) - before) / (time.monotonic() - begun_at)
    return Looked(written, [int(count) / seconds for count in told.split()])


def resident() -> int:
    """Bytes of memory that this process has in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


Serve = Callable[..., Page]
"""Starts cameras and a page with them."""
Look = Callable[..., Screen]
"""Opens a tab."""
