"""What the terminal shows of a live view and of an archive."""

from __future__ import annotations

import io
import logging
import os
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kpstream.cli.archive_terminal import status_lines
from kpstream.cli.terminal import (
    estimate,
    idle_line,
    live_line,
    say,
    set_up_logging,
    show_finding,
    show_link,
    show_traceback,
    summary,
)
from kpstream.entities import Frame, Scene, Stats
from kpstream.recorded.archive.ledger import FileRecord, LedgerContents
from kpstream.recorded.archive.summary import document

NARROW = 76
"""Columns of a terminal of 80, beside the spinner."""


def scene(stats: Stats) -> Scene:
    return Scene(Frame(90, 61.0, 0.0, np.zeros((4, 4, 3), np.uint8)), (), stats)


def test_a_narrow_terminal_shows_what_is_wrong_before_all_other_figures() -> None:
    trouble = "nothing listens at 192.168.100.200:9001"
    stats = Stats(capture_fps=29.9, render_fps=30.1, requests=4312, lost=128, endpoint_trouble=trouble)
    shown = live_line(scene(stats))[:NARROW]
    assert "0:01:01" in shown
    assert "128 lost" in shown
    assert "nothing listens at 192.168.100.200:9001" in shown


def test_where_all_is_well_there_is_no_word_of_trouble() -> None:
    stats = Stats(capture_fps=29.9, render_fps=30.1, requests=7)
    assert live_line(scene(stats)).startswith("0:01:01  ·  30.1 of 29.9 frames/s  ·  ")


def test_without_pictures_the_reason_is_shown() -> None:
    shown = idle_line(Stats(requests=7, lost=2, source_trouble="the camera is lost"))[:NARROW]
    assert shown.startswith("no pictures  ·  2 lost  ·  the camera is lost")


def test_a_run_that_cost_nothing_has_no_bill() -> None:
    done = summary(Stats(rendered=90, requests=18, answered=18, bytes_sent=2_500_000))
    assert done == "90 frames, 18 requests (2.5 MB up)"


def test_a_run_that_cost_something_says_what() -> None:
    done = summary(Stats(rendered=90, requests=18, answered=18, billed=2.25, credits=0.0045))
    assert "2.2 s billed, about 0.0045 credits (Roboflow's price for execution time" in done


def test_one_of_a_kind_is_told_in_the_singular() -> None:
    assert summary(Stats(rendered=1, requests=1, recalled=1)) == "1 frame, 1 request, 1 answer from the journal"
    assert estimate(1.0, 2.0, 1, credits_per_request=0.0).endswith(
        "1 answer is there from an interrupted run, about 1 request"
    )
    assert idle_line(Stats(rendered=1, requests=0)).endswith("1 frame  ·  0 requests")


def test_only_a_service_with_a_price_is_estimated_in_credits() -> None:
    free = estimate(60.0, 300.0, 0, credits_per_request=0.0)
    assert free == "0:01:00 of video, about 300 requests"
    priced = estimate(60.0, 300.0, 100, credits_per_request=0.0002)
    assert "about 200 requests, at least 0.0400 credits (Roboflow's price for execution time" in priced


def test_a_name_commands_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[2J\x9b5m\u202e\nb \u00e9\U0001f600.mp4: gone")
    assert capfd.readouterr().err == "kpstream: a\\x1b[2J\\x9b5m\\u202e b \u00e9\U0001f600.mp4: gone\n"


@pytest.mark.parametrize(("encoding", "code"), [("utf-8", "\u2588"), ("ascii", "")])
def test_a_qr_code_is_shown_where_the_terminal_has_its_blocks(
    monkeypatch: pytest.MonkeyPatch, encoding: str, code: str
) -> None:
    with io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        show_link("https://cams.example.org/?token=t", "\u2588")
        terminal.flush()
        terminal.seek(0)
        assert terminal.read().split("\n")[1] == code


def test_what_was_found_or_went_wrong_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_finding("a\u00a0source", False, "cannot open \x1b[2J\r.mp4")
    show_traceback(ValueError("\x1b[2J\r.mp4"))
    shown = capsys.readouterr()
    assert "cannot open \\x1b[2J\\r.mp4" in shown.out
    assert shown.err.endswith("ValueError: \\x1b[2J\\r.mp4\n\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a terminal of POSIX")
def test_what_is_said_after_the_terminal_hung_up_ends_nothing() -> None:
    import pty

    program = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # for the threads of libraries, too
from kpstream.cli.terminal import say
say("ready")
signal.sigwait({signal.SIGHUP})
for _ in range(3):
    say("the terminal is gone")
sys.exit(7)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", program])
    while b"ready" not in os.read(terminal, 1000):
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_file_that_a_killed_driver_has_left_is_told_as_one_that_nobody_works_on() -> None:
    record = FileRecord("a.mp4", "a.mp4", state="running", updated_at="2026-11-28T10:00:00+00:00")
    found = document({"archive.db": LedgerContents({"a.mp4": record}, {})})
    now = datetime(2026, 11, 28, 10, 0, 2, tzinfo=UTC)
    assert list(status_lines(found, now, failed_only=False))[-1] == "running   a.mp4: 0:00:00, 0 requests"
    later = list(status_lines(found, now + timedelta(minutes=2), failed_only=False))[-1]
    assert later == "running   a.mp4: 0:00:00, 0 requests, nobody has worked on it for 0:02:02"


@pytest.mark.parametrize("debug", [True, False])
def test_where_an_error_came_from_is_shown_to_who_asked_for_it(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(debug=debug)
    try:
        int("rtsp://me:secret@door")
    except ValueError:
        logging.getLogger("kpstream.recorded").debug("a.mp4", exc_info=True)
    said = capsys.readouterr().err
    assert ("in test_where_an_error_came_from" in said) == ("ValueError: " in said) == debug
    assert "secret" not in said.rpartition("Error: ")[2]
