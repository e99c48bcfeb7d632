#!/usr/bin/env python3
"""How well rules tell what happens: events found and missed, false alerts an hour, and how late they are told.

    python3 scripts/event_score.py                      on the labelled sample, and on the walkers
    python3 scripts/event_score.py --clips FOLDER ...   and on each NAME.poses.json of folders: people who do not fall
    python3 scripts/event_score.py --commands           and with the real commands: a few minutes

Answers come five times a second and 0.4 s late, in whole pixels of 640. Nothing but `--commands` decodes a picture: an
hour of people takes seconds. Three tables:

  the story   the labelled sample, whose truth says what happens
  every kind  what rules say of a clip, against what they say of the exact poses of every frame; one sampling interval
              is allowed
  no fall     `fall` and `lying` over `--hours` of people who do neither, with exact answers, with noisy ones, and with
              noisy ones of which two fifths are lost: every event is a false alert
"""

from __future__ import annotations

import argparse
from pathlib import Path

from environment import ROOT, enter

SAMPLES = ROOT / "samples"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clips", type=Path, nargs="+", metavar="FOLDER", default=[], help="more people who do not fall"
    )
    parser.add_argument("--hours", type=float, default=1.0, help="of each way in which answers come (default: 1)")
    parser.add_argument("--commands", action="store_true", help="run the real commands, too: a few minutes")
    chosen = parser.parse_args()
    if missing := [str(folder) for folder in chosen.clips if not any(folder.glob("*.poses.json"))]:
        parser.error(f"there is no NAME.poses.json in {', '.join(missing)}")
    return chosen


def main() -> None:
    chosen = options()
    enter()
    from event_parts import commands, scores
    from event_parts.played import load

    print(scores.story_table(SAMPLES), flush=True)
    paths = [SAMPLES / "walkers.poses.json", *(path for folder in chosen.clips for path in folder.glob("*.poses.json"))]
    clips = [load(path) for path in sorted(paths)]
    print(scores.kinds_table(clips), flush=True)
    print(scores.falls_table(clips, chosen.hours), flush=True)
    if chosen.commands:
        print(commands.table_of(SAMPLES))


if __name__ == "__main__":
    main()
