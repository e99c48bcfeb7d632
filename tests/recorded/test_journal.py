from __future__ import annotations

import errno
import json
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Answer, Pose
from kpstream.errors import SinkError, UsageError
from kpstream.recorded.journal import FileJournal, fingerprint
from kpstream.skeleton import COCO, Skeleton
from kpstream.testing import truth
from tests.support.file_sizes import files_no_longer_than

MADE_OF = {"input": "9 bytes", "model": "pose/1", "thresholds": "0.4"}
FISH = Skeleton(("mouth", "tail"), ((0, 1),), ("#112233", "#445566"), ("#778899",), ((0, 1),))


def fish(x: float) -> Pose:
    xy = np.array([[x, 1.1], [nan, nan]], np.float32)
    confidence = np.array([0.123456789, 0.0], np.float32)
    return Pose(xy, confidence, np.array([0, 0, x, 5.5], np.float32), 0.7, 3, "fish", FISH)


def opened(path: Path, made_of: dict[str, str] = MADE_OF) -> FileJournal:
    journal = FileJournal(path, made_of)
    assert journal.open() == []
    return journal


def same(a: Pose, b: Pose) -> bool:
    arrays = all(
        np.array_equal(getattr(a, k), getattr(b, k), equal_nan=True) for k in ("xy", "keypoint_confidence", "xyxy")
    )
    return arrays and all(getattr(a, k) == getattr(b, k) for k in ("confidence", "class_id", "class_name", "skeleton"))


def test_the_next_run_has_every_answer_exactly_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4.journal"
    answers = {0: Answer((fish(1 / 3), truth(0)), 1234, 0.25), 6: Answer((), 10), 12: Answer((fish(7e5),), 0, 0.1)}
    journal = opened(path)
    for index, answer in answers.items():
        journal.note(index, answer)
    journal.close()

    journal = opened(path)
    assert journal.answers == 3
    assert journal.recall(3) is None
    for index, answer in answers.items():
        recalled = journal.recall(index)
        assert recalled is not None
        assert all(same(*pair) for pair in zip(recalled.poses, answer.poses, strict=True))
        assert recalled.bytes_sent == answer.bytes_sent
        assert recalled.billed == answer.billed
    journal.note(18, Answer((fish(2.0),)))  # goes on where the last run stopped
    journal.close()
    journal = opened(path)
    assert journal.answers == 4
    journal.discard()
    assert not path.exists()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_a_crash_leaves_of_the_file_every_whole_answer_is_used(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = opened(path)
        for index in range(4):
            journal.note(index, Answer((fish(index), truth(index))))
        journal.close()
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        journal = opened(path)
        expected = whole[:cut].count(b'"frame_index"') if whole[:cut].endswith(b"\n") else None
        assert expected in (None, journal.answers)
        for index in range(journal.answers):
            recalled = journal.recall(index)
            assert recalled is not None
            assert same(recalled.poses[0], fish(index))
        journal.note(9, Answer((fish(9.0),)))
        journal.close()
        journal = opened(path)
        recalled = journal.recall(9)
        assert recalled is not None
        assert same(recalled.poses[0], fish(9.0))
        journal.discard()


@pytest.mark.parametrize("name", ["input", "model", "thresholds"])
def test_answers_of_another_model_threshold_or_input_are_not_used(tmp_path: Path, name: str) -> None:
    path = tmp_path / "journal"
    journal = opened(path)
    journal.note(0, Answer((truth(0),)))
    journal.close()
    changed = FileJournal(path, {**MADE_OF, name: "something else"})
    assert changed.open() == [name]
    assert changed.recall(0) is None
    changed.note(0, Answer(()))
    changed.close()
    again = opened(path, {**MADE_OF, name: "something else"})
    recalled = again.recall(0)
    assert recalled is not None
    assert recalled.poses == ()
    again.close()


def test_a_file_that_is_no_journal_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"\x00\x01 nothing\n" * 10)
    journal = opened(path)
    assert journal.answers == 0
    journal.note(1, Answer((truth(1),)))
    journal.close()
    assert json.loads(path.read_text().splitlines()[0])["made_of"] == MADE_OF


def test_two_processes_do_not_write_the_same_output(tmp_path: Path) -> None:
    first = opened(tmp_path / "journal")
    second = FileJournal(tmp_path / "journal", MADE_OF)
    with pytest.raises(UsageError, match="another kpstream is at work"):
        second.open()
    second.close()
    first.note(0, Answer((truth(0),)))
    first.close()
    third = opened(tmp_path / "journal")
    assert third.answers == 1
    third.close()


def test_a_journal_without_an_answer_is_not_left_behind(tmp_path: Path) -> None:
    opened(tmp_path / "journal").close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="No such file"):
        FileJournal(tmp_path / "missing" / "journal", MADE_OF).open()


def test_one_that_could_not_be_begun_is_begun_again(tmp_path: Path) -> None:
    with files_no_longer_than(10), pytest.raises(SinkError):
        opened(tmp_path / "journal")
    opened(tmp_path / "journal").close()


def test_a_pose_without_colours_keeps_its_skeleton(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    journal.note(0, Answer((replace(truth(0), skeleton=COCO),)))
    recalled = journal.recall(0)
    assert recalled is not None
    assert recalled.poses[0].skeleton == COCO
    journal.close()


def test_another_video_has_another_fingerprint(tmp_path: Path) -> None:
    video = tmp_path / "video"
    video.write_bytes(bytes(100))
    before = fingerprint(video)
    assert fingerprint(video) == before
    video.write_bytes(bytes(50) + b"\x01" + bytes(49))
    assert fingerprint(video) != before


def test_a_skeleton_that_could_not_be_written_is_written_with_the_next_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    journal = opened(path)
    with monkeypatch.context() as full:
        full.setattr("os.write", _no_room)
        with pytest.raises(SinkError, match="make room"):
            journal.note(0, Answer((truth(0),)))
    journal.note(6, Answer((truth(6),)))
    journal.close()
    journal = opened(path)
    recalled = journal.recall(6)
    assert recalled is not None
    assert same(recalled.poses[0], truth(6))
    journal.close()


def _no_room(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_frame_that_was_given_up_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "out.journal"
    first = FileJournal(path, {})
    first.open()
    first.note(0, Answer(()))
    first.give_up(1, "the answer holds NaN")
    first.close()
    again = FileJournal(path, {})
    assert again.open() == []
    assert (again.given_up(0), again.given_up(1)) == (None, "the answer holds NaN")
    assert (again.recall(1), again.answers) == (None, 1)
    again.close()
