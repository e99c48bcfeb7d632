"""Threads for jobs: as many as there are jobs at once, none for long without one, and none that is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kpstream.channel import Closed, Deadline
from kpstream.dispatch.workers import Workers
from kpstream.testing import wait_until


@contextmanager
def workers_of(
    work: Callable[[int], None], errors: list[BaseException] | None = None, *, idle_timeout: float = 10.0
) -> Iterator[Workers[int]]:
    seen = [] if errors is None else errors
    workers: Workers[int] = Workers(work, seen.append, name="job", idle_timeout=idle_timeout)
    try:
        yield workers
    finally:
        workers.stop()
        workers.join(Deadline(5))


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("job-")]


def test_jobs_that_are_submitted_at_once_are_done_at_once() -> None:
    together, done = threading.Barrier(8, timeout=10), list[int]()

    def work(job: int) -> None:
        together.wait()
        done.append(job)

    with workers_of(work) as workers:
        for job in range(8):
            workers.submit(job)
        wait_until(lambda: len(done) == 8)


def test_threads_without_a_job_end_and_come_back() -> None:
    done = list[int]()
    with workers_of(done.append, idle_timeout=0.01) as workers:
        for job in range(4):
            workers.submit(job)
        wait_until(lambda: not threads())
        workers.submit(4)
        wait_until(lambda: 4 in done)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_what_a_job_raises_is_told() -> None:
    def fail(job: int) -> None:
        raise ValueError(job)

    errors = list[BaseException]()
    with workers_of(fail, errors) as workers:
        workers.submit(7)
        wait_until(lambda: bool(errors))
    assert str(errors[0]) == "7"


def test_after_the_end_no_job_begins() -> None:
    began, goes_on = threading.Event(), threading.Event()

    def work(_: int) -> None:
        began.set()
        assert goes_on.wait(10)

    with workers_of(work) as workers:
        workers.submit(0)
        assert began.wait(10)
        assert workers.stop() == []
        with pytest.raises(Closed):
            workers.submit(1)
        goes_on.set()


def test_where_no_more_threads_are_allowed_those_that_there_are_do_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    began, goes_on, done = threading.Event(), threading.Event(), list[int]()

    def work(job: int) -> None:
        began.set()
        assert goes_on.wait(10)
        done.append(job)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with workers_of(work) as workers:
        workers.submit(0)
        assert began.wait(10)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        workers.submit(1)
        goes_on.set()
        wait_until(lambda: done == [0, 1])
        monkeypatch.undo()


def test_where_not_a_single_thread_is_allowed_that_is_raised_and_the_end_is_none_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with workers_of(lambda _: None) as workers:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            workers.submit(0)
        assert workers.stop() == [0]
