"""The memory of the driver and of the workers over two hundred files."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from archive_parts.rig import below, cut, left_behind, memory, replaying, start, words

_MOST = 1.1
"""How much more the last quarter of a run may take than its second."""


def prove(folder: Path, *, files: int, workers: int) -> bool:
    """Work through so many tiny files; whether memory stays what it is."""
    for number in range(files):
        cut(folder / "clips" / f"clip {number}.mp4", 0.4, title=str(number))
    drivers, heaviest, others, seen = list[int](), list[int](), list[int](), set[int]()
    with replaying(0.05) as endpoint:
        command = words(endpoint, folder / "clips", folder / "out", "--rate", 5, "--workers", workers)
        process = start(command, folder / "log.txt")
        while process.poll() is None:
            running = below(process.pid)
            seen |= running.keys()
            sizes = {name: memory(each) for each, name in running.items()}
            drivers.append(memory(process.pid))
            heaviest.append(max((size for name, size in sizes.items() if "annotate_file" in name), default=0))
            others.append(sum(size for name, size in sizes.items() if "annotate_file" not in name))
            time.sleep(0.3)
    assert process.returncode == 0
    print(f"{files} files, {workers} workers; MB in the quarters of the run, median and most")
    good = True
    for name, taken in (("driver", drivers), ("heaviest worker", heaviest), ("Ray and all others", others)):
        parts = _quarters([size for size in taken if size])
        print(f"  {name}: " + ", ".join(f"{median(part) / 1e6:.0f}/{max(part) / 1e6:.0f}" for part in parts if part))
        good &= not parts[3] or median(parts[3]) <= _MOST * median(parts[1])
    left = left_behind(folder, seen)
    print(f"left behind: {', '.join(left) or 'nothing'}")
    return good and not left


def _quarters(values: list[int]) -> list[list[int]]:
    size = max(1, len(values) // 4)
    return [values[size * number : size * (number + 1)] for number in range(4)]
