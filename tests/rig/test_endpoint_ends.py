"""What the endpoint may do to a whole run: it is refused, it is not there, or it answers in the end."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kpstream.testing import ScriptedServer
from tests.rig.parts.fault_table import MIX, Table, assert_whole, percentage, row, times_in
from tests.rig.parts.programs import Endpoint, Live

pytestmark = pytest.mark.rig


@pytest.mark.parametrize("fault", ["401", "402", "403", "404", "redirect"])
def test_a_refusal_for_good_ends_it_whole(fault: str, tmp_path: Path, clip: str, table: Table) -> None:
    with Endpoint(0.05) as endpoint, Live(clip, endpoint.url, tmp_path, ["--loop"]) as live:
        live.wait_for(lambda lines: len(lines) > 30 and lines[-1]["result_frame_index"] is not None)
        endpoint.fail(fault)
        failed_at = time.monotonic()
        assert live.process.wait(60) == 4
        ended = time.monotonic() - failed_at
        errors = [line for line in live.said().splitlines() if "error" in line]
        assert len(errors) == 1
        assert errors[0].startswith("kpstream: error: ")
        assert_whole(live)
    done = f"endpoint: {fault}{' elsewhere' if fault == 'redirect' else ''}, in the middle of a run"
    row(table, done, "ends", "ends", "whole", "4, with one line", f"ended after {ended:.1f} s")


def test_a_host_that_nobody_knows_costs_no_frame(tmp_path: Path, clip: str, table: Table) -> None:
    with Live(clip, "http://endpoint.invalid", tmp_path, ["--loop"]) as live:
        live.wait_for(lambda lines: len(lines) > 90)
        assert live.end() == 0
        assert_whole(live)
    row(table, "endpoint: its name is not found", percentage(live.lines()), "none", "whole", "none, it goes on", "-")


def test_a_server_without_tls_costs_no_frame(tmp_path: Path, clip: str, table: Table) -> None:
    with (
        ScriptedServer() as server,
        Live(clip, server.url.replace("http:", "https:"), tmp_path, ["--loop"]) as live,
    ):
        live.wait_for(lambda lines: len(lines) > 90)
        assert live.end() == 0
        assert_whole(live)
    row(table, "endpoint: its TLS fails", percentage(live.lines()), "none", "whole", "none, it goes on", "-")


def test_a_certificate_that_nobody_signed_is_refused_for_good(tmp_path: Path, clip: str, table: Table) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ScriptedServer(tls=context) as server, Live(clip, server.url, tmp_path, ["--loop"]) as live:
        assert live.process.wait(60) == 4
        assert "is not trusted" in live.said()
        assert not server.requests
    row(table, "endpoint: its certificate is nobody's", "ends", "ends", "whole", "4, with one line", "-")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HTTPS_PROXY", "http://127.0.0.1:1", "the proxy 127.0.0.1:1 is not there"),
        ("REQUESTS_CA_BUNDLE", "/not/there.pem", "REQUESTS_CA_BUNDLE names /not/there.pem"),
    ],
)
def test_a_proxy_or_certificates_that_are_not_there_are_refused_for_good(
    variable: str, value: str, words: str, tmp_path: Path, clip: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with Live(clip, "https://endpoint.invalid", tmp_path, ["--loop"]) as live:
        assert live.process.wait(60) == 4
        assert words in live.said()
    row(table, f"{variable} names what is not there", "ends", "ends", "whole", "4, with one line", "-")


def test_recorded_video_gets_every_answer_in_the_end(tmp_path: Path, clip: str, table: Table) -> None:
    lines, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    with Endpoint(0.05, seed=3) as endpoint:
        endpoint.fail(MIX)
        at = ["--model", "my-pose/3", "--endpoint", endpoint.url, "--api-url", endpoint.url, "--timeout", "2"]
        command = [sys.executable, "-m", "kpstream", "annotate", clip, "--end", "3"]
        began_at = time.monotonic()
        done = subprocess.run(
            [*command, "-o", str(video), "--jsonl", str(lines), *at], capture_output=True, text=True, check=False
        )
        took = time.monotonic() - began_at
        asked = endpoint.asked()
    assert done.returncode == 0, done.stderr
    scenes = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(scenes) == len(times_in(video)) == 90
    assert all(scene["result_frame_index"] == scene["frame_index"] for scene in scenes)
    assert "Traceback" not in done.stderr
    did = f"annotate, 47 % of the requests fail ({asked} for 90 frames)"
    row(table, did, "every frame", "every frame measured", "whole", "0", f"{took:.0f} s in all")
