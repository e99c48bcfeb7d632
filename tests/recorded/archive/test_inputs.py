"""Which videos are found, and what they are called."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpstream.errors import SourceOpenError, UsageError
from kpstream.recorded.archive.inputs import find_inputs
from kpstream.recorded.archive.probe import probe
from kpstream.recorded.archive.publish import OutputFolder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    videos = tmp_path / "videos"
    for name in ("a.mp4", "b b.MOV", "한국/c.mkv", "한국/notes.txt", ".hidden/d.mp4", "x/.e.mp4", "x/y/f.avi"):
        path = videos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (videos / "x" / "loop").symlink_to(videos)
    return videos


def names(*references: str | Path, outputs: list[Path] | None = None) -> list[str]:
    found = find_inputs([str(each) for each in references], outputs or [])
    return [each.name for each in found.inputs]


def test_a_folder_is_searched_through_and_mirrored_without_what_is_hidden(tree: Path) -> None:
    assert names(tree) == ["a.mp4", "b b.MOV", "x/y/f.avi", "한국/c.mkv"]
    assert find_inputs([str(tree)]).passed_over == 1


def test_of_several_inputs_each_folder_comes_with_its_own_name(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "alone.bin").write_bytes(b"")
    assert names(tree / "x", tree / "한국", tmp_path / "alone.bin") == ["alone.bin", "x/y/f.avi", "한국/c.mkv"]


def test_a_glob_is_mirrored_below_its_fixed_part(tree: Path) -> None:
    assert names(f"{tree}/**/*.mkv") == ["한국/c.mkv"]
    assert names(f"{tree}/*[!a]/?/*") == ["x/y/f.avi"]
    assert names(f"{tree}/[ab]*") == ["a.mp4", "b b.MOV"]
    with pytest.raises(SourceOpenError, match="matches no file"):
        names(f"{tree}/*.webm")


@pytest.mark.parametrize("pattern", ["clip [HD-2].mp4", "clip [z-a]*", "clip [!z-a]"])
def test_a_glob_with_letters_that_are_no_range_matches_nothing(tree: Path, pattern: str) -> None:
    with pytest.raises(SourceOpenError, match="it matches no file"):
        names(tree / pattern)


def test_a_list_names_an_input_a_line_and_may_name_what_is_gone(tree: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"\ufeff{tree}/a.mp4\n# more\n\n{tree}/gone.mp4\n{tree}/x\n")
    assert names(f"@{listed}") == ["a.mp4", "gone.mp4", "x/y/f.avi"]
    with pytest.raises(SourceOpenError, match="no such file or folder"):
        names(tree / "gone.mp4")
    with pytest.raises(SourceOpenError, match=r"cannot open the list nowhere\.txt: No such"):
        names("@nowhere.txt")


def test_a_folder_that_cannot_be_read_is_told_as_a_file_that_cannot_and_the_others_are_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Path.iterdir

    def refusing(folder: Path) -> Iterator[Path]:
        if folder == tree / "x":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refusing)  # root may read everything
    assert names(tree) == ["a.mp4", "b b.MOV", "x", "한국/c.mkv"]
    assert "the folder cannot be read: Permission denied" in probe(tree / "x").fault
    with pytest.raises(SourceOpenError, match="Permission denied"):
        names(tree / "x")


def test_what_is_written_is_no_input(tree: Path) -> None:
    (tree / "out").mkdir()
    (tree / "out" / "z.mp4").write_bytes(b"")
    (tree / "a.mp4.annotated.mp4").write_bytes(b"")
    assert names(tree, outputs=[tree / "out"]) == ["a.mp4", "b b.MOV", "x/y/f.avi", "한국/c.mkv"]


def test_two_files_that_would_have_one_name_are_refused_and_one_that_is_named_twice_is_one(
    tree: Path, tmp_path: Path
) -> None:
    other = tmp_path / "a.mp4"
    other.write_bytes(b"")
    with pytest.raises(UsageError, match=r"would both be written as a\.mp4"):
        names(tree / "a.mp4", other)
    assert names(tree / "a.mp4", f"{tree}/*.mp4") == ["a.mp4", "videos/a.mp4"]
    assert names(tree / "a.mp4", tree / "a.mp4") == ["a.mp4"]


def test_a_name_that_is_no_utf8_or_more_than_a_line_can_be_printed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")).write_bytes(b"")
    (tmp_path / "a\n\x1b[31mb.mp4").write_bytes(b"")
    assert names(tmp_path) == ["\\xff.mp4", "a\\n\\x1b[31mb.mp4"]


def test_the_beginning_of_a_name_that_is_too_long_stands_for_it(tmp_path: Path) -> None:
    longest = "가" * 83 + ".mp4"
    outputs = OutputFolder(tmp_path)
    for name in (f"x/{longest}", f"x/나{longest[1:]}", "x/a.mp4"):
        (tmp_path / "made").write_text(name)
        outputs.publish(name, {"jsonl": tmp_path / "made"})
        assert outputs.read(name, "jsonl") == name
        assert outputs.find(name, ("jsonl",))
    written = {path.name for path in (tmp_path / "x").iterdir()}
    assert len(written) == 3
    assert "a.mp4.jsonl" in written
    assert max(len(os.fsencode(name)) for name in written) <= 240


def test_no_name_of_an_address_leads_out_of_the_outputs() -> None:
    found = find_inputs(["https://one/../../etc/a.mp4", "https://two/b/%2E%2E/a.mp4", "https://three/.."])
    assert [each.name for each in found.inputs] == ["one/etc/a.mp4", "two/b/%2E%2E/a.mp4", "video"]


def test_addresses_are_called_by_their_last_part_or_by_all_of_it_where_that_is_not_theirs_alone(tree: Path) -> None:
    web = "https://user:hidden@host"
    addresses = [f"{web}/x/b.mp4?token=hidden", f"{web}/y/b.mp4", f"{web}/%ED%95%9C.mp4", f"{web}/a.mp4"]
    assert names(tree / "a.mp4", *addresses) == ["a.mp4", "host/a.mp4", "host/x/b.mp4", "host/y/b.mp4", "한.mp4"]
    assert names(f"{web}/b.mp4", f"{web}/b.mp4") == ["b.mp4"]
    with pytest.raises(
        UsageError, match=r"https://host/b and https://host/b would both be written as host/b"
    ) as caught:
        names(f"{web}/b?id=1", f"{web}/b?id=2")
    assert "hidden" not in str(caught.value)
