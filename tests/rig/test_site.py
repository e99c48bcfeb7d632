"""The whole program over several real cameras: ``kpstream run``, with cameras that die and settings that change."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from kpstream.testing import Reply, ScriptedServer
from tests.rig.parts.processes import RtspCamera
from tests.rig.parts.programs import KEY
from tests.rig.parts.site import Site, longest_gap, times_in

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

PASSWORD, WRONG = "marked-password", "marked-wrong-password"
PASSWORDS = {"RIGHT": PASSWORD, "WRONG": WRONG}
CAMERA = ("--size", "1280x720", "--fps", "10", "--user", "viewer", "--password", PASSWORD)
MEASURED = 10.0
"""Seconds over which frames are counted."""
ENOUGH = 6.0
"""Frames a second, of ten."""
HELD_UP = 4.0
"""Seconds that a machine with other work may stand still; whoever waits for a dead camera waits for longer."""
ENDED_WITHIN = 20.0
"""Seconds from SIGTERM, where what hangs is waited for no longer than a few."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ScriptedServer() as endpoint, Site(tmp_path, endpoint.url, PASSWORDS) as site:
        yield site


@pytest.fixture
def cameras() -> Iterator[list[RtspCamera]]:
    with ExitStack() as stack:
        yield [stack.enter_context(RtspCamera(*CAMERA)) for _ in range(4)]


def address(camera: RtspCamera, variable: str = "RIGHT") -> str:
    return camera.url.replace("://", f"://viewer:${{{variable}}}@")


def rates_of(site: Site, names: Sequence[str]) -> dict[str, float]:
    """Frames a second that cameras show, by name."""
    before, began_at = {name: site.shown(name) for name in names}, time.monotonic()
    time.sleep(MEASURED)
    passed = time.monotonic() - began_at
    return {name: (site.shown(name) - count) / passed for name, count in before.items()}


def test_a_dead_camera_and_a_wrong_password_take_no_picture_from_the_others(
    site: Site, cameras: list[RtspCamera]
) -> None:
    names = ["door", "gate", "yard", "roof"]
    urls = {name: address(camera) for name, camera in zip(names, cameras, strict=True)}
    urls["roof"] = address(cameras[3], "WRONG")
    site.write(urls)
    site.start()
    site.wait_for_pictures(names[:3])
    cameras[2].kill()
    for _ in range(5):  # others may have the machine
        rates = rates_of(site, names[:2])
        if min(rates.values()) >= ENOUGH:
            break
    code, took = site.end()
    said = "\n".join(site.said())
    assert code == 0, said
    assert took < ENDED_WITHIN, took
    for name in rates:
        times = times_in(site.files(name)[0])
        assert longest_gap([t for t in times if t > times[-1] - MEASURED]) < HELD_UP
    print(f"{rates} frames/s, ended in {took:.2f} s\n{said}")
    assert min(rates.values()) >= ENOUGH
    assert sum("roof: " in line and "user name or password refused" in line for line in site.said()) == 1
    assert sum("yard: camera silent" in line or "yard: cannot open" in line for line in site.said()) <= 2
    assert not site.files("roof")
    assert "Traceback" not in said
    assert not any(secret in said for secret in (PASSWORD, KEY, WRONG))


def test_a_hang_up_changes_what_changed_and_nothing_else(site: Site, cameras: list[RtspCamera]) -> None:
    door, gate, yard, _ = map(address, cameras)
    site.write({"door": door, "gate": gate})
    site.start()
    site.wait_for_pictures(["door", "gate"])
    site.write({"door": door, "gate": gate}, "[limit]\nrate = 3\n")
    site.process.send_signal(signal.SIGHUP)
    site.wait_for(lambda: any("all goes on as it was before" in line for line in site.said()))
    assert any("limit: there is no such key; did you mean limits?" in line for line in site.said())
    site.write({"door": door, "yard": yard})
    site.process.send_signal(signal.SIGHUP)
    site.wait_for_pictures(["yard"])
    code, took = site.end()
    assert code == 0
    assert took < ENDED_WITHIN, took
    assert len(site.files("door")) == len(site.files("gate")) == len(site.files("yard")) == 1
    assert longest_gap(times_in(site.files("door")[0])) < HELD_UP
    assert times_in(site.files("gate")[0])
    assert times_in(site.files("yard")[0])


def test_it_ends_in_time_whatever_hangs(tmp_path: Path, cameras: list[RtspCamera]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        ScriptedServer(*[Reply(fault="hang")] * 100) as endpoint,
        Site(tmp_path, endpoint.url, PASSWORDS) as site,
    ):
        site.write({"door": address(cameras[0]), "hole": f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam"})
        site.start()
        site.wait_for_pictures(["door"])
        endpoint.wait_for(1)
        code, took = site.end()
        assert code == 0, site.said()
        assert took < ENDED_WITHIN, took
        assert times_in(site.files("door")[0])
