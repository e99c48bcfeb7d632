"""The embedded model as an endpoint: its answers pass the filters, and it asks for nothing."""

from __future__ import annotations

import os
from math import inf

import numpy as np
import pytest

from kpstream.endpoints.embedded import EmbeddedEndpoint
from kpstream.entities import Filters
from kpstream.interfaces import Endpoint
from kpstream.models.movenet import MoveNet
from tests.support.drawn_people import drawn_person, two_who_overlap


@pytest.fixture(scope="module")
def model() -> MoveNet:
    return MoveNet()


def test_it_is_an_endpoint_that_only_the_machine_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 3}, raising=False)
    endpoint: Endpoint = EmbeddedEndpoint()
    assert endpoint.name == "embedded (MoveNet MultiPose Lightning)"
    assert endpoint.max_rate == inf
    assert endpoint.max_in_flight == 3


def test_a_person_is_answered_and_nothing_sent_or_billed() -> None:
    endpoint = EmbeddedEndpoint()
    answer = endpoint.infer(drawn_person())
    assert [pose.class_name for pose in answer.poses] == ["person"]
    assert answer.poses[0].origin == "measured"
    assert answer.bytes_sent == 0
    assert (answer.billed, answer.credits, endpoint.credits_per_request) == (0, 0, 0)


def test_nobody_is_an_empty_answer(model: MoveNet) -> None:
    assert EmbeddedEndpoint(model=model).infer(np.zeros((90, 160, 3), np.uint8)).poses == ()


def test_the_usual_thresholds_are_right_for_it(model: MoveNet) -> None:
    (pose,) = EmbeddedEndpoint(model=model).infer(drawn_person()).poses
    assert pose.visible(0.3).sum() >= 12
    assert (pose.visible(0.3) == ~np.isnan(pose.xy[:, 0])).all()


@pytest.mark.parametrize(
    ("filters", "poses"),
    [
        (Filters(confidence=0.4), 2),
        (Filters(confidence=0.95), 0),
        (Filters(classes=("dog", "person")), 2),
        (Filters(classes=("dog",)), 0),
        (Filters(max_detections=1), 1),
    ],
    ids=lambda value: repr(value) if isinstance(value, Filters) else str(value),
)
def test_filters_are_kept_to(model: MoveNet, filters: Filters, poses: int) -> None:
    two = np.tile(drawn_person(), (1, 2, 1))
    assert len(EmbeddedEndpoint(model=model).infer(two, filters).poses) == poses


def test_the_overlap_of_the_filters_reaches_the_model(model: MoveNet) -> None:
    few = EmbeddedEndpoint(model=model).infer(two_who_overlap(), Filters(overlap=0.05))
    many = EmbeddedEndpoint(model=model).infer(two_who_overlap(), Filters(overlap=0.3))
    assert (len(few.poses), len(many.poses)) == (1, 2)


def test_closing_twice_is_harmless(model: MoveNet) -> None:
    endpoint = EmbeddedEndpoint(model=model)
    endpoint.close()
    endpoint.close()


def test_its_repr_tells_its_model(model: MoveNet) -> None:
    assert "MoveNet 384 px" in repr(EmbeddedEndpoint(model=model))
