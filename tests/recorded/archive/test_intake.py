"""The ledger held against the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kpstream.recorded.archive.inputs import ArchiveInput
from kpstream.recorded.archive.intake import Inventory, take_inventory, to_probe
from kpstream.recorded.archive.ledger import FileRecord
from kpstream.recorded.archive.probe import Probe

DONE = FileRecord("a.mp4", "a.mp4", "s1", "content", state="done", outputs={"jsonl": 5})


def inventory(
    names: str,
    probes: Mapping[str, Probe],
    known: list[FileRecord] | None = None,
    *,
    there: bool = True,
    retry: bool = False,
) -> Inventory:
    inputs = [ArchiveInput(name, Path(name)) for name in names.split()]
    by_name = {record.name: record for record in known or []}
    return take_inventory(inputs, probes, by_name, lambda _name, sizes: there and bool(sizes), retry=retry)


def test_what_is_done_is_neither_probed_nor_done_again() -> None:
    inputs = [ArchiveInput("a.mp4", Path("a.mp4")), ArchiveInput("b.mp4", Path("b.mp4"))]
    assert to_probe(inputs, {"a.mp4": DONE}, lambda _: "s1", retry=False) == inputs[1:]
    assert to_probe(inputs, {"a.mp4": DONE}, lambda _: "s2", retry=False) == inputs
    found = inventory("a.mp4", {}, [DONE])
    assert (found.todo, found.to_copy, found.records["a.mp4"].state) == ([], [], "done")


def test_other_content_under_the_same_name_is_done_anew() -> None:
    found = inventory("a.mp4", {"a.mp4": Probe("s2", "other")}, [DONE])
    assert found.todo == ["a.mp4"]
    assert found.records["a.mp4"].content == "other"


def test_the_same_content_that_was_only_touched_is_not_done_again() -> None:
    assert inventory("a.mp4", {"a.mp4": Probe("s2", "content")}, [DONE]).todo == []


def test_what_is_done_under_another_name_is_given() -> None:
    found = inventory("b.mp4", {"b.mp4": Probe("s2", "content")}, [DONE])
    assert (found.todo, found.to_copy) == ([], [("a.mp4", "b.mp4")])


def test_the_same_content_is_done_once() -> None:
    found = inventory("a.mp4 b.mp4 c.mp4", {name: Probe("s", "one") for name in ("a.mp4", "b.mp4", "c.mp4")})
    assert found.todo == ["a.mp4"]
    assert [duplicate.name for duplicate in found.duplicates("a.mp4")] == ["b.mp4", "c.mp4"]


def test_outputs_that_are_gone_are_made_again() -> None:
    assert inventory("a.mp4", {}, [DONE], there=False).todo == ["a.mp4"]


def test_what_failed_stands_until_it_is_to_be_tried_again() -> None:
    failed = replace(DONE, state="failed", fault="broken", attempts=1)
    assert inventory("a.mp4", {}, [failed]).todo == []
    again = inventory("a.mp4", {"a.mp4": Probe("s1", "content")}, [failed], retry=True)
    assert again.todo == ["a.mp4"]
    assert (again.records["a.mp4"].fault, again.records["a.mp4"].attempts) == ("", 0)


def test_what_was_running_when_the_driver_died_is_to_be_done() -> None:
    assert inventory("a.mp4", {}, [replace(DONE, state="running", outputs={})]).todo == ["a.mp4"]


def test_what_cannot_be_read_has_failed_with_a_remedy() -> None:
    found = inventory("a.mp4", {"a.mp4": Probe("s", "", fault="cannot open a.mp4: it is empty")})
    record = found.records["a.mp4"]
    assert (found.todo, record.state, record.fault_kind) == ([], "failed", "file")
    assert "copy the file again" in record.remedy
