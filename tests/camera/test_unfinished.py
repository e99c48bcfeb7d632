"""What is left of events whose camera's process died."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kpstream.camera.unfinished import Ending, UnfinishedEvents
from tests.support.event_store import ended, opened
from tests.support.source_clips import write_video

NAME = "clips/2026-11-28/e1.mp4"


def written(folder: Path) -> int:
    """Write a clip of the event, and give its bytes."""
    (folder / NAME).parent.mkdir(parents=True)
    return write_video(folder / NAME, range(10)).stat().st_size


def test_an_open_event_ends_where_it_was_last_known_and_gets_what_there_is_of_its_clip(tmp_path: Path) -> None:
    events, event = UnfinishedEvents(), opened()
    events.note(event)
    size = written(tmp_path)
    over = replace(event, state="ended", ended_pts=event.opened_pts, ended_at=event.opened_at, cut=True, clip=NAME)
    assert list(events.endings(tmp_path)) == [Ending("e1", over, size)]


def test_a_clip_without_a_picture_is_removed_and_named_by_no_event(tmp_path: Path) -> None:
    events, event = UnfinishedEvents(), ended(opened(clip=NAME))
    events.note(event)
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(b"\0\0\0\x18ftyp")
    assert list(events.endings(tmp_path)) == [Ending("e1", replace(event, clip=None), 0)]
    assert not (tmp_path / NAME).exists()


def test_of_an_event_that_ended_only_the_size_of_its_clip_is_new(tmp_path: Path) -> None:
    events = UnfinishedEvents()
    events.note(ended(opened(clip=NAME)))
    size = written(tmp_path)
    assert list(events.endings(tmp_path)) == [Ending("e1", None, size)]


def test_a_clip_that_was_whole_before_its_event_ended_counts_once(tmp_path: Path) -> None:
    events = UnfinishedEvents()
    events.note(opened())
    written(tmp_path)
    events.note_clip("e1")
    (ending,) = events.endings(tmp_path)
    assert (ending.event is not None and ending.event.clip, ending.size) == (NAME, 0)
    events.note(ended(opened(clip=NAME)))
    assert len(events) == 0


def test_what_is_over_and_written_is_forgotten() -> None:
    events = UnfinishedEvents()
    events.note(opened("with clip"))
    events.note(ended(opened("with clip", clip=NAME)))
    events.note(ended(opened("without")))
    assert len(events) == 1
    events.note_clip("with clip")
    assert len(events) == 0
