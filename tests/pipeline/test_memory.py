"""Memory that is let go comes at once again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PICTURES = """
import resource, sys
import numpy
from kpstream.pipeline.memory import keep_heaps
if sys.argv[1] == "kept":
    keep_heaps()
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pictures = [numpy.ones(5_000_000, numpy.uint8) for _ in range(4)]
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    del pictures
print(faults)
"""


def _faults(how: str) -> int:
    """How many pages the system had to clear for the last of a few rounds of pictures."""
    ran = subprocess.run([sys.executable, "-c", _PICTURES, how], capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives the pages back by itself")
def test_pictures_find_the_pages_of_those_before_them() -> None:
    given_back, kept = _faults("given back"), _faults("kept")
    assert kept <= given_back // 4
