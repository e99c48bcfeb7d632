#!/usr/bin/env python3
"""Kill an archive again and again, and see that it ends as if nothing had happened, and pays nothing twice.

    python scripts/archive_kills.py --kills 30 --workers 2 --seed 1

Kills the driver with SIGKILL at seeded moments, starts the same command again, and holds the outputs and the endpoint's
own count against an undisturbed run. Exit status 1 where they differ by more than what was in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import av

ROOT = Path(__file__).parents[1]
CLIP, POSES = ROOT / "samples" / "walkers.mp4", ROOT / "samples" / "walkers.poses.json"
IN_FLIGHT = 3


def make_clips(folder: Path, count: int) -> None:
    """Write the first seconds of the sample, more for each clip; nothing is encoded."""
    for number in range(count):
        with av.open(str(CLIP)) as source, av.open(str(folder / f"clip {number}.mp4"), "w") as copy:
            video = source.streams.video[0]
            stream = copy.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is not None and packet.time_base and packet.dts * packet.time_base < 1 + number / 4:
                    packet.stream = stream
                    copy.mux(packet)


def asked(endpoint: str) -> int:
    with urllib.request.urlopen(f"{endpoint}/_stats", timeout=10) as answer:
        return int(json.load(answer)["requests"])


def start(endpoint: str, clips: Path, into: Path, workers: int) -> subprocess.Popen[bytes]:
    words = [
        "archive",
        str(clips),
        "--into",
        str(into),
        "--endpoint",
        endpoint,
        "--api-url",
        endpoint,
        "--model",
        "a/1",
    ]
    words += ["--rate", "5", "--max-in-flight", str(IN_FLIGHT), "--workers", str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "kpstream", *words], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )


def poses(folder: Path) -> dict[str, list[Any]]:
    return {
        path.name: [
            {name: value for name, value in json.loads(line).items() if not name.endswith("_at")}
            for line in path.read_text().splitlines()
        ]
        for path in folder.rglob("*.mp4.jsonl")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    command = [sys.executable, str(ROOT / "scripts" / "endpoint.py"), str(CLIP), str(POSES), "--latency", "0.2"]
    with tempfile.TemporaryDirectory() as place, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        endpoint, folder = server.stdout.readline().split()[1], Path(place)
        clips = folder / "clips"
        clips.mkdir()
        make_clips(clips, options.clips)
        assert start(endpoint, clips, folder / "undisturbed", 1).wait() == 0
        undisturbed, killed = asked(endpoint), 0
        for _ in range(options.kills):
            process = start(endpoint, clips, folder / "killed", options.workers)
            before, more = asked(endpoint), chance.randint(1, 5)
            while process.poll() is None and asked(endpoint) < before + more:
                time.sleep(0.02)
            time.sleep(chance.random() / 5)
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        code = start(endpoint, clips, folder / "killed", options.workers).wait()
        requests = asked(endpoint) - undisturbed
        equal = poses(folder / "killed") == poses(folder / "undisturbed")
        most = undisturbed + killed * IN_FLIGHT * options.workers
        print(f"{killed} kills, then exit status {code}; outputs {'equal' if equal else 'differ'}")
        print(f"{requests} requests, undisturbed {undisturbed}, at most {most} with what was in flight")
        server.terminate()
    sys.exit(0 if equal and code == 0 and requests <= most else 1)


if __name__ == "__main__":
    main()
