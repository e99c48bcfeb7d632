"""Rules in a real browser: what they see, what of them is armed, and zones that are drawn with mouse and finger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as TooLate

from kpstream.camera.events import CameraEvents
from kpstream.events import Line, RuleSet, Zone
from kpstream.options import EventsOptions
from kpstream.web import PageRules
from tests.rig.parts.page import CONTRASTS, UNNAMED, Look, NumberedCamera, Screen, Serve
from tests.rig.parts.watched import WatchedCamera

pytestmark = pytest.mark.rig
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


class Owner:
    """Notes what the page writes."""

    def __init__(self) -> None:
        self.zones: dict[str, Zone] = {}
        self.lines: dict[str, Line] = {}

    def edit(self, zones: tuple[Zone, ...], lines: tuple[Line, ...]) -> None:
        self.zones |= {zone.name: zone for zone in zones}
        self.lines |= {line.name: line for line in lines}


class Drawing:
    """Draws on the picture of a screen, in fractions of the picture.

    Args:
        screen: With one large camera.
        touches: With a finger; else with the mouse.
    """

    def __init__(self, screen: Screen, *, touches: bool) -> None:
        self._screen = screen
        self._tab = screen.tab
        self._press = screen.tab.tap if touches else screen.tab.click
        self._touches = touches
        self._fingers = screen.tab.context.new_cdp_session(screen.tab)

    def begin(self, act: str) -> None:
        """Press a button until it has done something: a tap on what moves makes no click, or a late one."""
        done = {
            "zones": "document.querySelector('.editor') !== null",
            "zone": "document.querySelector('.editor.draws') !== null",
            "line": "document.querySelector('.editor.draws') !== null",
            "save": "document.querySelector('.editor') === null || document.querySelector('.toml') !== null",
        }[act]
        for _ in range(10):
            with suppress(TooLate):  # one that is done late leaves nothing to press
                self._press(f"[data-act={act}]", timeout=5000)
            self._tab.wait_for_timeout(500)
            if self._tab.evaluate(done):
                return
        self._screen.until(done)

    def tap(self, x: float, y: float) -> None:
        with self._held(x, y):
            pass

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        with self._held(*start):
            for step in (0.3, 0.7, 1.0):
                self._move(*(a + step * (b - a) for a, b in zip(start, end, strict=True)))

    @contextmanager
    def _held(self, x: float, y: float) -> Iterator[None]:
        if self._touches:
            self._touch("touchStart", x, y)
        else:
            self._tab.mouse.move(*self._at(x, y))
            self._tab.mouse.down()
        yield
        if self._touches:
            self._touch("touchEnd")
        else:
            self._tab.mouse.up()

    def _move(self, x: float, y: float) -> None:
        if self._touches:
            self._touch("touchMove", x, y)
        else:
            self._tab.mouse.move(*self._at(x, y))

    def _touch(self, kind: str, *at: float) -> None:
        points = [dict(zip("xy", self._at(*at), strict=True))] if at else []
        self._fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def _at(self, x: float, y: float) -> tuple[float, float]:
        box = self._tab.locator(".stage").bounding_box()
        assert box is not None
        scale = min(box["width"] / 1280, box["height"] / 720)
        left, top = (box["width"] - 1280 * scale) / 2, (box["height"] - 720 * scale) / 2
        return box["x"] + left + x * 1280 * scale, box["y"] + top + y * 720 * scale


def near(points: tuple[tuple[float, float], ...], *wanted: tuple[float, float]) -> bool:
    """Whether these are the same points, as far as a hand can place them."""
    return len(points) == len(wanted) and all(
        abs(a - b) < 0.02
        for point, other in zip(points, wanted, strict=True)
        for a, b in zip(point, other, strict=True)
    )


@pytest.mark.parametrize("touches", [False, True], ids=["mouse", "finger"])
def test_zones_and_lines_are_drawn_and_moved(serve: Serve, look: Look, tmp_path: Path, touches: bool) -> None:
    camera, owner = WatchedCamera("one", tmp_path), Owner()
    screen = look(**(PHONE if touches else {}))
    screen.tab.goto(serve(camera, rules=camera.page_rules(owner.edit)).url)
    screen.moves()
    hand = Drawing(screen, touches=touches)
    screen.until("document.querySelector('[data-act=zones]')?.checkVisibility() === true")
    hand.begin("zones")

    hand.begin("zone")
    corners = (0.3, 0.3), (0.6, 0.3), (0.6, 0.7), (0.3, 0.7)
    for corner in (*corners, corners[0]):
        hand.tap(*corner)
    screen.tab.fill("input[name=shape-name]", "press")
    hand.drag((0.45, 0.45), (0.55, 0.55))  # as a whole
    hand.drag((0.7, 0.8), (0.8, 0.9))  # one corner
    hand.drag((0.55, 0.4), (0.55, 0.25))  # a new one between two
    hand.begin("line")
    hand.drag((0.2, 0.9), (0.2, 0.5))
    screen.tab.fill("input[name=shape-name]", "gate")
    hand.begin("save")
    screen.until("document.querySelector('.editor') === null")
    assert near(owner.zones["press"].polygon, (0.4, 0.4), (0.55, 0.25), (0.7, 0.4), (0.8, 0.9), (0.4, 0.8))
    assert near((owner.lines["gate"].start, owner.lines["gate"].end), (0.2, 0.9), (0.2, 0.5))
    assert owner.zones.keys() == {"press"}  # what nobody touched is not written


def test_before_a_camera_without_rules_the_first_line_is_drawn(serve: Serve, screen: Screen) -> None:
    bare, owner = CameraEvents(EventsOptions()).begin(RuleSet(), "one"), Owner()
    screen.tab.goto(serve(NumberedCamera("one"), rules=PageRules(lambda _: bare, edit=owner.edit)).url)
    screen.moves()
    screen.until("document.querySelector('[data-act=zones]')?.checkVisibility() === true")
    assert not screen.tab.is_visible("input[name=armed]")
    hand = Drawing(screen, touches=False)
    hand.begin("zones")
    hand.begin("line")
    hand.drag((0.2, 0.9), (0.2, 0.5))
    hand.begin("save")
    screen.until("document.querySelector('.editor') === null")
    assert near((owner.lines["line 1"].start, owner.lines["line 1"].end), (0.2, 0.9), (0.2, 0.5))


def test_points_are_moved_and_removed_with_the_keyboard_alone(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera, owner = WatchedCamera("one", tmp_path), Owner()
    page = serve(camera, NumberedCamera("two"), rules=camera.page_rules(owner.edit))
    screen.tab.goto(f"{page.url}/#/cameras/one")
    screen.moves()
    screen.until("document.querySelector('[data-act=zones]')?.checkVisibility() === true")
    screen.tab.focus("[data-act=zones]")
    screen.tab.keyboard.press("Enter")
    screen.tab.focus("[data-act=zone]")
    for key in ("Enter", "ArrowRight", "Escape"):  # a zone is begun, and is not drawn; one stays in the editor
        screen.tab.keyboard.press(key)
    screen.until("document.querySelector('.editor:not(.draws)') !== null")
    screen.tab.focus(".editor [data-part=body]")
    outline = "document.querySelector('.editor [data-part=body]').getAttribute('points')"
    before = screen.tab.evaluate(outline)
    screen.tab.set_viewport_size({"width": 900, "height": 700})
    screen.until(f"{outline} !== '{before}'")
    screen.tab.keyboard.press("Shift+ArrowRight")
    screen.tab.focus(".editor [data-part=corner][data-point='0']")
    screen.tab.keyboard.press("+")
    screen.tab.keyboard.press("Delete")
    screen.tab.focus("[data-act=save]")
    screen.tab.keyboard.press("Enter")
    screen.until("document.querySelector('.editor') === null")
    assert near(owner.zones["all"].polygon, (0.535, 0.1), (0.95, 0.1), (0.95, 0.99), (0.15, 0.99))


def test_where_the_page_may_not_write_the_zone_is_shown_to_copy(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera = WatchedCamera("one", tmp_path)
    screen.tab.goto(serve(camera, rules=camera.page_rules()).url)
    screen.moves()
    screen.until("document.querySelector('[data-act=zones]')?.checkVisibility() === true")
    hand = Drawing(screen, touches=False)
    hand.begin("zones")
    hand.drag((0.5, 0.5), (0.55, 0.45))
    hand.begin("save")
    screen.until("document.querySelector('.toml textarea') !== null")
    assert screen.tab.input_value(".toml textarea").startswith('[[zone]]\nname = "all"\npolygon = [[0.1')
    screen.tab.keyboard.press("Escape")
    screen.until("document.querySelector('.toml') === null")


def test_what_rules_see_is_shown_and_rules_are_disarmed(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera = WatchedCamera("one", tmp_path)
    page = serve(camera, deliveries=camera.events.deliveries, rules=camera.page_rules())
    screen.tab.goto(page.url)
    screen.moves()
    own = "document.querySelector(\"[data-rule='{}']\")"
    counts, one = own.format("somebody is there"), own.format("one of them")
    screen.until(f"{counts}?.dataset.sees === 'false'")
    camera.somebody = True
    screen.until(f"{counts}.dataset.sees === 'open'")
    screen.until(f"{one}.dataset.sees === 'true'")  # it is disarmed: it sees, and opens nothing
    screen.until("document.querySelector('nav .count')?.textContent === '1'")
    camera.somebody = False
    screen.until(f"{counts}.dataset.sees === 'false'")
    screen.tab.uncheck("input[name=armed]")
    screen.until(f"{counts}.classList.contains('disarmed')")
    assert screen.tab.evaluate("document.activeElement.name") == "armed"  # for whoever uses the keyboard
    assert camera.events.cameras["one"].armed[""] is False
    camera.somebody = True
    screen.until(f"{counts}.dataset.sees === 'true'")
    screen.tab.check("[data-rule='one of them'] input")
    screen.tab.check("input[name=armed]")
    screen.until(f"{one}.dataset.sees === 'open'")


@pytest.mark.parametrize(("scheme", "size"), [("dark", (1366, 768)), ("light", (390, 844))])
def test_rules_and_their_zones_can_be_read(
    serve: Serve, look: Look, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    camera = WatchedCamera("one", tmp_path)
    camera.somebody = True
    screen = look(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    screen.tab.goto(serve(camera, rules=camera.page_rules()).url)
    screen.moves()
    screen.until("document.querySelector('[data-act=zones]')?.checkVisibility() === true")
    for edits in (False, True):
        if edits:
            screen.tab.click("[data-act=zones]")
        assert screen.tab.evaluate(CONTRASTS) == []
        assert screen.tab.evaluate(UNNAMED) == []
        assert screen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
