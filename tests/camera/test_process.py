"""The process of one camera, as the site starts it."""

from __future__ import annotations

import os
import re
import signal

import pytest

from kpstream.camera.process import CameraProcess


def test_what_the_terminal_sends_to_all_its_programs_does_not_end_a_camera_that_is_being_loaded(
    capfd: pytest.CaptureFixture[str],
) -> None:
    process = CameraProcess("door")
    found = re.search(r"\d+", repr(process))
    assert found is not None
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(int(found[0]), number)
    was_met = process.link.meet()
    process.link.close()
    list(process.link)  # until it has ended
    ending = process.wait(60)
    process.kill()
    assert was_met
    assert ending == ""
    assert "Traceback" not in capfd.readouterr().err


def test_of_a_process_that_is_killed_it_is_said_what_kills_processes() -> None:
    process = CameraProcess("door")
    process.kill()
    assert process.wait(60) == "its process was ended by SIGKILL, as the system does where memory runs out"
    process.link.close()
    assert list(process.link) == []
