"""The actor that deals requests to workers in other processes, without Ray around it."""

from __future__ import annotations

import asyncio
from math import inf

from kpstream.recorded.archive.remote import Dealt, RequestDealer
from kpstream.recorded.archive.work import Progress


def test_who_asks_waits_until_it_is_dealt_to_and_the_budget_holds() -> None:
    async def work() -> list[int]:
        dealer = RequestDealer(inf, 20, 0, 20)

        async def worker(name: str) -> int:
            sent, ended = 0, list[int]()
            while True:
                number, requests, _, _ = await dealer.ask(name, 8, ended, True)
                if not requests:
                    return sent
                await asyncio.sleep(0)
                sent, ended = sent + requests, [number] * requests

        return await asyncio.gather(*[worker(f"w{number}") for number in range(4)])

    assert sum(asyncio.run(work())) == 20


def test_nothing_is_dealt_before_the_ledger_has_it() -> None:
    async def work() -> Dealt:
        dealer = RequestDealer(inf, 20, 0, 0)
        asked = asyncio.create_task(dealer.ask("a", 8, [], False))
        await asyncio.sleep(0.01)
        assert not asked.done()
        await dealer.reserve(4)
        return await asked

    assert asyncio.run(work())[1:] == (4, 16, 4)


def test_what_is_dealt_to_one_that_has_left_is_given_back() -> None:
    async def work() -> tuple[int, Dealt]:
        dealer = RequestDealer(inf, 20, 0, 0)
        dead = asyncio.create_task(dealer.ask("dead", 8, [], False))
        await asyncio.sleep(0)
        await dealer.leave("dead", None)
        await dealer.reserve(20)
        alive = await dealer.ask("alive", 8, [], False)
        dead.cancel()
        return (await dealer.state())[0], alive

    spent, alive = asyncio.run(work())
    assert (spent, alive[1]) == (8, 8)


def test_what_one_that_died_has_not_sent_can_be_dealt_again_once_somebody_knows() -> None:
    async def work() -> list[int]:
        dealer = RequestDealer(inf, 20, 0, 20)
        spent = []
        for name in ("lost", "dead", "alive"):
            await dealer.ask(name, 5, [], False)
        assert await dealer.held("dead") == 5
        await dealer.leave("lost", None)
        spent.append((await dealer.state())[0])
        await dealer.leave("dead", 5 + 2)  # the lost one may have sent its 5, the dead one has sent 2
        return [*spent, (await dealer.state())[0]]

    assert asyncio.run(work()) == [15, 5 + 2 + 5]


def test_a_question_that_arrives_after_its_worker_has_left_is_dealt_nothing() -> None:
    async def work() -> int:
        dealer = RequestDealer(inf, 20, 0, 20)
        await dealer.leave("dead", 0)
        question = asyncio.create_task(dealer.ask("dead", 8, [], False))
        await asyncio.sleep(0)
        question.cancel()
        return (await dealer.state())[0]

    assert asyncio.run(work()) == 0


def test_a_rate_is_kept_to_without_anybody_asking_again() -> None:
    async def work() -> float:
        dealer = RequestDealer(50.0, None, 0, None)
        began = asyncio.get_running_loop().time()
        sent = 0
        while sent < 10:
            sent += (await dealer.ask("a", 1, [], False))[1]
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(work()) >= (10 - 3.5) / 50  # it may begin with a burst of a twentieth of a second, and one


def test_who_reports_hears_that_it_is_to_stop() -> None:
    async def work() -> list[bool]:
        dealer = RequestDealer(inf, None, 0, None)
        before = await dealer.report("a", Progress(1.0))
        await dealer.stop()
        return [before, await dealer.report("a", Progress(2.0))]

    assert asyncio.run(work()) == [False, True]
