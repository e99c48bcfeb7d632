#!/usr/bin/env python3
"""Where the processor's time of a request to ``kpstream serve`` goes: ``python3 scripts/request_parts.py``.

It serves in this process, with a clock around each part that counts the time of its thread alone, and has another
process ask; so the parts are those of real requests, with the caches as the network leaves them. Linux only.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import wraps
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from embedded_bench import LOADS, asked, bodies
from environment import enter

SECONDS = 10.0
NETWORK = "the network"
PARTS = {
    "the picture out of the form": "kpstream.server.inference.encoded_picture",
    "decoding the JPEG": "kpstream.server.answers.decode",
    "shrinking": "kpstream.models.movenet._fitted",
    "normalising": "cv2.dnn.blobFromImage",
    NETWORK: "kpstream.models.runtime.Network.run",
    "reading the maps": "kpstream.models.movenet.decode",
    "the answer": "kpstream.server.answers.write_answer",
    "the answer as JSON": "kpstream.server.inference.as_json",
}
"""What is timed, and by which name it is called; no part holds another."""
ON_THE_LOOP = ("the answer as JSON",)
LOOP, COMPUTING = "kpstream-server", "kpstream-server-compute"
"""What the threads of the server are called, those that compute with a number behind."""


def timed(work: Callable[..., Any], part: str, spent: Counter[str]) -> Callable[..., Any]:
    """Count the nanoseconds of the processor that calls of ``work`` take."""

    @wraps(work)
    def call(*arguments: Any, **options: Any) -> Any:
        began = time.thread_time_ns()
        try:
            return work(*arguments, **options)
        finally:
            spent[part] += time.thread_time_ns() - began

    return call


def of_threads() -> dict[str, int]:
    """Nanoseconds of the processor that the loop, the threads that compute, and the whole process have used."""
    used: Counter[str] = Counter({"process": time.process_time_ns()})
    for thread in threading.enumerate():
        name = COMPUTING if thread.name.startswith(COMPUTING) else thread.name
        used[name] += time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident or 0))
    return used


def parts_of(count: int, spent: Mapping[str, int], used: Mapping[str, int]) -> dict[str, float]:
    """Milliseconds of each part for one of ``count`` requests.

    Args:
        count: How many were answered meanwhile.
        spent: By `PARTS`, in nanoseconds.
        used: By threads, as `of_threads` has it.
    """
    on_loop = sum(spent[part] for part in ON_THE_LOOP)
    computed = sum(spent.values()) - on_loop
    helping = used["process"] - sum(time for name, time in used.items() if name != "process")
    parts = dict(spent)
    parts[NETWORK] += helping  # onnxruntime's own threads, which Python does not know
    parts["HTTP, routes and the loop"] = used[LOOP] - on_loop
    parts["between these, on the threads that compute"] = used[COMPUTING] - computed
    return {part: nanoseconds / 1e6 / count for part, nanoseconds in parts.items()}


def serve() -> None:
    """Serve, have each load asked, and print its parts."""
    from kpstream.camera.cores import draw_on_one_core
    from kpstream.models.movenet import MoveNet
    from kpstream.models.runtime import usable_cores
    from kpstream.pipeline.memory import keep_heaps
    from kpstream.server import Server, create_app

    draw_on_one_core()
    keep_heaps()
    spent: Counter[str] = Counter()
    with ExitStack() as stack:
        for part, name in PARTS.items():
            stack.enter_context(patch(name, timed(resolve_name(name), part, spent)))
        model = MoveNet()
        server = Server(create_app(model.find, long_side=model.long_side, max_at_once=max(2, usable_cores())), port=0)
        server.start()
        stack.callback(server.close)
        for load in range(len(LOADS)):
            ask(server.url, load, 1.0)
            spent.clear()
            before = of_threads()
            count = ask(server.url, load, SECONDS)
            used = Counter(of_threads())
            used.subtract(before)
            report(load, parts_of(count, spent, used))


def ask(url: str, load: int, seconds: float) -> int:
    """Ask from a process of its own; how many requests were answered."""
    command = [sys.executable, __file__, url, str(load), str(seconds)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report(load: int, parts: dict[str, float]) -> None:
    """Print what a request under one of `LOADS` takes."""
    clients, (width, height) = LOADS[load]
    whole = sum(parts.values())
    around = whole - parts[NETWORK]
    print(f"{width}x{height}, {clients} at once: {whole:.2f} ms of CPU, {around:.2f} ({around / whole:.1%}) around it")
    for part, milliseconds in sorted(parts.items(), key=lambda each: -each[1]):
        print(f"  {milliseconds:6.2f}  {part}")


def main() -> None:
    enter()
    if len(sys.argv) > 1:
        url, load, seconds = sys.argv[1:]
        clients, size = LOADS[int(load)]
        print(asked(urlsplit(url).netloc, bodies(size), clients, float(seconds)))
    else:
        serve()


if __name__ == "__main__":
    main()
