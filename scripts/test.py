#!/usr/bin/env python3
"""Lint, types and tests in the project's own environment: ``python3 scripts/test.py [ARGUMENTS OF PYTEST]``.

Needs only Python 3.11 or newer. With KPSTREAM_RIG=1 the tests in tests/rig/ run too; they need real parts, which
tests/rig/install.sh installs on Debian.

The tests marked `quiet` run first, one for each of two cores. The others run in more processes, because most of them
wait more than they compute, and lint and types are checked beside them. ``-n0`` among the arguments runs one by one.
"""

from __future__ import annotations

import os
import subprocess
import sys

from environment import ROOT, enter

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy --strict": ["mypy"],
}
_CORES = os.cpu_count() or 1
_QUIET_WORKERS, _WORKERS = min(2, _CORES), min(8, max(4, 2 * _CORES))
_BY_FILE = ["--dist", "loadfile", "--no-loadscope-reorder"]
NO_TESTS = 5
"""Pytest's exit status where its arguments select no test."""


class Check:
    """A program that runs beside the tests, and says what it has to say when it is asked."""

    def __init__(self, name: str, module: list[str]) -> None:
        self.name = name
        command = [sys.executable, "-m", *module]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def failed(self) -> bool:
        """Wait for its end, and print its output."""
        output, _ = self._process.communicate()
        print(f"== {self.name}\n{output}", end="", flush=True)
        return self._process.returncode != 0


def run_pytest(arguments: list[str]) -> tuple[int, str]:
    """Run pytest and print its output, but for the last line; its exit status and that line."""
    print(f"== pytest {' '.join(arguments)}", flush=True)
    last = ""
    color = ["--color=yes"] if sys.stdout.isatty() else []
    command = [sys.executable, "-m", "pytest", "-q", *color, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(last, end="", flush=True)
            last = line
    return process.returncode, last


def main() -> None:
    enter()
    quiet, summary = run_pytest(["-m", "quiet", "-n", str(_QUIET_WORKERS), *_BY_FILE, *sys.argv[1:]])
    print(summary, end="", flush=True)
    checks = [Check(name, module) for name, module in CHECKS.items()]
    others, summary = run_pytest(["-m", "not quiet", "-n", str(_WORKERS), *_BY_FILE, *sys.argv[1:]])
    failed = [check.name for check in checks if check.failed()]
    if {quiet, others} not in ({0}, {0, NO_TESTS}):
        failed.append("pytest")
    print(summary, end="", flush=True)
    sys.exit(f"failed: {', '.join(failed)}" if failed else None)


if __name__ == "__main__":
    main()
