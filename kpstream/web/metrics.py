"""Figures for Prometheus, read from the feeds and the event store at each request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from math import isnan, nan

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from kpstream import __version__
from kpstream.delivery import DeliveryFigures
from kpstream.delivery.worker import QueueFigures
from kpstream.entities import Counts
from kpstream.web.hub import Hub


def _or_nan(value: int | None) -> float:
    return nan if value is None else value


def _poses(hub: Hub) -> float:
    return nan if hub.feed.shown is None else hub.feed.shown.poses_in_view


def _picture_age(hub: Hub) -> float:
    return nan if hub.feed.shown is None else hub.feed.shown.picture_age


def _answer_age(hub: Hub) -> float:
    return nan if hub.feed.shown is None else hub.feed.shown.answer_age


def _full(hub: Hub) -> float:
    return hub.feed.stats.machine_trouble != ""


def _recording(hub: Hub) -> float:
    recording = None if hub.feed.controls is None else hub.feed.controls.recording
    return nan if recording is None else recording


_GAUGES: tuple[tuple[str, str, str, Callable[[Hub], float]], ...] = (
    ("camera_up", "", "1 while pictures come.", lambda hub: hub.feed.health.status == "live"),
    ("frames_asked_per_second", "", "Frames that are to be shown.", lambda hub: hub.feed.stats.asked_fps),
    ("frames_shown_per_second", "", "Frames that are shown.", lambda hub: hub.feed.stats.render_fps),
    (
        "machine_full",
        "",
        "1 while the machine cannot show what is asked.",
        _full,
    ),
    ("requests_in_flight", "", "Requests that wait for their answer.", lambda hub: hub.feed.stats.in_flight),
    ("requests_left", "", "What is left of the budget of requests.", lambda hub: _or_nan(hub.feed.stats.requests_left)),
    ("request_latency_seconds", "seconds", "Median time to an answer.", lambda hub: hub.feed.stats.latency),
    ("picture_age_seconds", "seconds", "Age of the newest picture when shown.", _picture_age),
    ("answer_age_seconds", "seconds", "Age of the newest answer at its picture.", _answer_age),
    ("poses_in_view", "", "Poses in the newest picture.", _poses),
    ("recording", "", "1 while it is being recorded.", _recording),
    ("viewers", "", "Pages and programs that look at the camera.", lambda hub: hub.viewers),
)


class Metrics:
    """Renders what the feeds say.

    Args:
        hubs: Gives the cameras of the moment.
        figures: Gives those of the event store of the moment, where there is one.
    """

    def __init__(self, hubs: Callable[[], Iterable[Hub]], figures: Callable[[], DeliveryFigures | None]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Cameras(hubs))
        self._registry.register(_Events(figures))

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text, and its content type, in the form that the ``Accept`` header asks for.

        Blocks for as long as the event store takes.
        """
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


_QUEUES: tuple[tuple[str, type[CounterMetricFamily | GaugeMetricFamily], str, Callable[[QueueFigures], float]], ...] = (
    ("events_delivered", CounterMetricFamily, "Events, in each of their states, that arrived.", lambda q: q.delivered),
    ("delivery_failures", CounterMetricFamily, "Attempts to deliver that failed.", lambda q: q.failed),
    ("outbox_depth", GaugeMetricFamily, "What waits to be delivered.", lambda q: q.depth.count),
)


class _Events(Collector):
    def __init__(self, figures: Callable[[], DeliveryFigures | None]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        if figures is None:
            return
        opened = CounterMetricFamily("kpstream_events", "Events that rules have opened.", labels=["camera", "rule"])
        for (camera, rule), count in sorted(figures.opened.items()):
            opened.add_metric([camera, rule], count)
        yield opened
        yield GaugeMetricFamily("kpstream_events_open", "Events that go on.", figures.open)
        yield GaugeMetricFamily("kpstream_events_stored", "Events in the store.", figures.events)
        yield CounterMetricFamily("kpstream_event_changes_lost", "Changes that the disk never took.", figures.lost)
        oldest = "Seconds for which the oldest delivery waits."
        waits = figures.oldest_undelivered(time.time())
        yield GaugeMetricFamily("kpstream_oldest_undelivered_seconds", oldest, waits, unit="seconds")
        for name, kind, text, read in _QUEUES:
            metric = kind(f"kpstream_{name}", text, labels=["destination"])
            for queue in figures.queues:
                metric.add_metric([queue.destination], read(queue))
            yield metric
