"""Figures for Prometheus, read from the feeds at each request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from math import isnan, nan

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from kpstream import __version__
from kpstream.entities import Counts
from kpstream.web.feed import ages
from kpstream.web.hub import Hub


def _or_nan(value: int | None) -> float:
    return nan if value is None else value


def _poses(hub: Hub) -> float:
    return nan if hub.feed.shown is None else len(hub.feed.shown.scene.poses)


def _recording(hub: Hub) -> float:
    recording = None if hub.feed.controls is None else hub.feed.controls.recording
    return nan if recording is None else recording


_GAUGES: tuple[tuple[str, str, str, Callable[[Hub], float]], ...] = (
    ("camera_up", "", "1 while pictures come.", lambda hub: hub.feed.health.status == "live"),
    ("requests_in_flight", "", "Requests that wait for their answer.", lambda hub: hub.feed.stats.in_flight),
    ("requests_left", "", "What is left of the budget of requests.", lambda hub: _or_nan(hub.feed.stats.requests_left)),
    ("request_latency_seconds", "seconds", "Median time to an answer.", lambda hub: hub.feed.stats.latency),
    ("picture_age_seconds", "seconds", "Age of the newest picture when shown.", lambda hub: ages(hub.feed.shown)[0]),
    ("answer_age_seconds", "seconds", "Age of the newest answer at its picture.", lambda hub: ages(hub.feed.shown)[1]),
    ("poses_in_view", "", "Poses in the newest picture.", _poses),
    ("recording", "", "1 while it is being recorded.", _recording),
    ("viewers", "", "Pages and programs that look at the camera.", lambda hub: hub.viewers),
)


class Metrics:
    """Renders what the feeds say.

    Args:
        hubs: Gives the cameras of the moment.
    """

    def __init__(self, hubs: Callable[[], Iterable[Hub]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Cameras(hubs))

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text, and its content type, in the form that the ``Accept`` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Cameras(Collector):
    def __init__(self, hubs: Callable[[], Iterable[Hub]]) -> None:
        self._hubs = hubs

    def collect(self) -> Iterator[Metric]:
        hubs = list(self._hubs())
        yield InfoMetricFamily("kpstream_build", "What runs here.", {"version": __version__})
        for field in fields(Counts):
            if not (name := field.metadata["metric"]):
                continue
            unit, text = field.metadata["unit"], field.metadata["help"]
            counter = CounterMetricFamily(f"kpstream_{name}", text, labels=["camera"], unit=unit)
            for hub in hubs:
                counter.add_metric([hub.feed.name], float(getattr(hub.feed.stats, field.name)))
            yield counter
        for name, unit, text, read in _GAUGES:
            gauge = GaugeMetricFamily(f"kpstream_{name}", text, labels=["camera"], unit=unit)
            for hub in hubs:
                if not isnan(value := float(read(hub))):
                    gauge.add_metric([hub.feed.name], value)
            yield gauge
