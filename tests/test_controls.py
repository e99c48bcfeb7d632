from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.controls import CameraControls, Follower
from kpstream.dispatch.sampling import FixedRate
from kpstream.entities import Filters, Settings
from kpstream.errors import UsageError
from kpstream.pipeline import Pipeline
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording
from kpstream.testing import FakeEndpoint, SyntheticSource

SETTINGS = Settings(rate=5, confidence=0.4, keypoint_confidence=0.3)


def recording(folder: Path) -> SwitchedRecording:
    return SwitchedRecording(lambda: SegmentedVideo(folder, "cam"))


def test_a_pipeline_follows_what_was_applied_from_the_next_frame_on() -> None:
    endpoint, sampling, controls = FakeEndpoint(), FixedRate(5), CameraControls(SETTINGS)
    filters = Filters(overlap=0.5, classes=("square",))
    with Pipeline(SyntheticSource(60), endpoint, sampling=sampling, filters=filters) as pipeline:
        follower = Follower(controls, sampling, pipeline)
        for scene in pipeline:
            if scene.frame.index == 30:
                controls.apply(Settings(rate=30, confidence=0.95, keypoint_confidence=0.5))
            follower.follow()
    asked = sorted(endpoint.asked)
    assert asked[:6] == [0, 6, 12, 18, 24, 30]
    assert len(asked) > 15
    assert endpoint.filters[0] == filters
    assert endpoint.filters[-1] == replace(filters, confidence=0.95, keypoint_confidence=0.5)


def test_a_recording_begins_as_it_was_left_whenever_its_camera_begins_again(tmp_path: Path) -> None:
    controls = CameraControls(SETTINGS, recording=True)
    assert controls.recording is None
    controls.record_with(recording(tmp_path))
    assert controls.recording
    controls.stop_recording()
    controls.record_with(recording(tmp_path))
    assert controls.recording is False
    controls.start_recording()
    controls.record_with(recording(tmp_path))
    assert controls.recording


def test_what_cannot_be_recorded_says_so() -> None:
    controls = CameraControls(SETTINGS)
    with pytest.raises(UsageError, match="nowhere to be recorded"):
        controls.start_recording()
    assert controls.recording_trouble == ""


def test_a_wish_to_record_holds_also_between_two_loops_of_its_camera(tmp_path: Path) -> None:
    controls, first = CameraControls(SETTINGS), recording(tmp_path)
    controls.record_with(first)
    first.close()  # the camera begins again
    controls.start_recording()
    assert controls.recording
    second = recording(tmp_path)
    controls.record_with(second)
    assert second.recording
