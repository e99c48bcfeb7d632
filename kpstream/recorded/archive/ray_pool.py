"""A pool of worker processes by Ray Core, on this machine or on a cluster.

On one machine it listens on loopback alone, without dashboard and statistics, and its object store is as small as it
can be. Nothing that matters lies in it: whatever of it dies, the ledger and the journals have the truth.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import (
    GetTimeoutError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kpstream.errors import KpstreamError, UsageError
from kpstream.options import ModelOptions
from kpstream.recorded.archive.members import Members
from kpstream.recorded.archive.pool import WorkerDied
from kpstream.recorded.archive.ray_servers import ServerWatch, join, start_here
from kpstream.recorded.archive.remote import RequestDealer, annotate_file
from kpstream.recorded.archive.session_folder import SessionFolder, session_place
from kpstream.recorded.archive.settings import ArchiveSettings
from kpstream.recorded.archive.work import FileResult, FileTask, Progress

_log = logging.getLogger("kpstream")
_remote: Any = ray.remote  # declared too narrowly for what it takes
_resources: Any = ray.cluster_resources
_ANSWERS_WITHIN = 2.0
_STARTS = 3
"""How often it is tried on this machine: one that is busy may let Ray wait too long for itself."""
_MOST_DEATHS = 10
"""Of Ray, without any file that ends in between."""
_FILES_A_PROCESS = 8
"""Another takes its place then, so that nothing that leaks can pile up; each takes a second of CPU to start."""
_LOGS_OF = 50
"""Files, after which the logs of their workers are removed."""
_ENDED = (WorkerCrashedError, OutOfMemoryError)
"""What tells that a worker has ended on a node that lives."""
_MAX_ASKING = 10_000
"""Workers that may wait for a grant at once."""


class RayPool:
    """Works on as many files at once as it has workers. Used by one thread; `stop` by any. Starts Ray, and blocks.

    Args:
        settings: What is made of each file.
        rate: Requests a second, all workers together; infinite for no limit.
        max_requests: The budget; None for none.
        spent: What is booked already.
        workers: How many; None for as many as the machine, or the cluster, has cores.
        address: Of a cluster; None for this machine alone.

    Raises:
        UsageError: The cluster cannot be reached, or runs other versions.
    """

    def __init__(
        self,
        settings: ArchiveSettings,
        *,
        rate: float,
        max_requests: int | None,
        spent: int,
        workers: int | None = None,
        address: str | None = None,
    ) -> None:
        self._settings = replace(settings, model=_for_anywhere(settings.model))
        self._workers, self._address = workers, address
        self._rate, self._max_requests = rate, max_requests
        self._reserved: int | None = None if max_requests is None else spent
        self._spent = spent
        self._session = SessionFolder(session_place()) if address is None else None
        self._under_way: dict[Any, str] = {}
        self._members = Members(has_budget=max_requests is not None)
        self._progress: Mapping[str, Progress] = {}
        self._ended = 0
        self._deaths = 0  # of Ray, since a file last ended
        self._to_stop = self._is_stopped = self._is_cut_off = False
        self._watch: ServerWatch | None = None
        try:
            self._open()
        except BaseException:  # Ctrl-C while Ray starts, too
            self.close()
            raise

    def _open(self) -> None:
        self._start_ray(_STARTS)
        self.size = self._workers or int(_resources().get("CPU", 1))
        """How many files it works on at once."""
        self._settings_sent = ray.put(self._settings)
        self._dealer = self._make_dealer()
        self._annotate = _remote(max_calls=_FILES_A_PROCESS, max_retries=0, num_cpus=1)(annotate_file)

    @property
    def is_local(self) -> bool:
        """Whether it works on this machine alone."""
        return self._address is None

    @property
    def room(self) -> int:
        """How many more files `submit` takes now."""
        return self.size - len(self._under_way) if self._members.may_begin and not self._to_stop else 0

    @property
    def requests_spent(self) -> int:
        """Requests that are booked, as of the last `wait`."""
        return self._spent

    def reserve(self, requests: int) -> None:
        """Allow requests to be booked up to this number in all. Does not wait."""
        self._reserved = requests
        self._dealer.reserve.remote(requests)

    def submit(self, task: FileTask) -> None:
        """Begin to work on a file in another process. Does not wait."""
        there = replace(task, path=_absolute(task.path), into=_absolute(task.into), folder=_absolute(task.folder))
        member = self._members.begin(task.name)
        self._under_way[self._annotate.remote(self._settings_sent, there, self._dealer, member)] = task.name

    def wait(self, within: float, tick: Callable[[], None]) -> list[FileResult | WorkerDied]:
        """Wait for files that end; blocks for so many seconds at most.

        Raises:
            KpstreamError: Ray dies again and again, the cluster's has died, or a worker cannot run at all.
            UsageError: Ray has died, and does not start again.
        """
        if self._has_died():
            return self._begin_anew()
        if self._to_stop and not self._is_stopped:
            self._is_stopped = True
            self._dealer.stop.remote()
        ended, _ = ray.wait(list(self._under_way), timeout=within) if self._under_way else ([], [])
        if self._has_died():  # what has ended now has ended with it
            return self._begin_anew()
        results = [self._result(reply) for reply in ended]
        self._ask_how_far()
        self._count(len(results))
        tick()
        return results

    def held(self, name: str) -> int | None:
        """What the dealer has booked for a file that has ended; None where a dealer that has died had. Blocks."""
        if self._members.is_old(name):
            return None
        try:
            return int(ray.get(self._dealer.held.remote(self._members.member(name)), timeout=_ANSWERS_WITHIN))
        except (RayError, GetTimeoutError):
            return None

    def settle(self, name: str, spent: int) -> None:
        """Let the dealer correct what is booked, once all have ended to whom a dealer has dealt that has died."""
        member = self._members.settle(name)
        if ray.is_initialized():
            self._dealer.leave.remote(member, None if self._members.has_old else spent)

    def progress(self) -> Mapping[str, Progress]:
        """The progress of the files that are worked on, as of the last `wait`."""
        return self._progress

    def stop(self) -> None:
        """End the files under way, whole to their last answers; the next `wait` tells the workers."""
        self._to_stop = True

    def close(self) -> None:
        """End all workers. Idempotent."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if not self._is_cut_off:  # Ray would wait for its servers, and then end this process
            ray.shutdown()
        if self._session is not None:
            self._session.close()

    def _has_died(self) -> bool:
        """Whether servers of Ray have died that can be started again.

        Raises:
            KpstreamError: Those of a cluster have died.
        """
        fault = "" if self._watch is None else self._watch.fault()
        if fault and not self.is_local:
            self._is_cut_off = True
            raise KpstreamError(f"{fault}: start it again; the same command goes on")
        return bool(fault)

    def _begin_anew(self) -> list[FileResult | WorkerDied]:
        """Start Ray again: what was under way has died with it.

        All that may have been dealt stays booked until that is settled.
        """
        _log.warning("Ray has died; it is started again")
        died = [WorkerDied(name, alone=False, has_ended=self.is_local) for name in self._under_way.values()]
        self._members.dealer_died()
        self.close()
        self._deaths += 1
        if self._deaths > _MOST_DEATHS:
            raise KpstreamError(
                "Ray dies again and again: look for too little memory, take fewer `workers`; the same command goes on"
            )
        self._under_way, self._progress = {}, {}
        self._spent = max(self._spent, self._reserved or 0)
        if not self._to_stop:
            self._open()
        return [*died]

    def _count(self, ended: int) -> None:
        """Take note of files that ended, and remove the logs of their workers now and then."""
        before, self._ended = self._ended, self._ended + ended
        self._deaths = 0 if ended else self._deaths
        if self._session is not None and before // _LOGS_OF != self._ended // _LOGS_OF:
            self._session.remove_logs()

    def _start_ray(self, attempts: int) -> None:
        if self._session is not None:
            self._session.open()
        try:
            if self._session is not None:
                start_here(self._workers, self._session)
            elif self._address is not None:
                join(self._address)
        except UsageError:
            self.close()
            if attempts == 1 or self._session is None:
                raise
            _log.warning("Ray does not start in time; it is tried again")
            self._start_ray(attempts - 1)
            return
        self._watch = ServerWatch(is_local=self.is_local)

    def _make_dealer(self) -> Any:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = _remote(num_cpus=0, max_concurrency=_MAX_ASKING)(RequestDealer)
        named = actor.options(name=f"kpstream-archive-{uuid4().hex}", scheduling_strategy=here)
        return named.remote(self._rate, self._max_requests, self._spent, self._reserved)

    def _result(self, reply: Any) -> FileResult | WorkerDied:
        name = self._under_way.pop(reply)
        try:
            result: FileResult = ray.get(reply)
        except RayTaskError as error:
            raise KpstreamError(f"a worker cannot run: {error.cause}") from None
        except RayError as error:
            return WorkerDied(name, has_ended=self.is_local or isinstance(error, _ENDED))
        return result

    def _ask_how_far(self) -> None:
        try:
            self._spent, progress = ray.get(self._dealer.state.remote(), timeout=_ANSWERS_WITHIN)
        except RayActorError:  # it was killed: another takes its place, and all that may have been dealt stays booked
            if not self._has_died():
                self._spent = max(self._spent, self._reserved or 0)
                self._members.dealer_died()
                self._dealer = self._make_dealer()
        except GetTimeoutError:  # the machine is busy, or Ray is dying
            _log.debug("the process that deals the requests does not answer")
        else:
            self._progress = {name: progress[member] for name, member in self._members if member in progress}


def _absolute(place: str) -> str:
    """A place for processes that were started in other folders; an address stays what it is."""
    return place if "://" in place else str(Path(place).absolute())


def _for_anywhere(model: ModelOptions) -> ModelOptions:
    """The same for the files that the options name."""
    key, skeleton = model.api_key_file, model.skeleton
    return replace(
        model,
        api_key_file=None if key is None else key.absolute(),
        skeleton=None if skeleton is None else skeleton.absolute(),
    )
