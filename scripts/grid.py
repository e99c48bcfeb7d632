#!/usr/bin/env python3
"""What a page with several cameras in a grid costs, and how many pictures it shows: tables in Markdown.

    python3 scripts/grid.py                          eight cameras of the sample clip, 10 frames/s each
    python3 scripts/grid.py --embedded               the embedded model answers, beside the browser
    python3 scripts/grid.py --viewport 1280x720      a smaller window

One `kpstream run` plays the clip as many cameras, an endpoint on loopback that knows the answers gives them 0.4 s late.
First nobody looks; then Chromium (Debian's package, or that of `playwright install chromium`) shows the grid without a
graphics processor; then one and three viewers that draw nothing ask for each picture of all cameras, as the page does.
Cores are read from /proc, so that this runs on Linux alone. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from environment import ROOT, enter


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=ROOT / "samples" / "walkers.mp4", help="what the cameras play")
    parser.add_argument("--cameras", type=int, default=8, help="how many (default: 8)")
    parser.add_argument("--max-fps", type=float, default=10, help="frames a second of each (default: 10)")
    parser.add_argument("--seconds", type=float, default=12, help="of each measurement (default: 12)")
    parser.add_argument("--settle", type=float, default=15, help="seconds before the first (default: 15)")
    parser.add_argument("--viewport", type=_size, default=(1920, 1080), metavar="WxH", help="(default: 1920x1080)")
    parser.add_argument(
        "--width", type=int, default=480, help="of the pictures of viewers that draw nothing; 0 names none"
    )
    parser.add_argument("--embedded", action="store_true", help="the embedded model answers")
    parser.add_argument("--screenshot", type=Path, metavar="FILE.png", help="the page, when it was measured")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    enter()
    from bench_parts import grid

    plan = grid.Plan(
        clip=chosen.clip, cameras=chosen.cameras, max_fps=chosen.max_fps, is_embedded=chosen.embedded,
        viewport=chosen.viewport, width=chosen.width, settle=chosen.settle, seconds=chosen.seconds,
        screenshot=chosen.screenshot,
    )  # fmt: skip
    print(grid.table(list(grid.measure(plan))))


if __name__ == "__main__":
    main()
