"""A recorded job, as a program runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpstream.dispatch.sampling import EveryNth
from kpstream.entities import Answer, Image
from kpstream.errors import BudgetSpent, EndpointUnavailable, UsageError
from kpstream.recorded.job import RecordedJob, RequestSettings, Span, run_job
from kpstream.recorded.plan import Encoding, Job, Outputs
from kpstream.testing import FakeEndpoint
from tests.support.source_clips import write_video

FRAMES = 12


@pytest.fixture
def job(tmp_path: Path) -> Job:
    clip = tmp_path / "clip.mp4"
    write_video(clip, range(FRAMES))
    return Job(clip, Outputs(jsonl=tmp_path / "poses.jsonl"), Encoding())


def empty(_: Image) -> Answer:
    return Answer(())


def endpoint() -> FakeEndpoint:
    return FakeEndpoint(answer=empty)


def test_a_job_asks_about_every_frame_and_leaves_no_journal(job: Job) -> None:
    stats = run_job(job, endpoint())
    assert (stats.rendered, stats.answered) == (FRAMES, FRAMES)
    assert job.outputs.jsonl is not None
    assert len(job.outputs.jsonl.read_text().splitlines()) == FRAMES
    assert not list(job.outputs.jsonl.parent.glob("*.journal"))


def test_a_job_whose_requests_are_spent_goes_on_where_it_stopped(job: Job) -> None:
    with pytest.raises(BudgetSpent, match="is done up to"):
        run_job(job, endpoint(), max_requests=5)
    stats = run_job(job, endpoint())
    assert (stats.recalled, stats.answered) == (5, FRAMES - 5)


def test_answers_that_were_made_of_something_else_are_not_used_again(job: Job) -> None:
    def work(model: str) -> RecordedJob:
        return RecordedJob(job, endpoint(), RequestSettings(EveryNth(1), max_requests=5), made_of={"model": model})

    first = work("a/1")
    assert first.open().changed == ()
    with pytest.raises(BudgetSpent):
        first.run()
    same = work("a/1")
    assert same.open().answers == 5
    with pytest.raises(BudgetSpent):
        same.run()
    other = work("b/2").open()
    assert (other.answers, other.changed) == (0, ("model",))


def test_an_endpoint_that_never_answered_is_at_fault_and_not_the_budget(job: Job) -> None:
    def unavailable(_: Image) -> Answer:
        raise EndpointUnavailable("out of order")

    with pytest.raises(EndpointUnavailable, match="out of order; 2 requests were sent, none was answered"):
        run_job(job, FakeEndpoint(answer=unavailable), max_requests=2)


def test_a_job_that_is_stopped_before_it_runs_writes_nothing(job: Job) -> None:
    work = RecordedJob(job, endpoint(), RequestSettings(EveryNth(1)), made_of={})
    work.open()
    work.stop()
    assert work.run().rendered == 0


def test_a_span_with_no_frame_is_refused(job: Job) -> None:
    with pytest.raises(UsageError, match="has no frame from `start` 9"):
        run_job(job, endpoint(), span=Span(9.0))
