#!/usr/bin/env python3
"""Kill kpstream between an event and its delivery, and see that nothing is lost.

    python3 scripts/kill_deliveries.py 30        so many times

A live view of the sample film tells a webhook what happens; the receiver does not take it. The view is killed at a
moment that the seed decides, and begun again with a receiver that takes everything: whatever the store had must arrive.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from environment import ROOT, enter

RULES = """
[[zone]]
name = "left"
polygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
[[rule]]
name = "in the left half"
kind = "in_zone"
zone = "left"
[[rule]]
name = "two"
kind = "count"
min = 1
for = "0.2s"
[[webhook]]
url = "{url}"
private = true
"""


def kill_once(seed: int, folder: Path) -> tuple[int, set[str]]:
    """Kill once, and begin again.

    Args:
        seed: Decides when.
        folder: Empty.

    Returns:
        How many events the store had at the kill, and those of them that did not arrive.
    """
    from kpstream.delivery import open_to_read
    from kpstream.testing import Reply, ScriptedServer, wait_until

    rules, store = folder / "rules.toml", folder / "store"
    view = [sys.executable, "-m", "kpstream", "live", str(ROOT / "samples" / "walkers.mp4"), "--loop", "--no-window"]
    view += ["--rules", str(rules), "--event-store", str(store)]
    is_taken = [False]
    with ScriptedServer(*[lambda _: Reply(204 if is_taken[0] else 500, {})] * 10_000) as server:
        rules.write_text(RULES.format(url=f"{server.url}/"))
        with (folder / "stderr.txt").open("w") as log:
            process = subprocess.Popen(view, stderr=log)
            wait_until(lambda: bool(server.requests), within=60)
            time.sleep(random.Random(seed).uniform(0, 1.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            with closing(open_to_read(store)) as database:
                had = {event.id for event in database.events()}
            is_taken[0] = True
            before = len(server.requests)
            process = subprocess.Popen([*view, "--duration", "2"], stderr=log)
            process.wait(120)
        arrived = {request.headers["webhook-id"].partition(".")[0] for request in server.requests[before:]}
    return len(had), had - arrived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("times", type=int, nargs="?", default=30, help="how often (default: 30)")
    times, lost = parser.parse_args().times, 0
    enter()
    for seed in range(times):
        with tempfile.TemporaryDirectory() as folder:
            had, missing = kill_once(seed, Path(folder))
        lost += len(missing)
        print(f"{seed}: {had} events, {len(missing)} lost", flush=True)
    print(f"{lost} events lost in {times} kills")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
