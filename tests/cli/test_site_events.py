"""Rules, store and delivery of a site: ``kpstream run`` in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import av
import httpx
import pytest

from kpstream.delivery import open_to_read
from kpstream.errors import SourceOpenError, UsageError
from kpstream.site_file import load
from kpstream.testing import Reply, ScriptedServer, wait_until
from tests.support.ports import own_port
from tests.support.rules import LEFT_HALF

SAMPLE = Path(__file__).parents[2] / "samples" / "walkers.mp4"
SITE = f"""
[events]
folder = "store"
pre_roll = "1s"
post_roll = "1s"
[[camera]]
name = "hall"
source = "{SAMPLE}"
[[camera]]
name = "door"
source = "{SAMPLE}"
{LEFT_HALF}cameras = ["hall"]
"""


def found_in(store: Path) -> list[dict[str, object]]:
    try:
        with closing(open_to_read(store)) as database:
            return [dict(event.document) for event in database.events()]
    except SourceOpenError:
        return []


def test_a_site_keeps_and_delivers_what_happens_before_its_cameras(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    with ScriptedServer(*[Reply(204)] * 50) as server, (tmp_path / "stderr.txt").open("w") as log:
        site.write_text(SITE + f'[[webhook]]\nurl = "{server.url}/"\nprivate = true\n')
        process = subprocess.Popen([sys.executable, "-m", "kpstream", "run", str(site)], stderr=log)
        try:
            wait_until(lambda: bool(found_in(tmp_path / "store")) and bool(server.requests), within=60)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, (tmp_path / "stderr.txt").read_text()
        names = [json.loads(request.body)["id"] for request in server.requests]
    events = found_in(tmp_path / "store")
    assert {(event["camera"], event["rule"], event["state"]) for event in events} == {
        ("hall", "in the left half", "ended")
    }
    assert {f"{event['event']}.{state}" for event in events for state in ("opened", "ended")} <= set(names)
    with av.open(tmp_path / "store" / str(events[0]["clip"])) as clip:
        assert sum(1 for _ in clip.decode(video=0)) > 5
    assert (tmp_path / "store" / str(events[0]["snapshot"])).is_file()


def test_zones_that_somebody_draws_are_written_into_the_file_and_followed(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    port = own_port()
    site.write_text(f"[web]\nlisten = {port}  # mine\nedit_zones = true\n{SITE}")
    place = f"http://127.0.0.1:{port}/api/cameras/hall"
    moved = [[0.25, 0.0], [0.75, 0.0], [0.5, 1.0]]
    with httpx.Client(trust_env=False, timeout=30) as client, (tmp_path / "stderr.txt").open("w") as log:

        def zone() -> object:
            try:
                zones = client.get(f"{place}/rules").json()["zones"]
            except (httpx.TransportError, KeyError):
                return None
            return zones[0]["polygon"] if zones else None

        process = subprocess.Popen([sys.executable, "-m", "kpstream", "run", str(site)], stderr=log)
        try:
            wait_until(lambda: zone() is not None, within=60)
            answer = client.put(f"{place}/shapes", json={"zones": [{"name": "left", "polygon": moved}]})
            assert answer.json()["written"] is True
            wait_until(lambda: zone() == moved, within=60)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, (tmp_path / "stderr.txt").read_text()
    assert "# mine" in site.read_text()
    assert load(site).site.cameras[0].rules.zones["left"].polygon == tuple(map(tuple, moved))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('cameras = ["hall"]', 'cameras = ["yard"]', "rule in the left half, cameras: there is no camera yard"),
        ('zone = "left"', 'zone = "right"', "rule in the left half: there is no zone right; there are left"),
        ('pre_roll = "1s"', 'pre_rol = "1s"', "[events] pre_rol: there is no such key; did you mean pre_roll?"),
        ('folder = "store"', "", "[events] folder: what is delivered is kept until it arrives: say where"),
    ],
)
def test_a_fault_is_a_line(old: str, new: str, line: str, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(SITE.replace(old, new) + '[[run]]\ncommand = ["true"]\n')
    with pytest.raises(UsageError) as raised:
        load(site)
    assert str(raised.value) == f"{site}: {line}"


def test_each_camera_has_its_own_rules(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    hall, door = load(site).site.cameras
    assert [rule.name for rule in hall.rules.rules] == ["in the left half"]
    assert door.rules.rules == ()
    assert load(site).site == load(site).site
