"""Events in a real browser: they appear by themselves, are looked at, and people say what they think of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.parts.page import CONTRASTS, UNNAMED, Look, Screen, Serve
from tests.rig.parts.watched import WatchedCamera
from tests.support.event_store import opened

pytestmark = pytest.mark.rig


def happens(camera: WatchedCamera, screen: Screen) -> None:
    """Let somebody come, and go again."""
    screen.listens()
    camera.somebody = True
    screen.until("document.querySelectorAll('.toast, .event.open').length > 0")
    camera.somebody = False


def test_an_event_appears_by_itself_and_its_clip_plays(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera = WatchedCamera("one", tmp_path)
    screen.tab.goto(serve(camera, deliveries=camera.events.deliveries).url)
    screen.moves()
    happens(camera, screen)
    assert "somebody is there" in screen.tab.inner_text("#notices")
    screen.until("document.querySelector('nav .count')?.textContent === '1'")
    screen.tab.click(".toast a")
    screen.until("document.querySelector('.happened video')?.currentTime > 0.5")  # it has ended meanwhile
    assert screen.tab.evaluate("document.querySelector('.happened video').videoWidth") == 1280
    for mark in ("seen", "false_alarm", "keep"):
        screen.tab.click(f"[data-mark={mark}]")
        screen.until(f"document.querySelector('[data-mark={mark}]').getAttribute('aria-pressed') === 'true'")
        screen.until(f"document.querySelector('.event .marks .{mark}') !== null")
    screen.until("document.querySelector('nav .count') === null")
    goes_on = "(({paused, ended}) => !paused || ended)(document.querySelector('.happened video'))"
    assert screen.tab.evaluate(goes_on)  # whatever is said meanwhile

    screen.tab.select_option("select[name=seen]", "false")
    screen.until("document.querySelectorAll('.event').length === 0")
    happens(camera, screen)
    screen.until("document.querySelectorAll('.event').length === 1")  # it fits the filter


def test_a_second_viewer_sees_what_the_first_says(serve: Serve, look: Look, tmp_path: Path) -> None:
    camera, one, other = WatchedCamera("one", tmp_path), look(), look()
    page = serve(camera, deliveries=camera.events.deliveries)
    for each in (one, other):
        each.tab.goto(f"{page.url}/#/events")
    happens(camera, one)
    for each in (one, other):
        each.until("document.querySelector('.event:not(.open)') !== null")
    one.tab.click(".event button")
    one.until("document.querySelector('[data-mark=false_alarm]') !== null")
    one.tab.click("[data-mark=false_alarm]")
    other.until("document.querySelector('.event.false') !== null")


def test_who_has_scrolled_down_the_list_stays_there_while_the_tab_is_hidden(
    serve: Serve, screen: Screen, tmp_path: Path
) -> None:
    camera = WatchedCamera("one", tmp_path)
    assert camera.events.store is not None
    for number in range(90):
        camera.events.store.put(opened(f"e{number}", after=number).to_json())
    screen.tab.goto(f"{serve(camera, deliveries=camera.events.deliveries).url}/#/events")
    screen.until("document.querySelectorAll('.event').length >= 60")
    screen.tab.locator(".event").last.scroll_into_view_if_needed()
    screen.until("document.querySelectorAll('.event').length === 90")
    lists = "performance.getEntriesByType('resource').filter((one) => /api.events.limit=[69]0/.test(one.name)).length"
    before = screen.tab.evaluate(lists)
    screen.tab.evaluate("[...document.querySelectorAll('.event')].at(-1).isTheSame = true")
    screen.tab.evaluate("""() => {
        for (const state of ["hidden", "visible"]) {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }
    }""")
    screen.until(f"{lists} > {before}")
    screen.tab.wait_for_timeout(200)
    assert screen.tab.evaluate("[...document.querySelectorAll('.event')].at(-1).isTheSame")
    assert screen.tab.evaluate("document.querySelectorAll('.event').length") == 90


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1366, 768), ("dark", 390, 844)])
def test_events_can_be_read(serve: Serve, look: Look, scheme: str, width: int, height: int, tmp_path: Path) -> None:
    camera = WatchedCamera("one", tmp_path)
    page = serve(camera, deliveries=camera.events.deliveries)
    screen = look(viewport={"width": width, "height": height}, color_scheme=scheme)
    screen.tab.goto(page.url)
    screen.moves()
    happens(camera, screen)
    screen.tab.click(".toast a")
    for place in ("detail", "list"):
        if place == "list":
            screen.tab.goto(f"{page.url}/#/events")
        shown = ".happened h1" if place == "detail" else ".event button"
        screen.until(f"document.querySelector('{shown}')?.checkVisibility()")
        assert screen.tab.evaluate(CONTRASTS) == [], place
        assert screen.tab.evaluate(UNNAMED) == [], place
        assert screen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
