"""What every endpoint promises, whoever answers. Each implementation's tests are a subclass."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from math import isfinite

import numpy as np
import pytest

from kpstream.entities import Answer, Filters, Image
from kpstream.interfaces import Endpoint
from tests.support.drawn_people import drawn_person

KEY = "rfKey0123456789"
"""What an endpoint that needs a key is given; it never shows it."""
FILTERS = Filters(confidence=0.2)


def asked_picture() -> Image:
    """A person who stands there; the first pixels carry an index, so that fakes can answer, too."""
    image = drawn_person()
    image[0, :4, 0] = (3, 0, 0, 0)
    return image


def boxes(answer: Answer) -> list[list[float]]:
    """The boxes of an answer, in a settled order."""
    return sorted(pose.xyxy.round(2).tolist() for pose in answer.poses)


class EndpointContract:
    """A subclass overrides `endpoint` with a fixture of an endpoint that finds somebody in `asked_picture`."""

    @pytest.fixture
    def endpoint(self) -> Endpoint:
        raise NotImplementedError

    def test_it_says_what_it_is_and_what_it_takes(self, endpoint: Endpoint) -> None:
        assert endpoint.name
        assert KEY not in endpoint.name + repr(endpoint)
        assert endpoint.max_rate > 0
        assert endpoint.max_in_flight >= 1
        assert isfinite(endpoint.credits_per_request)
        assert endpoint.credits_per_request >= 0

    def test_poses_are_whole_and_the_picture_stays_as_it_was(self, endpoint: Endpoint) -> None:
        image = asked_picture()
        answer = endpoint.infer(image, FILTERS)
        assert np.array_equal(image, asked_picture())
        assert answer.poses
        for pose in answer.poses:
            assert pose.xy.shape == (len(pose.skeleton.names), 2)
            assert pose.xy.dtype == pose.xyxy.dtype == pose.keypoint_confidence.dtype == np.float32
            assert np.isfinite(pose.xyxy).all()
            assert 0 <= pose.confidence <= 1
            missing = np.isnan(pose.xy).any(axis=1)
            assert (pose.keypoint_confidence[missing] == 0).all()
            assert pose.tracker_id is None
        assert answer.bytes_sent >= 0
        assert answer.credits >= endpoint.credits_per_request

    def test_filters_take_away_and_never_add(self, endpoint: Endpoint) -> None:
        everybody = endpoint.infer(asked_picture(), FILTERS)
        nobody = endpoint.infer(asked_picture(), Filters(classes=("no such class",)))
        assert boxes(nobody) in ([], boxes(everybody)), "an endpoint knows its filters, or answers with all"

    def test_several_threads_get_what_one_gets(self, endpoint: Endpoint) -> None:
        alone = boxes(endpoint.infer(asked_picture(), FILTERS))
        with ThreadPoolExecutor(4) as pool:
            together = [pool.submit(endpoint.infer, asked_picture(), FILTERS) for _ in range(8)]
        assert [boxes(answer.result()) for answer in together] == [alone] * 8

    def test_it_is_closed_from_any_thread_and_twice_is_once(self, endpoint: Endpoint) -> None:
        endpoint.infer(asked_picture(), FILTERS)
        thread = threading.Thread(target=endpoint.close)
        thread.start()
        thread.join()
        endpoint.close()
