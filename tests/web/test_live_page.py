"""`kpstream live --web` and `kpstream run` as programs see them: started, asked, changed and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from kpstream.events import Zone, shape_table
from kpstream.testing import Reply, ScriptedServer

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "samples" / "walkers.mp4"
TOKEN = "correct-horse-battery"


@contextmanager
def kpstream(folder: Path, *words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running program and its page's address; what it wrote to stderr is read as it comes."""
    command = [sys.executable, "-m", "kpstream", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            found = next(match for line in lines if (match := re.search(r"the page is at (\S+)", line)))
            yield process, found[1]
        finally:
            process.kill()


def until(condition: Callable[[], Any], within: float = 60.0) -> Any:
    ends_at = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < ends_at, "it did not come"
        time.sleep(0.05)
    return value


def plays(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_live_camera_is_watched_changed_and_recorded_from_its_page(tmp_path: Path) -> None:
    words = ["live", str(CLIP), "--loop", "--endpoint", "embedded", "--no-window", "--web", "0"]
    with kpstream(tmp_path, *words) as (process, url):
        camera = f"{url}/api/cameras/walkers"
        until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 200)
        until(lambda: requests.get(camera, timeout=30).json()["stats"]["answered"] > 3)
        until(lambda: requests.get(f"{camera}/poses", timeout=30).json()["poses"])
        picture = requests.get(f"{url}/cameras/walkers/snapshot.jpg", timeout=30)
        assert picture.content[:2] == b"\xff\xd8"
        assert requests.get(f"{camera}/rules", timeout=30).json()["camera"] == "walkers"
        zone = {"name": "door", "polygon": [[0, 0], [1, 0], [1, 1]]}
        drawn = requests.put(f"{camera}/shapes", json={"zones": [zone]}, timeout=30).json()
        assert drawn == {"written": False, "toml": shape_table(Zone("door", ((0, 0), (1, 0), (1, 1))))}

        changed = requests.patch(camera, json={"rate": 1.0, "confidence": 0.99}, timeout=30).json()
        assert changed["settings"] == {"rate": 1.0, "confidence": 0.99, "keypoint_confidence": 0.3}
        until(lambda: requests.get(camera, timeout=30).json()["poses_in_view"] == 0)

        assert requests.patch(camera, json={"recording": True}, timeout=30).json()["recording"]
        until(lambda: list(tmp_path.glob("recordings/*.mp4")))
        assert requests.patch(camera, json={"recording": False}, timeout=30).json()["recording"] is False
        assert requests.post(f"{camera}/snapshot", timeout=30).status_code == 201
        until(lambda: len(requests.get(f"{url}/api/recordings", timeout=30).json()["recordings"]) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    (video,) = tmp_path.glob("recordings/*.mp4")
    assert plays(video) > 0


def test_on_other_addresses_than_loopback_nothing_is_shown_without_the_token(tmp_path: Path) -> None:
    words = ["live", str(CLIP), "--loop", "--endpoint", "embedded", "--no-window", "--web", "0.0.0.0:0"]
    with kpstream(tmp_path, *words, KPSTREAM_WEB_TOKEN=TOKEN) as (process, url):
        local = url.replace("0.0.0.0", "127.0.0.1")
        for path in ("/", "/metrics", "/healthz", "/api/cameras", "/cameras/walkers/snapshot.jpg", "/nothing"):
            assert requests.get(local + path, timeout=30).status_code == 401
        assert requests.get(f"{local}/healthz", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).ok
        process.terminate()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert TOKEN not in process.stderr.read(), "a token of one's own does not get into a log"


def test_a_live_view_says_when_its_endpoint_fails_and_when_it_answers_again(tmp_path: Path) -> None:
    with ScriptedServer(*[Reply(503, {"message": "overloaded"})] * 12) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
        words = ["live", str(CLIP), "--loop", "--no-window", "--web", "0", "--duration", "60"]
        with kpstream(tmp_path, *words, *at) as (process, _):
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            assert next(line for line in lines if "503" in line).startswith("kpstream: warning: ")
            answers = "kpstream: the endpoint answers\n"
            said = next(line for line in lines if "503" in line or line == answers)
            assert said == answers
            process.terminate()
            assert process.wait(60) == 0


SITE = """
[endpoint]
endpoint = "embedded"

[web]
listen = "127.0.0.1:0"

[record]
folder = "recordings"
segment = "10m"

[[camera]]
name = "street"
source = "{clip}"
"""


def test_a_site_s_camera_is_changed_from_its_page_and_what_it_recorded_plays(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(clip=CLIP))
    with kpstream(tmp_path, "run", "site.toml") as (process, url):
        camera = f"{url}/api/cameras/street"
        until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 200)
        until(lambda: requests.get(camera, timeout=30).json()["poses_in_view"])
        assert requests.get(camera, timeout=30).json()["recording"]
        assert requests.patch(camera, json={"confidence": 0.99}, timeout=30).ok
        until(lambda: requests.get(camera, timeout=30).json()["poses_in_view"] == 0)
        until(lambda: list(tmp_path.glob("recordings/street_*.mp4")))
        assert requests.patch(camera, json={"recording": False}, timeout=30).json()["recording"] is False
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    (video,) = tmp_path.glob("recordings/street_*.mp4")
    assert plays(video) > 0


@pytest.mark.parametrize("token_env", ["KPSTREAM_WEB_TOKEN", "DOOR_TOKEN"])
def test_a_site_s_page_wants_the_token_of_the_file_or_else_of_the_environment(token_env: str, tmp_path: Path) -> None:
    named = 'token_env = "DOOR_TOKEN"\n' if token_env == "DOOR_TOKEN" else ""
    text = SITE.format(clip=CLIP).replace('listen = "127.0.0.1:0"\n', f'listen = "0.0.0.0:0"\n{named}')
    (tmp_path / "site.toml").write_text(text)
    tokens = {"KPSTREAM_WEB_TOKEN": f"{TOKEN}-a", "DOOR_TOKEN": f"{TOKEN}-b"}
    with kpstream(tmp_path, "run", "site.toml", **tokens) as (process, url):
        page = f"{url.replace('0.0.0.0', '127.0.0.1')}/healthz"
        for name, token in tokens.items():
            answer = requests.get(page, headers={"Authorization": f"Bearer {token}"}, timeout=30)
            assert answer.ok == (name == token_env)
        process.terminate()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert TOKEN not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--web", "door"], "--web door"),
        (["--web", "192.0.2.7:0"], "no address of this machine"),
        (["--tls", "self"], "add --web"),
        (["--web", "0", "--tls-key", "k.pem"], "--tls-cert"),
        (["--segment", "10m"], "add --record"),
        (["--record", "out.mp4", "--keep", "7d"], "add --segment"),
        (["--record", "out.mp4", "--segment", "soon"], "no duration"),
    ],
    ids=" ".join,
)
def test_bad_words_about_the_page_and_segments_are_one_clear_line(words: list[str], says: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kpstream", "live", str(CLIP), "--endpoint", "embedded", "--no-window", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
    assert says in line
    assert not list(tmp_path.iterdir())
