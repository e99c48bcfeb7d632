from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kpstream.budget import AtRate
from kpstream.controls import CameraControls, Follower
from kpstream.endpoints.embedded import EmbeddedEndpoint
from kpstream.endpoints.filters import Filters
from kpstream.endpoints.tuned import Tuned
from kpstream.entities import Settings
from kpstream.errors import UsageError
from kpstream.pipeline import Pipeline
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording
from kpstream.testing import FakeEndpoint, SyntheticSource
from tests.test_movenet import drawn_person

SETTINGS = Settings(rate=5, confidence=0.4, keypoint_confidence=0.3)


def recording(folder: Path) -> SwitchedRecording:
    return SwitchedRecording(lambda: SegmentedVideo(folder, "cam"))


def test_a_pipeline_follows_what_was_applied_from_the_next_frame_on() -> None:
    endpoint, sampling, controls = FakeEndpoint(), AtRate(5), CameraControls(SETTINGS)
    with Pipeline(SyntheticSource(60), endpoint, sampling=sampling) as pipeline:
        follower = Follower(controls, sampling, Tuned(endpoint), pipeline)
        for scene in pipeline:
            if scene.frame.index == 30:
                controls.apply(replace(SETTINGS, rate=30))
            follower.follow()
    asked = sorted(endpoint.asked)
    assert asked[:6] == [0, 6, 12, 18, 24, 30]
    assert len(asked) > 15


def test_thresholds_reach_an_endpoint_that_knows_them() -> None:
    tuned = Tuned(EmbeddedEndpoint(filters=Filters(confidence=0.4)))
    assert len(tuned.infer(drawn_person()).poses) == 1
    tuned.filters = replace(tuned.filters, confidence=0.95)
    assert tuned.infer(drawn_person()).poses == ()
    tuned.filters = replace(tuned.filters, confidence=0.2)
    assert len(tuned.infer(drawn_person()).poses) == 1


def test_an_endpoint_without_thresholds_is_asked_as_it_is() -> None:
    endpoint = FakeEndpoint()
    tuned = Tuned(endpoint)
    tuned.filters = Filters(confidence=1.0)
    assert len(tuned.infer(np.zeros((64, 96, 3), np.uint8)).poses) == 1
    tuned.close()
    assert endpoint.closed


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
