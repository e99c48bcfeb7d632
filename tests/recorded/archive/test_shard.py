"""Parts of an archive."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.errors import UsageError
from kpstream.recorded.archive.shard import Shard, parse_shard


@given(st.lists(st.integers(), unique=True), st.integers(1, 12), st.integers(0, 1000))
def test_parts_are_equal_and_add_up(items: list[int], of: int, budget: int) -> None:
    shards = [Shard(number, of) for number in range(1, of + 1)]
    parts = [shard.part(items) for shard in shards]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert sum(shard.budget(budget) or 0 for shard in shards) == budget
    assert sum(shard.rate(20.0) for shard in shards) == pytest.approx(20.0)


def test_what_is_not_limited_stays_so() -> None:
    assert Shard(2, 3).budget(None) is None
    assert Shard(2, 3).rate(inf) == inf


def test_job_arrays_say_which_part() -> None:
    slurm = {"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "5", "SLURM_ARRAY_TASK_MIN": "5"}
    assert parse_shard("auto", slurm | {"SLURM_ARRAY_TASK_STEP": "2"}) == Shard(3, 5)
    assert parse_shard("auto", {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "4"}) == Shard(1, 4)
    assert parse_shard("3/40", {}) == Shard(3, 40)
    assert parse_shard("3/40", {}).label == "-3-of-40"
    assert parse_shard(None, {}).label == ""


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "auto"])
def test_what_names_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shard"):
        parse_shard(text, {})
