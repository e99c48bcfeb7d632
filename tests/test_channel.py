from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kpstream.channel import Channel, Closed, Deadline


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_items_come_out_in_order() -> None:
    channel = Channel[int](3)
    for item in range(3):
        channel.put(item)
    channel.close()
    assert list(channel) == [0, 1, 2]


def test_the_newest_frame_wins_and_drops_are_counted() -> None:
    channel = Channel[int](1, drop_oldest=True)
    for item in range(5):
        channel.put(item)
    assert channel.get() == 4
    assert channel.dropped == 4


def test_put_waits_for_room() -> None:
    channel = Channel[int](1)
    channel.put(1)
    thread = in_thread(lambda: channel.put(2))
    assert [channel.get(), channel.get()] == [1, 2]
    thread.join()


def test_offer_never_waits() -> None:
    channel = Channel[int](1)
    assert channel.offer(1)
    assert not channel.offer(2)
    channel.close()
    assert channel.drain() == [1]
    assert not channel.offer(3)


def test_all_that_is_there_is_taken_and_the_error_comes_next() -> None:
    channel = Channel[int](3)
    channel.put(1)
    channel.put(2)
    channel.close(ValueError("over"))
    assert channel.get_all() == [1, 2]
    with pytest.raises(ValueError, match="over"):
        channel.get_all()


def test_closing_wakes_a_waiting_putter_and_a_waiting_getter() -> None:
    full, empty = Channel[int](1), Channel[int](1)
    full.put(1)
    ended: list[str] = []

    def put() -> None:
        with pytest.raises(Closed):
            full.put(2)
        ended.append("put")

    def get() -> None:
        with pytest.raises(Closed):
            empty.get()
        ended.append("get")

    threads = [in_thread(put), in_thread(get)]
    full.close()
    empty.close()
    for thread in threads:
        thread.join(5)
    assert sorted(ended) == ["get", "put"]


def test_the_error_comes_after_the_items() -> None:
    channel = Channel[int](2)
    channel.put(1)
    channel.close(ValueError("over"))
    channel.close(TypeError("only the first counts"))
    assert channel.get() == 1
    with pytest.raises(ValueError, match="over"):
        channel.get()
    with pytest.raises(ValueError, match="over"):
        channel.drain()


def test_get_can_give_up_waiting() -> None:
    with pytest.raises(TimeoutError):
        Channel[int](1).get(0.0)


def test_a_pause_ends_when_the_channel_closes() -> None:
    channel = Channel[int](1)
    assert not channel.wait_closed(0.0)
    thread = in_thread(channel.close)
    assert channel.wait_closed(30.0)
    thread.join()


def test_its_repr_tells_its_state() -> None:
    channel = Channel[int](4)
    channel.put(1)
    channel.close()
    assert repr(channel) == "<Channel 1/4 closed, 0 dropped>"


def test_capacity_must_hold_something() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Channel[int](0)


def test_a_deadline_never_goes_below_zero() -> None:
    assert Deadline(-1).remaining() == 0
    assert 0 < Deadline(60).remaining() <= 60
