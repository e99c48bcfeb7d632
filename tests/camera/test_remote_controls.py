"""What the page asks of a camera in another process."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.camera.link import ChangeReply, ChangeRequest, Heartbeat
from kpstream.camera.remote_controls import RemoteControls
from kpstream.camera.spec import CameraSpec, Recording
from kpstream.entities import Settings, Stats
from kpstream.errors import KpstreamError
from kpstream.testing import wait_until

DOOR = CameraSpec("door", "0", recording=Recording(Path("recordings"), "door", starts=False))
FASTER = Settings(rate=9.0, confidence=0.5, keypoint_confidence=0.1)


class Camera:
    """The process at the other end, which answers at once."""

    def __init__(self, controls: RemoteControls, fault: str = "") -> None:
        self.changes: list[ChangeRequest] = []
        self._controls = controls
        self._fault = fault

    def send(self, change: ChangeRequest) -> None:
        self.changes.append(change)
        threading.Thread(target=self._controls.answer, args=(ChangeReply(change.number, self._fault),)).start()


def test_what_was_asked_for_holds_over_all_processes() -> None:
    controls = RemoteControls(DOOR)
    assert (controls.settings.rate, controls.recording) == (5.0, False)
    controls.apply(FASTER)
    controls.start_recording()  # nobody runs, and nobody waits
    assert (controls.settings, controls.recording, controls.wants_recording) == (FASTER, True, True)


def test_a_process_is_told_and_its_fault_is_the_answer() -> None:
    controls = RemoteControls(DOOR)
    camera = Camera(controls)
    controls.connect(camera.send)
    controls.apply(FASTER)
    controls.start_recording()
    assert [(change.settings, change.is_recording) for change in camera.changes] == [(FASTER, None), (None, True)]
    controls.connect(Camera(controls, "the disk is gone").send)
    with pytest.raises(KpstreamError, match="the disk is gone"):
        controls.stop_recording()
    assert controls.recording


def test_a_process_that_ends_meanwhile_leaves_it_to_the_next() -> None:
    controls, changes = RemoteControls(DOOR), list[ChangeRequest]()
    controls.connect(changes.append)
    asking = threading.Thread(target=controls.start_recording)
    asking.start()
    wait_until(lambda: bool(changes))
    controls.disconnect()
    asking.join(20)
    assert controls.wants_recording


def test_the_trouble_of_a_recording_is_that_of_the_process_that_runs() -> None:
    controls = RemoteControls(DOOR)
    controls.beat(Heartbeat(1.0, Stats(), None, True, "the disk is full"))
    assert controls.recording_trouble == "the disk is full"
    controls.disconnect()
    assert controls.recording_trouble == ""


def test_a_process_that_obeys_too_late_to_answer_is_shown_as_it_is() -> None:
    controls, changes = RemoteControls(DOOR), list[ChangeRequest]()
    controls.beat(Heartbeat(1.0, Stats(), None, True, ""))
    assert controls.recording
    controls.connect(changes.append)
    asking = threading.Thread(target=controls.stop_recording)
    asking.start()
    wait_until(lambda: bool(changes))
    controls.beat(Heartbeat(2.0, Stats(), None, True, ""))  # it has not obeyed yet
    controls.answer(ChangeReply(changes[0].number, ""))
    asking.join(20)
    assert not controls.wants_recording


def test_a_camera_that_cannot_be_recorded_says_so() -> None:
    assert RemoteControls(replace(DOOR, recording=None)).recording is None
