"""How fast an archive is with one, two and four workers, and what keeps it from being faster."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from archive_parts.rig import Replay, below, cpu_seconds, cut, memory, replaying, start, words

_RATE, _SECONDS = 5, 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """One run."""

    workers: int
    files: int
    seconds: float
    first_request: float
    """Seconds until the first one."""
    in_flight: float
    """Requests, on average."""
    work: float
    """Seconds of CPU a file, of all processes of the archive together."""
    answering: float
    """Of the endpoint."""
    memory: int
    """Bytes of all processes together, at most."""

    def __str__(self) -> str:
        return (
            f"| {self.workers} | {self.files / self.seconds * 60:.1f} | {self.in_flight:.1f} | "
            f"{self.work / self.files:.1f} s | {self.answering / self.files:.1f} s | "
            f"{(self.work + self.answering) / self.seconds:.2f} | {self.first_request:.1f} s | "
            f"{self.memory / 1e9:.2f} GB |"
        )


def prove(folder: Path, *, files: int, latency: float) -> bool:
    """Measure; always true where all runs end well."""
    for number in range(files):
        cut(folder / "clips" / f"clip {number}.mp4", _SECONDS, title=str(number))
    print("| Workers | Files a minute | In flight | CPU a file | Endpoint's | Cores busy | First request | Memory |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with replaying(latency) as endpoint:
        for workers in (1, 2, 4):
            print(_run(endpoint, folder, files, workers, latency), flush=True)
    return True


def _run(endpoint: Replay, folder: Path, files: int, workers: int, latency: float) -> Pace:
    endpoint.get("_reset")
    began, before = time.monotonic(), cpu_seconds(endpoint.process)
    command = words(endpoint, folder / "clips", folder / f"out {workers}", "--rate", _RATE, "--workers", workers)
    process = start(command, folder / "log.txt")
    most, work = 0, dict[int, float]()
    while process.poll() is None:
        running = {process.pid, *below(process.pid)}
        work |= {each: seconds for each in running if (seconds := cpu_seconds(each))}
        most = max(most, sum(map(memory, running)))
        time.sleep(0.3)
    assert process.returncode == 0
    seconds, arrivals = time.monotonic() - began, endpoint.arrivals
    return Pace(
        workers=workers,
        files=files,
        seconds=seconds,
        first_request=arrivals[0] - began,
        in_flight=len(arrivals) * latency / (seconds - (arrivals[0] - began)),
        work=sum(work.values()),
        answering=cpu_seconds(endpoint.process) - before,
        memory=most,
    )
