#!/usr/bin/env python3
"""kpstream and its peers, measured side by side on this machine in one run: a table in Markdown, plots, the numbers.

    python3 scripts/bench.py                         all parts on the sample clip, whose truth is exact
    python3 scripts/bench.py --clips FOLDER          and on each NAME.mp4 of a folder with its NAME.poses.json
    python3 scripts/bench.py --only live,file        some of the parts
    python3 scripts/bench.py --no-peers              kpstream and the bare loop alone

Everybody talks to an endpoint on loopback that knows the answers, at 150, 400 and 800 ms. Parts:

  live      before a camera that plays the clip: frames shown, age of the picture, error of the overlay
  file      recorded video: throughput, requests, similarity to the truth, people missing
  cost      processor time of the pipeline against a bare decode and x264 encode of the same file
  ablation  error of the overlay with parts of the tracker taken out
  journal   recorded jobs killed at random moments: the same poses, nothing asked about twice
  adaptive  requests while nothing moves, and how soon somebody who enters is answered
  rules     processor time of twenty rules over ten people
  store     ten thousand events stored, listed and delivered

Peers are installed once, each into an environment of its own under ``.bench/``. A live run lasts ``--seconds`` on the
sample and at most once through each other clip; a peer gets as long for a recorded one. Nothing else should run on the
machine. Ratios carry over to other machines, times do not.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from environment import ROOT, enter

PARTS = ("live", "file", "cost", "ablation", "journal", "adaptive", "rules", "store")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PARTS", default=",".join(PARTS), help="a comma list (default: all)")
    parser.add_argument("--seconds", type=float, default=30, help="length of a run (default: 30)")
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="more clips, with reference poses beside them")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="measure them, too")
    parser.add_argument("--kills", type=int, default=50, help="of the journal part (default: 50)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", default=ROOT / "out" / "bench", help="for what is written"
    )
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    if unknown := set(chosen.only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if chosen.clips and not chosen.clips.is_dir():
        parser.error(f"{chosen.clips} is not a folder")
    return chosen


def main() -> None:
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    enter()
    from bench_parts.bench import measure

    measure(
        chosen.only,
        seconds=chosen.seconds,
        clips=chosen.clips,
        with_peers=chosen.peers,
        kills=chosen.kills,
        out=chosen.out,
    )


if __name__ == "__main__":
    main()
