#!/usr/bin/env python3
"""How many pictures a machine shows of ever more cameras: a table in Markdown, a plot, the numbers.

    python3 scripts/cameras.py                                  the sample clip, 1 to 12 cameras
    python3 scripts/cameras.py --clip CLIP.mp4                  another clip, with CLIP.poses.json beside it
    python3 scripts/cameras.py --cores 1                        everything on one core
    python3 scripts/cameras.py --before out/cameras/old.json    the results of an earlier run in the plot, too
    python3 scripts/cameras.py --faults                         eight cameras of 720p, of which three fail

Each number of cameras is a `kpstream run` of its own: every camera plays the clip at its own pace, an endpoint on
loopback answers 0.4 s late, the page is served, and nobody looks at it. Frames are counted for `--seconds` after
`--settle`. Cores are those that all processes of kpstream and the endpoint keep busy together, read from /proc, so that
this runs on Linux alone. Nothing else should run on the machine.

With `--faults` eight cameras give ten frames a second: the process of one is ended by SIGSEGV, one freezes for a while,
and one wants another password; pictures are counted before, meanwhile and afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from environment import ROOT, enter


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=ROOT / "samples" / "walkers.mp4", help="what the cameras play")
    parser.add_argument("--cameras", default="1,2,3,4,6,8,12", metavar="N,N...", help="how many (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=12, help="over which frames are counted (default: 12)")
    parser.add_argument("--settle", type=float, default=25, help="seconds before that, from the start (default: 25)")
    parser.add_argument("--cores", type=int, help="how many of this machine's cores everything runs on")
    parser.add_argument("--before", type=Path, metavar="FILE.json", help="an earlier run, for the plot")
    parser.add_argument("--faults", action="store_true", help="eight cameras of which three fail, instead")
    parser.add_argument(
        "--out", type=Path, metavar="NAME", help="NAME.json, NAME.png (default: out/cameras, out/camera_faults)"
    )
    return parser.parse_args()


def main() -> None:
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    enter()

    if chosen.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.cores])
    out = chosen.out or ROOT / "out" / ("camera_faults" if chosen.faults else "cameras")
    out.parent.mkdir(parents=True, exist_ok=True)
    (measure_faults if chosen.faults else measure_numbers)(chosen, out)


def measure_numbers(chosen: argparse.Namespace, out: Path) -> None:
    """Measure ever more cameras."""
    from bench_parts import cameras

    counts = [int(count) for count in chosen.cameras.split(",")]
    rows = list(cameras.measure(chosen.clip, counts, settle=chosen.settle, seconds=chosen.seconds))
    out.with_suffix(".json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    before = [cameras.Row(**row) for row in json.loads(chosen.before.read_text())] if chosen.before else []
    cameras.plot(rows, before, out.with_suffix(".png"))
    print(cameras.table(rows))


def measure_faults(chosen: argparse.Namespace, out: Path) -> None:
    """Measure eight cameras of which three fail."""
    from bench_parts import camera_faults

    seen = camera_faults.measure(chosen.clip, chosen.settle)
    out.with_suffix(".json").write_text(json.dumps([asdict(each) for each in seen], indent=1))
    camera_faults.plot(seen, out.with_suffix(".png"))
    print(camera_faults.table(seen))


if __name__ == "__main__":
    main()
