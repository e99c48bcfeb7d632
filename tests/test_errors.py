"""Errors that nobody translates."""

from __future__ import annotations

import errno

import pytest

from kpstream.errors import untranslated


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("can't start new thread"), "no more threads: allow more (ulimit -u"),
        (RuntimeError("env.cc:327 PosixThread pthread_create failed, error code: 11"), "no more threads"),
        (OSError(errno.EMFILE, "Too many open files", "a.py"), "no more open files: allow more (ulimit -n"),
        (RuntimeError("a bug"), "RuntimeError: a bug - this is a fault of kpstream"),
        (OSError(errno.EIO, "Input/output error"), "this is a fault of kpstream"),
    ],
)
def test_a_limit_of_the_account_is_no_fault_of_ours(error: Exception, line: str) -> None:
    assert line in untranslated(error)
    assert ("fault of kpstream" in line) == ("fault of kpstream" in untranslated(error))
