"""A shard: one of N equal parts of an archive, for job arrays that share only a folder. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from kpstream.errors import UsageError

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard ``number`` of ``of``."""

    number: int = 1
    """From 1."""
    of: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether there is only one shard."""
        return self.of == 1

    @property
    def label(self) -> str:
        """The part of the names of its ledger and its reports; empty for a single shard."""
        return "" if self.is_whole else f"-{self.number}-of-{self.of}"

    def part(self, items: Sequence[_Item]) -> list[_Item]:
        """The shard's items, every N-th; each item is in one shard, and the sizes of shards differ by at most one."""
        return list(items[self.number - 1 :: self.of])

    def budget(self, max_requests: int | None) -> int | None:
        """The shard's part of a budget, in requests; the parts add up to the budget."""
        if max_requests is None:
            return None
        return max_requests // self.of + (self.number <= max_requests % self.of)

    def rate(self, requests_per_second: float) -> float:
        """The shard's part of a rate, in requests a second."""
        return inf if requests_per_second == inf else requests_per_second / self.of


def parse_shard(text: str | None, environment: Mapping[str, str]) -> Shard:
    """Read a shard from ``I/N``, or with ``auto`` from the variables of SLURM or of an indexed job.

    Raises:
        UsageError: The text names no shard.
    """
    if text is None:
        return Shard()
    if text == "auto":
        return _of_environment(environment)
    number, slash, of = text.partition("/")
    if not slash or not (number.isdecimal() and of.isdecimal()) or not 1 <= int(number) <= int(of):
        raise UsageError(f"{text:.40}: give I/N with I from 1 to N, as in 3/40, or auto", option="shard")
    return Shard(int(number), int(of))


def _of_environment(environment: Mapping[str, str]) -> Shard:
    task, size = environment.get("SLURM_ARRAY_TASK_ID", ""), environment.get("SLURM_ARRAY_TASK_COUNT", "")
    least, step = environment.get("SLURM_ARRAY_TASK_MIN", "1"), environment.get("SLURM_ARRAY_TASK_STEP", "1")
    if all(each.isdecimal() for each in (task, size, least, step)) and int(step):
        return Shard((int(task) - int(least)) // int(step) + 1, int(size))
    index, completions = environment.get("JOB_COMPLETION_INDEX", ""), environment.get("JOB_COMPLETIONS", "")
    if index.isdecimal() and completions.isdecimal():
        return Shard(int(index) + 1, int(completions))
    needed = "SLURM_ARRAY_TASK_ID with SLURM_ARRAY_TASK_COUNT, or JOB_COMPLETION_INDEX with JOB_COMPLETIONS"
    raise UsageError(f"auto needs {needed} in the environment: give I/N instead", option="shard")
