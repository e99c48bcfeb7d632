#!/usr/bin/env python3
"""Let ``kpstream run`` go on for a while with cameras that die, freeze, come and go: a table and a plot of what it did.

    python3 scripts/soak_site.py --minutes 30 --seed 1      what the README shows

Five cameras of ten frames a second: two RTSP servers with a password, one of MJPEG, two files; a sixth whose password
is wrong. Their processes are killed, stopped and left hanging, their servers and networks fail, as do the endpoint and
its network; a seventh camera and viewers come and go, the site's file is faulty for a while, and the site is stopped.
The parts are those that tests/rig/install.sh installs. The same seed gives the same faults. Results go to --output.
This runs on Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
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
    parser.add_argument(
        "--output", type=Path, default=Path("out/soak_site"), help="folder for soak_site.md, .png, .json"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    enter()
    sys.path.insert(0, str(ROOT))  # the rig's parts are in tests/
    os.environ["PYTHONPATH"] = str(ROOT / "scripts")  # those of the bench are here
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads of the endpoint that wait for each other keep cores busy
    from soak_parts import site_report
    from soak_parts.schedule import site_schedule
    from soak_parts.site_run import soak_site

    options.output.mkdir(parents=True, exist_ok=True)
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        faults = site_schedule(seconds, options.seed)
        seen = soak_site(seconds, faults, Path(folder), seed=options.seed, say=say)
    rates = [asdict(each) for each in site_report.rates_of(seen)]
    figures = {"soak": asdict(seen), "rates": rates, "growth": site_report.growth_of(seen)}
    (options.output / "soak_site.json").write_text(json.dumps(figures, indent=1))
    (options.output / "soak_site.md").write_text(site_report.table(seen) + "\n")
    site_report.plot(seen, options.output / "soak_site.png")
    print(site_report.table(seen))


if __name__ == "__main__":
    main()
