"""The camera of a device that looks at the page."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Decimating, Source
from kpstream.testing import ManualClock, wait_until
from kpstream.web import BrowserCamera
from tests.support.sink_contract import picture
from tests.support.source_contract import SourceContract
from tests.support.web_page import Camera, client_of, served, socket_of


def jpeg(index: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    return cv2.imencode(".jpg", picture(index, size))[1].tobytes()


class TestBrowserSource(SourceContract):
    @pytest.fixture
    def make(self) -> Iterator[Callable[[], Source]]:
        """A device sends without end."""
        camera, over = BrowserCamera(timeout=10), threading.Event()
        data = jpeg()

        def send() -> None:
            while not over.wait(0.002):
                camera.offer(data)

        camera.attach("a device")
        device = threading.Thread(target=send)
        device.start()
        yield camera.opener.open
        over.set()
        device.join()


def shared(timeout: float = 3.0) -> tuple[BrowserCamera, Source]:
    """A camera that a device shares, and a source that it is open in."""
    camera = BrowserCamera(timeout=timeout)
    camera.attach("a device")
    return camera, camera.opener.open()


def test_the_newest_picture_wins() -> None:
    camera, source = shared()
    for index in range(5):
        assert camera.offer(jpeg(20 * index))
    frame = source.read()
    assert frame is not None
    assert (frame.index, frame.pts) == (0, 0.0)
    assert np.abs(frame.image.astype(int) - picture(80)).mean() < 4


def test_a_picture_that_nobody_wants_is_counted_and_not_decoded() -> None:
    clock = ManualClock()
    camera = BrowserCamera(timeout=0.01, clock=clock)
    camera.attach("a device")
    source = camera.opener.open()
    assert isinstance(source, Decimating)
    source.decimate(5)
    camera.offer(jpeg())
    assert source.read() is not None
    clock.advance(0.05)
    camera.offer(jpeg()[:400])
    with pytest.raises(SourceReadError, match="silent"):
        source.read()
    clock.advance(0.2)
    camera.offer(jpeg())
    frame = source.read()
    assert frame is not None
    assert (frame.index, frame.pts) == (2, 0.25)


def test_it_says_what_to_do_while_no_device_is_there() -> None:
    camera = BrowserCamera(timeout=0.01)
    with pytest.raises(SourceOpenError, match="Use this camera"):
        camera.opener.open()
    camera.attach("a device")
    source = camera.opener.open()
    with pytest.raises(SourceReadError, match="silent"):
        source.read()
    camera.detach("a device")
    with pytest.raises(SourceReadError, match="open the page"):
        source.read()


def test_no_source_of_a_closed_camera_goes_on() -> None:
    camera, source = shared()
    camera.offer(jpeg())
    camera.close()
    assert source.read() is None


def test_one_device_at_a_time() -> None:
    camera = BrowserCamera()
    assert camera.attach("one")
    assert not camera.attach("another")
    camera.detach("another")
    assert camera.in_use
    camera.detach("one")
    assert camera.attach("another")
    camera.close()
    camera.detach("another")
    assert not camera.attach("one")


def huge() -> bytes:
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xd8", b"\xff\xd8\xff\xc0\x00", b"GIF89a", b"\xff\xd8" + b"\xff" * 500,
        b"\xff\xd8\xff\xe0\x00\x00" * 9,
        b"\x89PNG\r\n\x1a\n", huge(), jpeg() + bytes(2 * 2**20),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_is_not_taken(data: bytes) -> None:
    camera, source = shared(timeout=0.01)
    assert not camera.offer(data)
    with pytest.raises(SourceReadError):
        source.read()


def test_a_broken_picture_is_an_error_and_the_next_one_is_read() -> None:
    camera, source = shared()
    camera.offer(jpeg()[:300] + b"\xff\xd9")
    try:
        source.read()
    except SourceReadError as error:
        assert "broken" in str(error)  # noqa: PT017 - libraries differ in what they still read
    camera.offer(jpeg(7))
    assert source.read() is not None


def test_pictures_come_over_the_page_one_each_time_that_one_is_asked_for() -> None:
    camera = BrowserCamera(timeout=10)
    with served(Camera(), browser_camera=camera) as page, client_of(page) as client:
        assert client.get("/api/site").json()["browser_camera"] is True
        with socket_of(page, "/ws/device") as device:
            for index in range(3):
                assert device.recv(10) == "more"
                source = camera.opener.open()
                device.send(jpeg(index))
                frame = source.read()
                assert frame is not None
                assert np.abs(frame.image.astype(int) - picture(index)).mean() < 4
            assert client.get("/api/site").json()["browser_camera_in_use"] is True
            with socket_of(page, "/ws/device") as another, pytest.raises(ConnectionClosed) as closed:
                another.recv(10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4409
        wait_until(lambda: not client.get("/api/site").json()["browser_camera_in_use"])


@pytest.mark.parametrize("data", [b"no picture", bytes(3 * 2**20), "a text"])
def test_a_device_that_sends_something_else_is_let_go(data: bytes | str) -> None:
    async def send(url: str) -> None:
        # One thread reads and writes: where the page hangs up before all has gone, two would disagree about the end.
        async with connect(url, proxy=None, compression=None) as device:
            assert await device.recv() == "more"
            with suppress(ConnectionClosed):
                await device.send(data)
            with pytest.raises(ConnectionClosed):
                await device.recv()

    source = BrowserCamera()
    with served(Camera(), browser_camera=source) as page:
        asyncio.run(asyncio.wait_for(send(f"{page.url.replace('http', 'ws', 1)}/ws/device"), 20))
    assert not source.in_use


def test_a_page_without_such_a_source_offers_none() -> None:
    with served(Camera()) as page, client_of(page) as client:
        assert client.get("/api/site").json()["browser_camera"] is False
        with pytest.raises(InvalidStatus), socket_of(page, "/ws/device"):
            pass
