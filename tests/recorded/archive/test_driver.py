"""The driver, with a pool whose workers do what the test says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpstream.errors import BudgetSpent, EndpointRejected, EndpointUnavailable, SourceReadError, UnfitPicture
from kpstream.recorded.archive.driver import Driver, Figures, Limits
from kpstream.recorded.archive.faults import changed_meanwhile, fault_of
from kpstream.recorded.archive.fetch import Fetcher
from kpstream.recorded.archive.intake import Inventory
from kpstream.recorded.archive.ledger import FileRecord, Ledger, read_ledger
from kpstream.recorded.archive.pool import WorkerDied
from kpstream.recorded.archive.publish import OutputFolder
from kpstream.recorded.archive.request_count import RequestCount
from kpstream.recorded.archive.work import FileResult, FileTask, Progress
from kpstream.recorded.plan import JOURNAL_SUFFIX
from kpstream.testing import ManualClock
from tests.support.scripted_pool import Ending, Result, ScriptedPool, good

NO_LIMITS = Limits()


def ends_with(error: Exception) -> Ending:
    return lambda task: FileResult(task.name, Progress(requests=2), 0.5, "node", fault=fault_of(error))


def dies(task: FileTask) -> Result:
    return WorkerDied(task.name)


class Run:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.figures: list[Figures] = []
        self.is_local = True

    def __call__(self, names: str, size: int = 1, limits: Limits = NO_LIMITS, **endings: list[Ending]) -> Driver:
        inventory = Inventory()
        for number, name in enumerate(names.split()):
            inventory.records[name] = FileRecord(
                name, name, "s", f"content of {name.rstrip('2')}", duration=10.0 + number
            )
            inventory.paths[name] = Path(name)
            if name.endswith("2"):
                inventory.records[name] = FileRecord(name, name, "s", f"content of {name[:-1]}", same_as=name[:-1])
            else:
                inventory.todo.append(name)
        self.pool = ScriptedPool(endings, size, is_local=self.is_local, tick=lambda: self.clock.advance(3.0))
        with Ledger(self.folder / "archive.db") as ledger:
            driver = Driver(
                ledger,
                inventory,
                self.pool,
                outputs=OutputFolder(self.folder),
                into=str(self.folder),
                scratch=self.folder / "journals",
                fetcher=Fetcher(),
                limits=limits,
                on_figures=self.figures.append,
                clock=self.clock,
            )
            driver.run()
        self.records = read_ledger(self.folder / "archive.db").records
        self.facts = read_ledger(self.folder / "archive.db").facts
        return driver

    @property
    def states(self) -> str:
        return " ".join(f"{name}:{record.state}" for name, record in self.records.items())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_all_are_done_and_the_same_content_once(run: Run) -> None:
    driver = run("a a2 b")
    assert run.states == "a:done a2:done b:done"
    assert run.pool.begun == ["a", "b"]
    assert (run.folder / "a2.jsonl").read_text() == "a"
    assert run.records["a2"].requests == 0
    assert (driver.fault, run.pool.closed) == (None, True)
    assert (run.figures[-1].done, run.figures[-1].files) == (3, 3)


def test_what_workers_may_give_back_is_not_shown_as_sent(run: Run) -> None:
    def books_more_than_it_sends(task: FileTask) -> Result:
        run.pool.requests_spent = 40
        return good(task)

    run("a b", a=[books_more_than_it_sends])
    assert [each.requests for each in run.figures if each.running == ("b",)] == [5 + 1]
    assert run.figures[-1].requests == 40


def test_with_several_workers_the_longest_come_first(run: Run) -> None:
    run("a b c", size=2)
    assert run.pool.begun == ["c", "b", "a"]


@pytest.mark.parametrize("error", [SourceReadError("broken"), UnfitPicture("broken")])
def test_a_file_at_fault_fails_with_its_twin_and_the_others_go_on(run: Run, error: Exception) -> None:
    driver = run("a a2 b", a=[ends_with(error)])
    assert run.states == "a:failed a2:failed b:done"
    assert driver.fault is None
    assert (run.records["a"].fault, run.records["a"].requests) == ("broken", 2)
    assert (run.records["a2"].fault, run.records["a2"].remedy) == ("broken", run.records["a"].remedy)


@pytest.mark.parametrize(("error", "code"), [(EndpointRejected("no credits"), 4), (BudgetSpent("all 5 are spent"), 6)])
def test_an_endpoint_that_refuses_and_a_spent_budget_end_all(run: Run, error: Exception, code: int) -> None:
    driver = run("a b c", size=2, c=[ends_with(error)])
    assert run.states == "a:waiting b:done c:waiting"
    assert driver.fault is not None
    assert driver.fault.exit_code == code
    assert run.records["c"].attempts == 0  # it is not the file's fault


def test_a_passing_fault_is_tried_again_later_and_ends_all_if_it_stays(run: Run) -> None:
    away = ends_with(EndpointUnavailable("away"))
    assert run("a b", a=[away, away, good]).fault is None
    assert run.states == "a:done b:done"
    assert run.pool.begun == ["a", "b", "a", "a"]
    assert run.records["a"].requests == 2 + 2 + 5


def test_a_passing_fault_that_stays_ends_all(run: Run) -> None:
    away = ends_with(EndpointUnavailable("away"))
    driver = run("a", a=[away, away, away])
    assert driver.fault is not None
    assert (driver.fault.kind, run.states) == ("passing", "a:waiting")


def test_a_file_whose_process_dies_is_begun_again_and_fails_at_the_third_time(run: Run) -> None:
    run("a b", a=[dies, good], b=[dies, dies, dies])
    assert run.states == "a:done b:failed"
    assert "died 3 times" in run.records["b"].fault


def test_too_many_failures_end_it_and_the_rest_waits(run: Run) -> None:
    broken = ends_with(SourceReadError("broken"))
    driver = run("a b c", limits=Limits(max_failures=2), a=[broken], b=[broken])
    assert run.states == "a:failed b:failed c:waiting"
    assert driver.fault is None


def test_the_budget_is_booked_in_the_ledger_before_it_is_dealt(run: Run) -> None:
    run("a", limits=Limits(max_requests=1000))
    assert run.pool.reserved == 50
    assert run.facts["booked"] == "5"  # at the end what was really spent


def spends_and_dies(requests: int) -> Ending:
    def ending(task: FileTask) -> Result:
        count = RequestCount(Path(task.folder), task.requests)
        count.open()
        for frame in range(requests):
            count.sent(frame, 0.0)
        count.close()
        return WorkerDied(task.name)

    return ending


def test_what_a_worker_that_died_has_sent_is_booked_and_no_more(run: Run) -> None:
    run("a", limits=Limits(max_requests=1000), a=[spends_and_dies(3), spends_and_dies(0), good])
    assert run.pool.settled == [("a", 3), ("a", 3), ("a", 8)]
    assert (run.records["a"].requests, run.facts["booked"]) == (8, "8")


@pytest.mark.parametrize("has_ended", [True, False])
def test_what_was_dealt_to_one_that_may_live_on_or_whose_count_is_not_seen_stays_booked(
    run: Run, *, has_ended: bool
) -> None:
    run.is_local = False
    run("a", limits=Limits(max_requests=1000), a=[lambda task: WorkerDied(task.name, has_ended=has_ended), good])
    assert run.pool.settled == [("a", 8), ("a", 13)]
    assert run.facts["booked"] == "13"


def test_all_that_was_reserved_stays_booked_where_the_dealer_does_not_say_what_it_dealt(run: Run) -> None:
    def is_lost(task: FileTask) -> Result:
        run.pool.most_held = None
        return WorkerDied(task.name, has_ended=False)

    run("a", limits=Limits(max_requests=1000), a=[is_lost, good])
    assert run.pool.settled == [("a", 50), ("a", 55)]


def test_what_is_interrupted_waits(run: Run) -> None:
    def interrupted(task: FileTask) -> Result:
        return FileResult(task.name, Progress(requests=3, answers=2), 0.1, "node", interrupted=True)

    run("a", a=[interrupted, good])
    assert run.states == "a:waiting"
    assert (run.records["a"].requests, run.records["a"].attempts) == (3, 0)


def test_a_file_that_changes_fails_alone_and_its_twin_is_done_in_its_place(run: Run) -> None:
    journals: list[Path] = []

    def changes(task: FileTask) -> Result:
        journals.append(Path(task.folder))
        return FileResult(task.name, Progress(), 0.5, "node", fault=changed_meanwhile(), changed_to="s2")

    run("a a2 b", a=[changes])
    assert run.states == "a:failed a2:done b:done"
    assert run.pool.begun == ["a", "b", "a2"]
    assert (run.records["a"].fault, run.records["a"].stamp) == (changed_meanwhile().text, "s2")
    assert not journals[0].exists()


def test_a_file_that_comes_further_each_time_its_process_dies_is_begun_again_and_again(run: Run) -> None:
    def answers_and_dies(task: FileTask) -> Result:
        with (Path(task.folder) / f"made{JOURNAL_SUFFIX}").open("a") as journal:
            journal.write('{"frame_index": 0, "poses": []}\n')
        return WorkerDied(task.name)

    run("a", a=[answers_and_dies] * 5)
    assert run.states == "a:done"
    run("b", b=[answers_and_dies, dies, dies])
    assert (run.records["b"].state, run.pool.begun) == ("failed", ["b"] * 3)


def test_a_file_whose_process_did_not_die_alone_is_begun_again_and_again(run: Run) -> None:
    run("a", a=[lambda task: WorkerDied(task.name, alone=False)] * 5)
    assert (run.states, run.records["a"].attempts) == ("a:done", 1)


def test_an_endpoint_that_answers_in_between_ends_nothing_however_often_it_fails(run: Run) -> None:
    def answers_and_fails(answers: int) -> Ending:
        fault = fault_of(EndpointUnavailable("no answer"))
        return lambda task: FileResult(task.name, Progress(answers=answers), 0.5, "node", fault=fault)

    driver = run("a", a=[answers_and_fails(answers) for answers in range(1, 6)])
    assert (run.states, driver.fault) == ("a:done", None)
