"""A page with forty cameras: what of them costs anything, and what stays where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from kpstream.web import Page
from tests.rig.parts.page import Look, NumberedCamera, Screen, Serve

pytestmark = pytest.mark.rig

NAMES = [f"cam{number:02}" for number in range(40)]
RATE = 2.0
ALL_IN_VIEW = """
[...document.querySelectorAll(".camera")].every((camera) => {
  const { top, left, bottom, right, width } = camera.getBoundingClientRect();
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth && width > 0.09 * innerWidth;
})
"""
TO_THE_END = "scrollTo(0, document.documentElement.scrollHeight)"


@pytest.fixture
def page(serve: Serve) -> Page:
    return serve(*(NumberedCamera(name, RATE) for name in NAMES))


@contextmanager
def opened(screen: Screen, page: Page) -> Iterator[None]:
    screen.tab.goto(page.url)
    screen.moves(NAMES[0], 1)
    yield
    screen.tab.goto("about:blank")


def viewers(page: Page) -> dict[str, int]:
    cameras = requests.get(f"{page.url}/api/cameras", timeout=20).json()["cameras"]
    return {camera["name"]: camera["viewers"] for camera in cameras}


def wait_for_viewers(screen: Screen, page: Page, expected: dict[str, int]) -> None:
    for _ in range(600):
        if viewers(page).items() >= expected.items():
            return
        screen.tab.wait_for_timeout(100)
    raise AssertionError(viewers(page))


def test_only_tiles_around_the_window_are_connected(screen: Screen, page: Page) -> None:
    with opened(screen, page):
        wait_for_viewers(screen, page, {NAMES[0]: 1, NAMES[-1]: 0})
        assert sum(viewers(page).values()) < 20
        screen.until(f"document.querySelector('[data-name={NAMES[-1]}]').dataset.state === 'live'")  # as the list says
        screen.tab.evaluate(TO_THE_END)
        screen.moves(NAMES[-1], 1)
        wait_for_viewers(screen, page, {NAMES[0]: 0, NAMES[-1]: 1})


def test_in_full_screen_all_cameras_are_in_view(screen: Screen, page: Page) -> None:
    with opened(screen, page):
        screen.tab.keyboard.press("f")
        screen.until("document.fullscreenElement?.id === 'main'")
        screen.until(ALL_IN_VIEW)
        screen.moves(NAMES[-1], 1)


def test_the_grid_stays_where_it_was_scrolled_to(screen: Screen, page: Page) -> None:
    with opened(screen, page):
        screen.tab.evaluate(TO_THE_END)
        screen.tab.click(f"[data-name={NAMES[-1]}] .stage")
        screen.until("document.querySelector('.camera.large') !== null && scrollY === 0")
        screen.tab.keyboard.press("g")
        screen.until("document.querySelectorAll('.grid .camera').length === 40 && scrollY > 2 * innerHeight")


def test_cameras_that_come_and_go_leave_the_other_tiles_alone(look: Look, page: Page) -> None:
    screen = look(breaks=True)  # whoever is just connecting again to a camera that goes is refused
    with opened(screen, page), NumberedCamera("new", RATE) as new:
        screen.tab.evaluate(f"document.querySelector('[data-name={NAMES[0]}]').isTheSame = true")
        page.add(new.feed)
        screen.until("document.querySelectorAll('.grid .camera').length === 41")
        page.remove(new.feed)
        screen.until("document.querySelectorAll('.grid .camera').length === 40")
        assert screen.tab.evaluate(f"document.querySelector('[data-name={NAMES[0]}]').isTheSame")
        screen.moves(NAMES[0], 1)


def test_what_the_server_draws_leaves_connections_for_all_tiles_and_for_controls(screen: Screen, page: Page) -> None:
    screen.tab.add_init_script("localStorage.setItem('kpstream.choices', JSON.stringify({server: true}))")
    screen.tab.goto(page.url)
    screen.until("[...document.querySelectorAll('.server')].slice(0, 8).every((image) => image.naturalWidth > 0)")
    screen.tab.evaluate("fetch('api/site').then(() => { window.isAnswered = true; })")
    screen.until("window.isAnswered")
