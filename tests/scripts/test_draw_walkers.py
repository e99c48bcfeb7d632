from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from walkers import sound
from walkers.camera import camera_at
from walkers.cast import CAST

ROOT = Path(__file__).parents[2]
SEED = 7  # of the sample


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "samples" / "walkers.poses.json").read_text())
    return loaded


def test_the_shipped_clip_and_its_truth_are_of_one_kind(shipped: dict[str, Any]) -> None:
    with av.open(str(ROOT / "samples" / "walkers.mp4")) as clip:
        video = clip.streams.video[0]
        assert (video.width, video.height) == (shipped["width"], shipped["height"])
        assert video.average_rate == shipped["frame_rate"]
        assert video.frames == len(shipped["frames"])
        assert [stream.codec_context.name for stream in clip.streams.audio] == ["aac"]


def test_boxes_lie_in_the_picture_and_hidden_keypoints_say_so(shipped: dict[str, Any]) -> None:
    confidences = set()
    for people in shipped["frames"]:
        for one in people:
            assert one["width"] / 2 <= one["x"] <= shipped["width"] - one["width"] / 2
            assert one["height"] / 2 <= one["y"] <= shipped["height"] - one["height"] / 2
            for x, y, confidence in one["keypoints"]:
                confidences.add(confidence)
                assert (confidence == 0.0) == (not (0 <= x < shipped["width"] and 0 <= y < shipped["height"]))
    assert confidences == {0.0, 0.1, 0.2, 1.0}


def test_somebody_comes_late_somebody_leaves_and_two_cross(shipped: dict[str, Any]) -> None:
    there = [{one["id"] for one in people} for people in shipped["frames"]]
    assert there[0] == {1}
    assert {1, 2, 3} in there
    assert 3 not in there[-1]
    assert any(one["seen"] < 0.3 for people in shipped["frames"] for one in people)


def test_the_camera_sees_a_point_at_its_height_on_its_horizon() -> None:
    camera = camera_at(3.0)
    ahead = camera.rotation[2]
    level = np.array([ahead[0], 0.0, ahead[2]])
    pixels, depths = camera.project(np.array([camera.position + 5 * level, camera.position + 50 * level]))
    assert np.all(depths > 0)
    np.testing.assert_allclose(pixels[0], pixels[1], atol=1e-6)


def test_footsteps_are_heard_and_the_track_is_quiet() -> None:
    heard = np.abs(sound.track(CAST, 6.0, SEED))
    assert heard.shape == (2, 6 * sound.RATE)
    assert heard.max() < 0.7
    before_anybody_walks, while_two_walk = heard[:, : sound.RATE // 2], heard[:, 4 * sound.RATE :]
    assert while_two_walk.max() > 2 * before_anybody_walks.max()
