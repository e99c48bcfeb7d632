#!/usr/bin/env python3
"""Lint, types and tests in the project's own environment: ``python3 scripts/test.py [ARGUMENTS OF PYTEST]``.

Needs only Python 3.11 or newer. With KPSTREAM_RIG=1 the tests in tests/rig/ run too; they need real parts, which
tests/rig/install.sh installs on Debian.
"""

from __future__ import annotations

import subprocess
import sys

from environment import ROOT, enter


def main() -> None:
    enter()
    steps = {
        "ruff check": [sys.executable, "-m", "ruff", "check", "."],
        "ruff format": [sys.executable, "-m", "ruff", "format", "--check", "."],
        "mypy --strict": [sys.executable, "-m", "mypy"],
        "pytest": [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]],
    }
    failed = []
    for name, command in steps.items():
        print(f"== {name}", flush=True)
        if subprocess.call(command, cwd=ROOT):
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else None)


if __name__ == "__main__":
    main()
