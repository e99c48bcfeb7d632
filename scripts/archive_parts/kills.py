"""An archive whose driver, workers and Ray are killed at seeded moments."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from archive_parts.rig import Replay, below, cut, left_behind, poses, replaying, start, words

KINDS = ("driver", "worker", "dealer", "raylet", "gcs", "ray")
"""What is killed: the driver, a worker, who deals the requests, Ray's two servers, or all of Ray at once."""
_NAMES = {
    "worker": "ray::annotate_file",
    "dealer": "ray::RequestDealer",
    "raylet": "raylet/raylet",
    "gcs": "gcs_server",
}
_CODES_ON_THE_WAY = (0, 4, -signal.SIGKILL)
"""Done, no answer from the endpoint (or from who deals its requests), killed: the same command goes on."""
_IN_FLIGHT = 3
_WORKERS = 2


@dataclass(slots=True)
class Killed:
    """An archive that is begun again after each end until it is done, again and again."""

    endpoint: Replay
    clips: Path
    folder: Path
    chance: random.Random
    budget: int
    """Requests of each archive."""
    kills: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    """How the driver ended, where it was not killed itself."""
    seen: set[int] = field(default_factory=set)
    """All processes that were there."""
    outputs: list[Path] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What all drivers have said."""
        return self.folder / "log.txt"

    def run(self, kills: int) -> None:
        """Kill so often, and let the last archive end."""
        while self.kills.total() < kills:
            self.outputs.append(self.folder / f"out {len(self.outputs)}")
            code = 1
            while code:
                code = self._drive(kills)

    def _drive(self, kills: int) -> int:
        """One life of a driver."""
        command = words(self.endpoint, self.clips, self.outputs[-1], "--rate", 5, "--max-in-flight", _IN_FLIGHT)
        driver = start([*command, "--workers", str(_WORKERS), "--max-requests", str(self.budget)], self.log)
        while self.kills.total() < kills:
            if not self._progresses(driver, self.chance.randint(1, 6)):
                break
            time.sleep(self.chance.random() / 5)
            self._kill(driver, self.chance.choice(KINDS))
        code = driver.wait(timeout=300)
        self.codes[code] += 1
        if code not in _CODES_ON_THE_WAY:
            raise SystemExit(f"the driver ended with {code}: {self.log.read_text()[-2000:]}")
        return code

    def _progresses(self, driver: subprocess.Popen[bytes], more: int) -> bool:
        """Wait for so many requests; False where the driver has ended instead."""
        before = self.endpoint.asked
        while driver.poll() is None:
            self.seen |= below(driver.pid).keys()
            if self.endpoint.asked >= before + more:
                return True
            time.sleep(0.05)
        return False

    def _kill(self, driver: subprocess.Popen[bytes], kind: str) -> None:
        processes = below(driver.pid)
        self.seen |= processes.keys()
        if kind == "driver":
            victims = [driver.pid]
        elif kind == "ray":
            victims = list(processes)
        else:
            victims = [each for each, name in processes.items() if _NAMES[kind] in name][:1]
        for victim in victims:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                victims = []  # it has ended by itself
        if victims:
            self.kills[kind] += 1
            print(f"kill {self.kills.total()}: {kind}, after {self.endpoint.asked} requests", flush=True)


def prove(folder: Path, *, kills: int, clips: int, seed: int) -> bool:
    """Kill an archive so often; whether it ended as if nothing had happened, and paid nothing twice."""
    for number in range(clips):
        cut(folder / "clips" / f"clip {number}.mp4", 1 + number / 4)
    with replaying(0.2) as endpoint:
        undisturbed = folder / "undisturbed"
        assert start(words(endpoint, folder / "clips", undisturbed, "--rate", 5), folder / "log.txt").wait() == 0
        requests = endpoint.asked
        in_flight = kills * _IN_FLIGHT * _WORKERS
        archive = Killed(endpoint, folder / "clips", folder, random.Random(seed), requests + in_flight)
        archive.run(kills)
        asked = endpoint.asked - requests
    more = asked - requests * len(archive.outputs)
    equal = all(poses(each) == poses(undisturbed) for each in archive.outputs)
    booked = sum(map(_booked, archive.outputs))
    left = left_behind(folder, archive.seen)
    print(
        f"{kills} kills ({', '.join(f'{n} {kind}' for kind, n in archive.kills.items())}); drivers ended with", end=" "
    )
    print(f"{dict(archive.codes)}; outputs of {len(archive.outputs)} archives {'equal' if equal else 'DIFFER'}")
    print(
        f"{requests} requests undisturbed; {more} more in {len(archive.outputs)} archives, {in_flight} were in flight"
    )
    print(f"{booked} are booked of the budgets: {booked - asked} never reached the endpoint")
    print(f"left behind: {', '.join(left) or 'nothing'}")
    return (
        equal and 0 <= more <= in_flight and asked <= booked <= requests * len(archive.outputs) + in_flight and not left
    )


def _booked(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "archive.db")) as ledger:
        return int(ledger.execute("SELECT value FROM fact WHERE name = 'booked'").fetchone()[0])
