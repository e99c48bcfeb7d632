"""Cameras of a site that die: each is a process, whose end is told, and touches nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import pytest
import requests

from kpstream.testing import ScriptedServer

pytestmark = pytest.mark.rig

CLIP = Path(__file__).parents[2] / "samples" / "walkers.mp4"
KEY = "marked-api-key"
NAMES = ("door", "gate", "yard")


class Site:
    """A ``kpstream run`` of three cameras in files of its own.

    Args:
        folder: Where its file and its recordings are.
        endpoint: The endpoint's address.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._log, self.recordings = folder / "stderr.txt", folder / "recordings"
        file = folder / "site.toml"
        cameras = "".join(f'[[camera]]\nname = "{name}"\nsource = "{CLIP}"\n' for name in NAMES)
        file.write_text(
            f'[endpoint]\nmodel = "my-pose/3"\nendpoint = "{endpoint}"\napi_url = "{endpoint}"\n'
            f'[web]\nlisten = "127.0.0.1:0"\n[record]\nfolder = "{self.recordings}"\n{cameras}'
        )
        environment = {**os.environ, "ROBOFLOW_API_KEY": KEY}
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "kpstream", "run", str(file)]
            self.process = subprocess.Popen(command, stderr=log, env=environment)

    def said(self) -> list[str]:
        """The lines on stderr so far."""
        return self._log.read_text().splitlines()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Block until it is so."""
        give_up_at = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.05)

    def wait_for_pictures(self) -> None:
        """Block until every camera shows some."""
        self.wait_for(lambda: all(f"kpstream: {name}: pictures come" in self.said() for name in NAMES))

    def cameras(self) -> dict[str, int]:
        """The processes of the cameras, by name."""
        return {words[-1]: pid for pid, words in processes() if "kpstream.camera.child" in words and self._is_mine(pid)}

    def _is_mine(self, pid: int) -> bool:
        return parent_of(pid) == self.process.pid

    def files(self, name: str) -> list[Path]:
        """The recordings of a camera."""
        return sorted(self.recordings.glob(f"{name}_*.mp4"))

    def page(self) -> str:
        """The address of its page."""
        (line,) = [line for line in self.said() if "the page is at" in line]
        return line.split()[-1]

    def shown(self, name: str) -> int:
        """How many pictures a camera has shown since it began."""
        return int(requests.get(f"{self.page()}/api/cameras/{name}", timeout=10).json()["stats"]["rendered"])

    def snapshot(self, name: str) -> bytes:
        """What a camera shows, where it shows something by now."""
        return requests.get(f"{self.page()}/cameras/{name}/snapshot.jpg", timeout=20).content


def processes() -> Iterator[tuple[int, list[str]]]:
    """All processes and their words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(path.parent.name), path.read_text().split("\0")[:-1]


def parent_of(pid: int) -> int:
    """The parent of a process; 0 of one that has gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not taken notice of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def frames_in(files: list[Path]) -> int:
    """How many frames can be played."""
    count = 0
    for file in files:
        with av.open(str(file)) as container:
            count += sum(1 for _ in container.decode(video=0))
    return count


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ScriptedServer() as endpoint:
        site = Site(tmp_path, endpoint.url)
        yield site
        if site.process.poll() is None:
            site.process.kill()
        site.process.wait()


def test_a_camera_that_crashes_is_told_in_a_line_and_begins_again_alone(site: Site) -> None:
    site.wait_for_pictures()
    site.wait_for(lambda: site.shown("gate") > 60)  # a file plays but for its last second
    before = site.cameras()
    assert before.keys() == set(NAMES)
    os.kill(before["gate"], signal.SIGSEGV)
    line = "kpstream: warning: gate: its process was ended by SIGSEGV - begins again"
    site.wait_for(lambda: line in site.said())
    others = {name: site.shown(name) for name in ("door", "yard")}
    site.wait_for(lambda: site.cameras().get("gate", before["gate"]) != before["gate"])
    site.wait_for(lambda: all(site.shown(name) > count for name, count in others.items()))
    site.wait_for(lambda: len(site.files("gate")) == 2)
    site.wait_for(lambda: site.snapshot("gate").startswith(b"\xff\xd8"))
    after = site.cameras()
    assert {name: after[name] for name in ("door", "yard")} == {name: before[name] for name in ("door", "yard")}
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(30) == 0, site.said()
    assert not [pid for pid in (*before.values(), *after.values()) if is_there(pid)]
    assert all(frames_in(site.files(name)) for name in NAMES)
    assert site.said().count(line) == 1
    assert "Traceback" not in "".join(site.said())


def test_cameras_end_by_themselves_and_whole_when_their_site_is_killed(site: Site) -> None:
    site.wait_for_pictures()
    site.wait_for(lambda: all(site.shown(name) > 60 for name in NAMES))
    cameras = site.cameras()
    arguments = [words for pid, words in processes() if pid in cameras.values()]
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in cameras.values()]
    assert not [shown for shown in (*arguments, *environments) if KEY.encode() in bytes(str(shown), "utf-8")]
    site.process.kill()
    site.wait_for(lambda: not any(map(is_there, cameras.values())))
    assert all(frames_in(site.files(name)) for name in NAMES)
