"""A page whose answers are late, and whose user does not wait for them: what comes then is for nobody."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from kpstream.web import BrowserCamera
from tests.rig.parts.page import ROOT, NumberedCamera, Screen, Serve
from tests.rig.parts.watched import WatchedCamera

pytestmark = pytest.mark.rig

LATE = """
let state = 7;
const later = () => new Promise((go) => setTimeout(go, 250 * ((state = (state * 16807) % 2147483647) / 2147483647)));
const late = (owner, name) => {
  const done = owner[name];
  owner[name] = async function (...values) {
    try {
      return await done.apply(this, values);
    } finally {
      await later();
    }
  };
};
late(window, "fetch");
late(ImageDecoder.prototype, "decode");
late(HTMLMediaElement.prototype, "play");
late(MediaDevices.prototype, "getUserMedia");
"""
HELD = """
window.asked = [];
window.held = [];
const ask = window.fetch;
window.fetch = async (address, options) => {
  window.asked.push(new URL(address).pathname);
  const answer = await ask(address, options);
  if (window.holds?.test(address)) await new Promise((go) => window.held.push(go));
  return answer;
};
window.letGo = async () => {
  window.holds = null;
  for (const go of window.held.splice(0)) go();
  await new Promise((go) => setTimeout(go, 100));
};
"""
"""Holds the answers to addresses that match `holds`, until `letGo`."""


def press(screen: Screen, selector: str) -> None:
    """Press something as a script does: whether it is there or not, and without waiting for anything."""
    screen.tab.evaluate(f"document.querySelector({selector!r})?.click()")


def test_whoever_goes_on_quickly_leaves_nothing_behind(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    shutil.copy(ROOT / "samples" / "walkers.mp4", tmp_path / "walk.mp4")
    camera, device = WatchedCamera("one", tmp_path / "events"), BrowserCamera(timeout=30)
    screen.tab.add_init_script(LATE)
    screen.tab.goto(
        serve(
            camera,
            NumberedCamera("two"),
            deliveries=camera.events.deliveries,
            rules=camera.page_rules(lambda zones, lines: None),
            recordings=tmp_path,
            browser_camera=device,
        ).url
    )
    screen.moves()
    screen.listens()
    camera.somebody = True
    screen.until("document.querySelector('.toast') !== null")
    event = screen.tab.get_attribute(".toast a", "href")
    places = "#/", "#/cameras/one", "#/cameras/two", "#/events", event, "#/recordings", "#/cameras/%"
    keys = "r", "f", " ", "b", "ArrowRight", "Escape", "?"
    controls = (
        "[data-act=zones]", "[data-act=line]", "[data-act=cancel]", "#share", "[data-act=record]", ".event button",
        "button.file", "input[name=armed]", "input[name=draw-server]", "select[name=seen]",
    )  # fmt: skip
    chance = random.Random(1)  # the same each time
    for _ in range(50):
        screen.tab.evaluate(f"location.hash = '{chance.choice(places)}'")
        screen.tab.wait_for_timeout(chance.choice((0, 20, 120, 300)))
        press(screen, chance.choice(controls))
        if chance.random() < 0.5:
            screen.tab.keyboard.press(chance.choice(keys))
    if screen.tab.get_attribute("#share", "aria-pressed") == "true":
        press(screen, "#share")
    screen.tab.evaluate("location.hash = '#/recordings'")
    viewers = (
        "fetch('api/cameras').then((answer) => answer.json()).then((all) => all.cameras.map((one) => one.viewers))"
    )
    screen.until(f"{viewers}.then((all) => all.every((count) => count === 0))")


def test_the_drawing_of_the_server_comes_for_nobody_who_has_gone_on(
    serve: Serve, screen: Screen, tmp_path: Path
) -> None:
    screen.tab.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({})); } send() {} close() {} };"
    )
    screen.tab.add_init_script(HELD + "window.holds = /cameras.one$/;")
    screen.tab.goto(f"{serve(NumberedCamera('one'), NumberedCamera('two'), recordings=tmp_path).url}#/cameras/one")
    screen.until("window.held.length > 0")
    screen.tab.evaluate("location.hash = '#/recordings'")
    screen.until("document.querySelector('.recordings') !== null")
    screen.tab.evaluate("window.letGo()")
    screen.tab.evaluate("window.asked.length = 0")
    screen.until("window.asked.filter((path) => path === '/api/cameras').length > 1")  # some seconds have gone by
    assert "/api/cameras/one" not in screen.tab.evaluate("window.asked")


def test_what_is_told_of_an_event_meanwhile_is_newer_than_a_late_answer(
    serve: Serve, screen: Screen, tmp_path: Path
) -> None:
    camera = WatchedCamera("one", tmp_path)
    screen.tab.add_init_script(HELD + "window.holds = /api.events.limit=60/;")
    screen.tab.goto(f"{serve(camera, deliveries=camera.events.deliveries).url}#/events")
    screen.until("window.held.length > 1")  # the second once it is told of what happens
    camera.somebody = True
    screen.until("document.querySelector('nav .count') !== null")
    screen.tab.evaluate("window.letGo()")
    screen.until("document.querySelectorAll('.event.open').length === 1")
    screen.tab.wait_for_timeout(100)
    assert screen.tab.evaluate("document.querySelectorAll('.event.open').length") == 1

    screen.tab.evaluate("window.holds = /api.events.[^?]/")
    screen.tab.click(".event button")
    screen.until("window.held.length > 0")
    camera.somebody = False
    screen.until("document.querySelector('.happened video') !== null")
    screen.tab.evaluate("window.letGo()")
    assert screen.tab.evaluate("document.querySelector('.happened video') !== null")


def test_what_is_read_before_a_rule_is_armed_says_nothing_of_it(serve: Serve, screen: Screen, tmp_path: Path) -> None:
    camera = WatchedCamera("one", tmp_path)
    screen.tab.add_init_script(HELD)
    screen.tab.goto(serve(camera, rules=camera.page_rules()).url)
    screen.moves()
    screen.until("document.querySelector('input[name=armed]')?.checkVisibility() === true")
    screen.tab.evaluate("window.holds = /rules$/")
    screen.until("window.held.length > 0")
    screen.tab.evaluate("window.holds = null")
    screen.tab.uncheck("input[name=armed]")
    screen.until("document.querySelector('[data-rule]').classList.contains('disarmed')")
    screen.tab.evaluate("window.letGo()")
    assert not screen.tab.is_checked("input[name=armed]")


def test_what_is_set_meanwhile_is_not_taken_back_by_a_late_answer(serve: Serve, screen: Screen) -> None:
    camera = NumberedCamera("one")
    screen.tab.add_init_script(HELD)
    screen.tab.goto(serve(camera).url)
    screen.moves()
    screen.tab.evaluate("window.holds = /cameras.one$/")
    screen.tab.focus("input[name=rate]")
    screen.tab.keyboard.press("ArrowRight")
    screen.until("window.held.length > 0")
    screen.tab.keyboard.press("ArrowRight")
    screen.moves()
    assert camera.controls.settings.rate == 5.5  # what comes later is not asked for before
    screen.tab.evaluate("window.letGo()")
    screen.until("document.querySelector('input[name=rate]').dataset.held === undefined")
    assert camera.controls.settings.rate == 6.0
    assert screen.tab.input_value("input[name=rate]") == "6"


def test_a_device_that_is_stopped_before_its_first_picture_sends_none(serve: Serve, screen: Screen) -> None:
    screen.tab.add_init_script("""
        HTMLMediaElement.prototype.play = () => new Promise((_, refuse) => {
          window.interrupt = () => refuse(new DOMException("interrupted", "AbortError"));
        });
    """)
    device = BrowserCamera(timeout=30)
    screen.tab.goto(serve(NumberedCamera("one"), browser_camera=device).url)
    screen.moves()
    screen.tab.click("#share")
    screen.until("window.interrupt !== undefined")
    screen.tab.click("#share")
    screen.tab.evaluate("window.interrupt()")
    screen.moves()
    assert not device.in_use


def test_a_status_of_before_a_change_does_not_take_it_back(serve: Serve, screen: Screen) -> None:
    screen.tab.add_init_script("""
        window.told = [];
        const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
        Object.defineProperty(WebSocket.prototype, "onmessage", {
          set(take) {
            const hear = (event) =>
              window.holds && typeof event.data === "string" ? window.told.push(() => take(event)) : take(event);
            own.set.call(this, take && hear);
          },
        });
    """)
    screen.tab.goto(serve(NumberedCamera("one")).url)
    screen.moves()
    screen.tab.evaluate("window.holds = true")
    screen.until("window.told.length > 0")
    screen.tab.click("[data-act=record]")
    screen.until("document.querySelector('.badge.rec') !== null")
    screen.tab.evaluate("window.told.shift()()")
    screen.moves()
    assert screen.tab.evaluate("document.querySelector('.badge.rec') !== null")
    screen.tab.evaluate("window.holds = false")
    screen.tab.click("[data-act=record]")
    screen.until("document.querySelector('.badge.rec') === null")
