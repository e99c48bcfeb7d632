from __future__ import annotations

from pathlib import Path

import pytest

from kpstream.camera.settings import CameraSettings
from kpstream.entities import Settings
from kpstream.errors import UsageError
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording

SETTINGS = Settings(rate=5, confidence=0.4, keypoint_confidence=0.3)


def recording(folder: Path) -> SwitchedRecording:
    return SwitchedRecording(lambda: SegmentedVideo(folder, "cam"))


def test_a_recording_begins_as_it_was_left_whenever_its_camera_begins_again(tmp_path: Path) -> None:
    settings = CameraSettings(SETTINGS, recording=True)
    assert settings.recording is None
    settings.record_with(recording(tmp_path))
    assert settings.recording
    settings.stop_recording()
    settings.record_with(recording(tmp_path))
    assert settings.recording is False
    settings.start_recording()
    settings.record_with(recording(tmp_path))
    assert settings.recording


def test_what_cannot_be_recorded_says_so() -> None:
    settings = CameraSettings(SETTINGS)
    with pytest.raises(UsageError, match="nowhere to be recorded"):
        settings.start_recording()
    assert settings.recording_trouble == ""


def test_a_wish_to_record_holds_also_between_two_loops_of_its_camera(tmp_path: Path) -> None:
    settings, first = CameraSettings(SETTINGS), recording(tmp_path)
    settings.record_with(first)
    first.close()  # the camera begins again
    settings.start_recording()
    assert settings.recording
    second = recording(tmp_path)
    settings.record_with(second)
    assert second.recording
