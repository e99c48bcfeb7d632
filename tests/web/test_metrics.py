"""Figures in the form that Prometheus reads, and its conventions for names, types and units."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from kpstream.entities import Stats
from kpstream.web import Page
from tests.support.web_page import STATS, Camera, client_of, served

BASE_UNITS = ("seconds", "bytes")
OTHER_UNITS = ("milliseconds", "ms", "minutes", "kilobytes", "percent", "fps")


def families(page: Page, accept: str = "text/plain") -> dict[str, tuple[str, str, dict[str, float]]]:
    """Type, help, and the values by camera, by name."""
    with client_of(page) as client:
        answer = client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.text):
        values = {sample.labels.get("camera", ""): sample.value for sample in family.samples}
        found[family.name] = (family.type, family.documentation, values)
    return found


def test_names_types_and_units_are_by_convention() -> None:
    camera = Camera()
    camera.show()
    with served(camera) as page:
        found = families(page)
        with client_of(page) as client:
            text = client.get("/metrics").text
    for name, (kind, documentation, values) in found.items():
        assert name.startswith("kpstream_")
        assert name == name.lower()
        assert documentation.endswith(".")
        assert values
        assert kind in ("counter", "gauge")
        assert not any(unit in name.split("_") for unit in OTHER_UNITS)
        if kind == "counter":
            assert f"{name}_total" in text
        for unit in BASE_UNITS:
            assert unit not in name or name.endswith(unit)
        if any(word in name for word in ("age", "latency")):
            assert name.endswith("_seconds")


def test_the_values_are_those_of_the_pipeline() -> None:
    first, second = Camera("one"), Camera("two")
    first.show()
    second.show(stats=Stats(captured=7))
    first.controls.recording = True
    with served(first, second) as page:
        found = families(page)
    assert found["kpstream_frames_asked_per_second"][2] == {"one": 30}
    assert found["kpstream_machine_full"][2] == {"one": 1, "two": 0}
    assert found["kpstream_frames_captured"][2] == {"one": 90, "two": 7}
    assert found["kpstream_frames_dropped"][2]["one"] == STATS.dropped
    assert found["kpstream_request_bytes"][2]["one"] == 12345
    assert found["kpstream_requests_lost"][2]["one"] == 1
    assert found["kpstream_credits"][2] == {"one": STATS.credits, "two": 0}
    assert found["kpstream_request_latency_seconds"][2] == {"one": 0.41}
    assert found["kpstream_requests_left"][2] == {"one": 85}
    assert found["kpstream_recording"][2] == {"one": 1, "two": 0}
    assert found["kpstream_camera_up"][2] == {"one": 1, "two": 1}


def test_a_silent_camera_is_not_up() -> None:
    camera = Camera()
    camera.show()
    camera.clock.advance(5)
    camera.feed.idle(STATS)
    with served(camera) as page:
        assert families(page)["kpstream_camera_up"][2] == {"front-door": 0}


def test_openmetrics_is_spoken_where_it_is_asked_for() -> None:
    camera = Camera()
    camera.show()
    with served(camera) as page, client_of(page) as client:
        answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        units = {family.name: family.unit for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert units["kpstream_request_latency_seconds"] == "seconds"
    assert units["kpstream_request_bytes"] == "bytes"
