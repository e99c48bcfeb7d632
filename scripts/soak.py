#!/usr/bin/env python3
"""Let ``kpstream live`` run for a while with faults at every joint, and tell what it did: a table and a plot.

    python3 scripts/soak.py --minutes 30 --seed 1 --kills 30           what the README shows
    python3 scripts/soak.py --fault-table out/rig/fault_table.jsonl    print what the fault tests of the rig measured:
        KPSTREAM_RIG=1 .venv/bin/python -m pytest --basetemp out/rig tests/rig -k "faults or endpoint_ends"

The camera is an RTSP server, the endpoint replays the sample's poses, and a network that fails stands before each; they
need what tests/rig/install.sh installs. The same seed gives the same faults. Results go to --output.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from environment import ROOT, enter


def say(text: str) -> None:
    print(f"soak: {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0, help="recordings to kill, one after another, after the soak")
    parser.add_argument("--output", type=Path, default=Path("out/soak"), help="folder for soak.md, soak.png, soak.json")
    parser.add_argument("--fault-table", type=Path, help="print this file of the rig's fault tests, and end")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    enter()
    sys.path.insert(0, str(ROOT))  # the rig's parts are in tests/
    from soak_parts import report
    from soak_parts.run import kill, soak
    from soak_parts.schedule import schedule

    if options.fault_table:
        print(report.markdown([json.loads(line) for line in options.fault_table.read_text().splitlines()]))
        return
    options.output.mkdir(parents=True, exist_ok=True)
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        seen = soak(seconds, schedule(seconds, options.seed), Path(folder), seed=options.seed, say=say)
    kills = []
    for number in range(options.kills):
        with tempfile.TemporaryDirectory() as folder:
            kills.append(kill(Path(folder), options.seed + number))
        say(f"killed after {kills[-1].after:.1f} s, {kills[-1].missing:.2f} s missing")
    figures = {"soak": asdict(seen), "growth": seen.growth, "kills": [asdict(one) for one in kills]}
    (options.output / "soak.json").write_text(json.dumps(figures, indent=1))
    (options.output / "soak.md").write_text(report.table(seen, kills) + "\n")
    report.plot(seen, options.output / "soak.png")
    print(report.table(seen, kills))


if __name__ == "__main__":
    main()
