"""Cameras of a site that die: each is a process, whose end is told, and touches nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpstream.testing import ScriptedServer
from tests.rig.parts.programs import CLIP, KEY
from tests.rig.parts.site import Site, is_there, processes, times_in

pytestmark = pytest.mark.rig

NAMES = ("door", "gate", "yard")


def frames_in(files: list[Path]) -> int:
    """How many frames can be played."""
    return sum(len(times_in(file)) for file in files)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Three cameras that show pictures."""
    with ScriptedServer() as endpoint, Site(tmp_path, endpoint.url) as site:
        site.write(dict.fromkeys(NAMES, str(CLIP)))
        site.start()
        site.wait_for_pictures(NAMES)
        yield site


def test_a_camera_that_crashes_is_told_in_a_line_and_begins_again_alone(site: Site) -> None:
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
    code, _ = site.end()
    assert code == 0, site.said()
    assert not [pid for pid in (*before.values(), *after.values()) if is_there(pid)]
    assert all(frames_in(site.files(name)) for name in NAMES)
    assert site.said().count(line) == 1
    assert "Traceback" not in "".join(site.said())


def test_cameras_end_by_themselves_and_whole_when_their_site_is_killed(site: Site) -> None:
    site.wait_for(lambda: all(site.shown(name) > 60 for name in NAMES))
    cameras = site.cameras()
    arguments = [words for pid, words in processes() if pid in cameras.values()]
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in cameras.values()]
    assert not [shown for shown in (*arguments, *environments) if KEY.encode() in bytes(str(shown), "utf-8")]
    os.kill(cameras["gate"], signal.SIGSTOP)  # it could not end by itself
    site.process.kill()
    site.wait_for(lambda: not any(map(is_there, cameras.values())))
    assert all(frames_in(site.files(name)) for name in NAMES)
