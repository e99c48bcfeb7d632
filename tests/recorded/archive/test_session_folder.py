"""The folder of Ray, without Ray."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kpstream.errors import SinkError
from kpstream.recorded.archive.session_folder import SessionFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it has no locks that would tell who is alive")


@contextmanager
def opened(inside: Path) -> Iterator[SessionFolder]:
    with closing(SessionFolder(inside)) as folder:
        folder.open()
        yield folder


def test_it_goes_with_who_made_it(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        (folder.path / "session_1" / "logs").mkdir(parents=True)
        assert folder.path.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_those_of_the_killed_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from kpstream.recorded.archive.session_folder import SessionFolder\n"
        "SessionFolder(pathlib.Path(sys.argv[1])).open(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    [killed] = tmp_path.iterdir()
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert set(tmp_path.iterdir()) == {first.path, second.path}
        assert killed != first.path


def test_what_is_still_written_to_is_removed_by_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as where new files come as fast as old ones go
        patch.setattr(time, "sleep", lambda _: None)
        with opened(tmp_path) as folder:
            (folder.path / "session_1").mkdir()
    assert folder.path.exists()
    with opened(tmp_path):
        assert not folder.path.exists()


def test_what_comes_free_while_another_runs_is_removed_when_that_one_ends(tmp_path: Path) -> None:
    with opened(tmp_path):
        left = tmp_path / "kpstream-ray-left"
        left.mkdir()
        (left / "in-use").touch()
    assert not list(tmp_path.iterdir())


def test_what_a_process_that_was_ending_has_made_again_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kpstream-ray-again" / "session_1" / "logs").mkdir(parents=True)
    with opened(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder.path]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="and Ray needs a folder there: name a folder for it as TMPDIR"):
        SessionFolder(tmp_path / "nowhere").open()


def test_the_logs_of_workers_that_have_ended_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with opened(tmp_path) as folder:
        logs = folder.path / "session_1" / "logs"
        logs.mkdir(parents=True)
        for process in (ended.pid, os.getpid()):
            for name in ("worker-ab12-01-{}.out", "worker-ab12-01-{}.err", "python-core-worker-ab12_{}.log"):
                (logs / name.format(process)).touch()
        (logs / "raylet.out").touch()
        folder.remove_logs()
        assert {path.name for path in logs.iterdir()} == {
            "raylet.out",
            f"worker-ab12-01-{os.getpid()}.out",
            f"worker-ab12-01-{os.getpid()}.err",
            f"python-core-worker-ab12_{os.getpid()}.log",
        }
