"""The workers of a pool, whose dealer may die."""

from __future__ import annotations

from kpstream.recorded.archive.members import Members


def test_with_a_budget_no_file_is_begun_before_all_is_settled_that_a_dead_dealer_has_dealt() -> None:
    members = Members(has_budget=True)
    a, b = members.begin("a"), members.begin("b")
    members.dealer_died()
    assert (members.may_begin, members.is_old("a"), members.has_old) == (False, True, True)
    assert members.settle("a") == a
    assert (members.may_begin, members.has_old) == (False, True)
    assert members.settle("b") == b
    assert (members.may_begin, members.has_old) == (True, False)


def test_without_a_budget_files_are_begun_at_the_new_dealer_at_once() -> None:
    members = Members(has_budget=False)
    members.begin("a")
    members.dealer_died()
    assert members.may_begin
    new = members.begin("b")
    assert (members.is_old("b"), members.member("b")) == (False, new)


def test_a_file_that_is_begun_again_is_another_member() -> None:
    members = Members(has_budget=True)
    first = members.begin("a")
    members.settle("a")
    assert members.begin("a") != first
    assert [name for name, _ in members] == ["a"]
