#!/usr/bin/env python3
"""How far drawn poses are from the truth about the same frames; `scoring` says what is counted and how.

    python scripts/overlay_score.py OUT.jsonl samples/walkers.poses.json [--skip SECONDS] [--json]

Reads the JSON lines of ``kpstream live`` or ``kpstream annotate`` and a truth file (see ``draw_walkers.py``).
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from scoring import lines_of, score


def main() -> None:
    """Score what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jsonl", type=Path, help="what kpstream wrote with --jsonl")
    parser.add_argument("poses", type=Path, help="the truth about the same clip")
    parser.add_argument("--skip", type=float, default=1.0, help="seconds left out at the clip's start (default: 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of one line of text")
    options = parser.parse_args()
    result = score(lines_of(options.jsonl), json.loads(options.poses.read_text()), skip=options.skip)
    if not result.frames:
        raise SystemExit("overlay_score: no line of the file has a frame_index that the truth knows")
    known = {name: None if math.isnan(value) else value for name, value in asdict(result).items()}
    print(json.dumps(known) if options.json else result)


if __name__ == "__main__":
    main()
