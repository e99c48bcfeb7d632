#!/usr/bin/env python3
"""How fast the embedded model answers: ``python3 scripts/embedded_bench.py [--against ANOTHER_CHECKOUT]``.

It measures each checkout in turn, several rounds, so that both meet the same machine: the pictures a second of
``kpstream serve`` under one client and under eight, small pictures and large ones, of ``kpstream annotate`` that asks
about every frame of the sample clip, of what ``scripts/demo.py`` does, and of the network alone; and the processor's
time for a picture. ``scripts/request_parts.py`` tells where that of a request goes. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from environment import ROOT, enter

CLIP = ROOT / "samples" / "walkers.mp4"
SIZES = ((640, 360), (1768, 994))
"""(width, height) of the pictures that are sent; the first as clients send them by default."""
PICTURES = 8
BOUNDARY = "kpstream-bench"
SERVE = "serve, {1}x{2}, {0} at once"
LOADS = tuple((clients, size) for size in SIZES for clients in (1, 8))
NETWORK = "the network alone"
NETWORK_PROGRAM = """
import sys, threading, time
import numpy as np
from kpstream.models.movenet import MoveNet

model, picture, counts = MoveNet(), np.random.default_rng(1).integers(0, 256, (224, 384, 3), np.uint8), []
model.maps(picture)

def work(end):
    while time.monotonic() < end:
        model.maps(picture)
        counts.append(1)

began, used = time.monotonic(), time.process_time()
threads = [threading.Thread(target=work, args=(began + float(sys.argv[1]),)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(counts) / (time.monotonic() - began), (time.process_time() - used) / len(counts))
"""
Pictures = Mapping[tuple[int, int], list[bytes]]
"""The bodies of each size."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of one checkout in one round."""

    row: str
    rate: float
    """Pictures a second."""
    cpu: float
    """Seconds of the processor for a picture, the client's not among them."""


def bodies(size: tuple[int, int]) -> list[bytes]:
    """Multipart bodies with pictures of the clip, as clients send them, of this (width, height)."""
    import av
    import cv2

    with av.open(str(CLIP)) as container:
        step = max(1, container.streams.video[0].frames // PICTURES)
        frames = [
            frame.to_ndarray(format="bgr24") for i, frame in enumerate(container.decode(video=0)) if i % step == 0
        ]
    made = []
    for frame in frames:
        method = cv2.INTER_AREA if size[0] < frame.shape[1] else cv2.INTER_CUBIC
        resized = cv2.resize(frame, size, interpolation=method)
        encoded = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n\r\n'
        made.append(head.encode() + encoded + f"\r\n--{BOUNDARY}--\r\n".encode())
    return made


@contextmanager
def served(checkout: Path) -> Iterator[tuple[int, str]]:
    """Run ``kpstream serve`` of a checkout; its process id and its address."""
    command = [sys.executable, "-m", "kpstream", "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=checkout, env=_environment(checkout), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.pid, urlsplit(server.stdout.readline().removeprefix("READY ").strip()).netloc
    finally:
        server.terminate()
        server.communicate()


def asked(address: str, pictures: list[bytes], clients: int, seconds: float) -> int:
    """Ask from several threads, each with a connection of its own; how many pictures were answered."""
    counts = [0] * clients
    end = time.monotonic() + seconds

    def ask(client: int) -> None:
        connection = HTTPConnection(address)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        while time.monotonic() < end:
            connection.request("POST", "/any-model/1?api_key=none", pictures[counts[client] % len(pictures)], headers)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(response.read())
            response.read()
            counts[client] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def serve(checkout: Path, pictures: Pictures, seconds: float) -> Iterator[Measurement]:
    """Measure ``serve`` under each load."""
    with served(checkout) as (process, address):
        asked(address, pictures[SIZES[0]], 2, 1.0)  # the network is loaded, and every thread has begun
        for clients, size in LOADS:
            used, began = cpu_of(process), time.monotonic()
            count = asked(address, pictures[size], clients, seconds)
            elapsed = time.monotonic() - began
            yield Measurement(SERVE.format(clients, *size), count / elapsed, (cpu_of(process) - used) / count)


def network(checkout: Path, seconds: float) -> Measurement:
    """Measure the network without all that is around it, two pictures at once."""
    command = [sys.executable, "-c", NETWORK_PROGRAM, str(seconds)]
    done = subprocess.run(command, cwd=checkout, env=_environment(checkout), check=True, capture_output=True, text=True)
    return Measurement(NETWORK, *map(float, done.stdout.split()))


def annotate(checkout: Path, row: str, options: list[str], folder: Path) -> Measurement:
    """Measure ``annotate`` over the sample clip; a picture is a frame of it, asked about or not."""
    poses = folder / "poses.jsonl"
    command = [sys.executable, "-m", "kpstream", "annotate", str(CLIP), "--jsonl", str(poses), "--overwrite", *options]
    began, before = time.monotonic(), os.times()
    subprocess.run(command, cwd=checkout, env=_environment(checkout), check=True, capture_output=True)
    elapsed, after = time.monotonic() - began, os.times()
    with poses.open() as lines:
        count = sum(1 for _ in lines)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Measurement(row, count / elapsed, used / count)


def measure(checkout: Path, pictures: Pictures, seconds: float, folder: Path) -> Iterator[Measurement]:
    """Measure all rows of one checkout once."""
    yield from serve(checkout, pictures, seconds)
    yield network(checkout, seconds)
    yield annotate(checkout, "annotate, every frame", ["--every", "1"], folder)
    yield annotate(checkout, "demo", ["-o", str(folder / "annotated.mp4")], folder)


def cpu_of(process: int) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(measured: list[list[Measurement]]) -> str:
    """Tell the medians of each checkout, and the second over the first where there are two."""
    rates = [median(one.rate for one in ones) for ones in measured]
    cpus = [1000 * median(one.cpu for one in ones) for ones in measured]
    medians = ", ".join(f"{rate:.1f}/s at {cpu:.1f} ms of CPU" for rate, cpu in zip(rates, cpus, strict=True))
    ratios = f": {rates[1] / rates[0]:.2f} of the rate, {cpus[1] / cpus[0]:.2f} of the CPU" if len(measured) > 1 else ""
    return medians + ratios


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}


def main() -> None:
    enter()
    parser = argparse.ArgumentParser(description="Measure the embedded model in serve and annotate.")
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each load of serve")
    arguments = parser.parse_args()
    checkouts = [ROOT] if arguments.against is None else [arguments.against.resolve(), ROOT]
    pictures = {size: bodies(size) for size in SIZES}
    found: dict[str, dict[Path, list[Measurement]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(arguments.rounds):
            for checkout in checkouts:
                for one in measure(checkout, pictures, arguments.seconds, Path(name)):
                    found.setdefault(one.row, {}).setdefault(checkout, []).append(one)
    for row, by_checkout in found.items():
        print(f"{row}: {summary(list(by_checkout.values()))}")


if __name__ == "__main__":
    main()
