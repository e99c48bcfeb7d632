"""A site with five cameras, an endpoint and viewers, and how each of them fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import requests
from bench_parts.thinned import thin

from soak_parts.network import actions
from soak_parts.schedule import FILES, SERVED, STREAMS, Fault
from tests.rig.parts.processes import FaultyNetwork, RtspCamera, Server
from tests.rig.parts.programs import CLIP, Endpoint
from tests.rig.parts.site import Site, parent_of

LATENCY = 0.15
RATE = 10.0
"""Frames a second of every camera."""
PASSWORD, WRONG = "marked-password", "marked-wrong-password"
LOCKED_OUT = "attic"
"""A camera whose password is wrong all the time."""
_GUEST = "guest"
_SIZE = (640, 360)
_RTSP = ("--size", "640x360", "--fps", str(round(RATE)), "--user", "viewer", "--password", PASSWORD)
_MORE = """
[[zone]]
name = "middle"
polygon = [[0.3, 0.0], [0.7, 0.0], [0.7, 1.0], [0.3, 1.0]]
[[rule]]
name = "in the middle"
kind = "in_zone"
zone = "middle"
[events]
folder = "events"
keep = "5m"
pre_roll = "2s"
post_roll = "2s"
max_clip = "10s"
"""
_FAULTY = "[limit]\nrate = 3\n"


class Viewer:
    """Somebody who looks at a camera's stream, on a thread of its own, until it is closed.

    Args:
        url: Of the stream.
        reads: Whether it reads what it is sent.
    """

    def __init__(self, url: str, *, reads: bool) -> None:
        self.bytes = 0
        """What it has read."""
        self._url, self._reads = url, reads
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        with suppress(requests.RequestException), requests.get(self._url, stream=True, timeout=10) as response:
            for chunk in response.iter_content(1 << 14):
                self.bytes += len(chunk)
                if not self._reads:
                    self._closed.wait()
                if self._closed.is_set():
                    return

    def close(self) -> None:
        """Hang up."""
        self._closed.set()


class Stage:
    """The site and the parts on both sides of it.

    Args:
        stack: Ends them all.
        folder: Where everything is written to.
        seed: Of the endpoint's dice.
    """

    def __init__(self, stack: ExitStack, folder: Path, seed: int) -> None:
        clip = folder / "clip.mp4"
        thin(CLIP, clip, every=3, size=_SIZE)
        picture_server = (sys.executable, "-m", "bench_parts.camera", str(clip))
        self._servers: dict[str, Server] = {name: stack.enter_context(RtspCamera(*_RTSP)) for name in STREAMS}
        self._servers["lane"] = stack.enter_context(Server(*picture_server))
        self._networks = {name: stack.enter_context(FaultyNetwork(self._servers[name].port)) for name in SERVED}
        self._endpoint = stack.enter_context(Endpoint(LATENCY, seed=seed))
        self._networks[""] = stack.enter_context(FaultyNetwork(self._endpoint.port))
        (folder / "tmp").mkdir()
        secrets = {"RIGHT": PASSWORD, "WRONG": WRONG, "TMPDIR": str(folder / "tmp")}
        url = f"http://127.0.0.1:{self._networks[''].port}"
        self.site = stack.enter_context(Site(folder, url, secrets))
        self._clip = str(clip)
        self._locked_out: set[str] = set()
        self._has_guest = False
        self._stopped: dict[str, int] = {}
        self._viewers: dict[str, Viewer] = {}
        self.looked = 0
        """Viewers so far."""
        self.bytes_seen = 0
        """What viewers have read that are gone."""

    def start(self) -> None:
        """Start the site, and wait until every camera shows pictures."""
        self._write()
        self.site.start()
        self.site.wait_for_pictures((*SERVED, *FILES))

    def begin(self, fault: Fault) -> None:
        """Let it go wrong."""
        self._actions(fault)[0]()

    def end(self, fault: Fault) -> None:
        """Make it well."""
        self._actions(fault)[1]()

    def _actions(self, fault: Fault) -> tuple[Callable[[], object], Callable[[], object]]:
        kind, of = fault.kind, fault.of
        match fault.joint:
            case "site":
                return self._actions_of_site(kind)
            case "network" | "endpoint network":
                return actions(self._networks[of], kind)
            case "camera" | "endpoint" if kind in ("freeze", "kill"):
                server = self._endpoint if fault.joint == "endpoint" else self._servers[of]
                return (server.freeze, server.thaw) if kind == "freeze" else (server.kill, server.restart)
        return {
            "endpoint": (lambda: self._fail(kind), lambda: self._fail("")),
            "process": (lambda: self._hit(of, kind), lambda: self._let_go_on(of)),
            "password": (lambda: self._lock_out(of), lambda: self._let_in(of)),
            "viewer": (lambda: self._look(of, reads=kind == "reads"), lambda: self._look_away(of)),
        }[fault.joint]

    def _actions_of_site(self, kind: str) -> tuple[Callable[[], object], Callable[[], object]]:
        process = self.site.process
        match kind:
            case "a camera more":
                return (lambda: self._invite(True)), (lambda: self._invite(False))
            case "faulty file":
                return (lambda: self._change(_FAULTY)), self._change
            case "stopped":
                return (lambda: process.send_signal(signal.SIGSTOP)), (lambda: process.send_signal(signal.SIGCONT))
        return self._read_again, self._read_again

    def _hit(self, name: str, kind: str) -> None:
        pid = self.site.cameras().get(name)
        if pid is None:  # it begins again right now
            return
        number = signal.SIGSTOP if kind in ("stopped", "hangs") else signal.Signals[kind]
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if kind == "stopped":
            self._stopped[name] = pid

    def _let_go_on(self, name: str) -> None:
        pid = self._stopped.pop(name, 0)
        if pid and parent_of(pid) == self.site.process.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _fail(self, kind: str) -> None:
        with suppress(OSError):  # it was killed, and has not begun again: then it begins well
            self._endpoint.fail(kind)

    def _lock_out(self, name: str) -> None:
        self._locked_out.add(name)
        self._change()

    def _let_in(self, name: str) -> None:
        self._locked_out.discard(name)
        self._change()

    def _invite(self, has_guest: bool) -> None:
        self._has_guest = has_guest
        self._change()

    def _look(self, viewer: str, *, reads: bool) -> None:
        self.looked += 1
        name = (*SERVED, *FILES)[self.looked % 5]
        self._viewers[viewer] = Viewer(f"{self.site.page()}/cameras/{name}/stream.mjpg", reads=reads)

    def _look_away(self, name: str) -> None:
        viewer = self._viewers.pop(name)
        viewer.close()
        self.bytes_seen += viewer.bytes

    def _write(self, more: str = "") -> None:
        """Write the file of the site as things are by now."""
        cameras = {name: self._address(name, "WRONG" if name in self._locked_out else "RIGHT") for name in STREAMS}
        cameras[LOCKED_OUT] = self._address("gate", "WRONG")
        cameras["lane"] = f"http://127.0.0.1:{self._networks['lane'].port}/video"
        cameras |= dict.fromkeys((*FILES, *([_GUEST] if self._has_guest else [])), self._clip)
        self.site.write(cameras, _MORE + more)

    def _address(self, name: str, password: str) -> str:
        return f"rtsp://viewer:${{{password}}}@127.0.0.1:{self._networks[name].port}/cam"

    def _change(self, more: str = "") -> None:
        self._write(more)
        self._read_again()

    def _read_again(self) -> None:
        self.site.process.send_signal(signal.SIGHUP)
