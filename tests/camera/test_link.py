"""The channel between a site and the process of a camera."""

from __future__ import annotations

import io
import json
import logging
import pickle
import threading
from collections.abc import Iterator

import pytest

from kpstream.camera.child import LogToSite
from kpstream.camera.link import Link, LogLine, Message, ZoneCount
from kpstream.errors import KpstreamError
from tests.support.camera_child import linked


@pytest.fixture
def ends() -> Iterator[tuple[Link, Link]]:
    site, camera = linked("door")
    yield site, camera  # every test starts the camera's end
    for end in (site, camera):
        end.close()
    assert not [*site, *camera]


def test_what_is_sent_arrives_in_order_until_the_other_end_closes(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.greet()
    camera.start()
    camera.send(ZoneCount("press", 1))
    camera.send(lambda: ZoneCount("press", 2))
    camera.offer(lambda: ZoneCount("press", 3))
    camera.close()
    camera.send(ZoneCount("press", 4))
    assert site.meet()
    assert list(site) == [ZoneCount("press", 1), ZoneCount("press", 2), ZoneCount("press", 3)]


def test_every_line_of_a_camera_s_log_names_it_once(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.start()
    handler = LogToSite(camera, "door")
    for text in ("the recording pauses: /disk: the disk is full", "door: pictures come"):
        handler.handle(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))
    camera.close()
    assert list(site) == [
        LogLine(logging.INFO, "door: the recording pauses: /disk: the disk is full"),
        LogLine(logging.INFO, "door: pictures come"),
    ]


def test_one_that_has_gone_before_it_said_anything_is_met_by_nobody(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.start()
    camera.close()
    assert not site.meet()


def test_another_kpstream_is_refused_in_a_line() -> None:
    hello = json.dumps({"kpstream": "9.9.9", "link": 99, "pid": 1}).encode()
    link = Link(io.BytesIO(len(hello).to_bytes(4, "big") + hello), io.BytesIO(), "door")
    with pytest.raises(KpstreamError, match=r"^kpstream 9\.9\.9 is installed by now, and .* runs: start it anew$"):
        link.meet()


def test_what_may_be_missed_is_left_out_where_the_other_end_does_not_read(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.greet()
    camera.start()
    camera.send(LogLine(10, "x" * 2**20))  # more than a pipe holds
    offered = [camera.offer(lambda: ZoneCount("press", 0)) for _ in range(200)]
    for number in range(200):
        camera.send(ZoneCount("hall", number))
    camera.close()
    assert site.meet()
    arrived = list(site)
    assert 0 < sum(offered) < 200
    assert arrived.count(ZoneCount("press", 0)) == sum(offered)
    assert [one.number for one in arrived if isinstance(one, ZoneCount) and one.zone == "hall"] == list(range(200))


def test_where_too_much_waits_the_channel_ends_and_misses_nothing_in_between(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.start()
    camera.send(LogLine(10, "x" * 2**20))  # more than a pipe holds
    for number in range(11_000):
        camera.send(ZoneCount("hall", number))
    arrived: list[Message] = []
    reader = threading.Thread(target=lambda: arrived.extend(site))
    reader.start()
    reader.join(20)
    assert not reader.is_alive()
    assert 10_000 <= len(arrived) < 11_000
    assert arrived[1:] == [ZoneCount("hall", number) for number in range(len(arrived) - 1)]


def test_what_no_other_process_can_have_is_refused_where_it_is_sent(ends: tuple[Link, Link]) -> None:
    site, camera = ends
    camera.start()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        site.send(LogLine(10, lambda: None))  # type: ignore[arg-type]
