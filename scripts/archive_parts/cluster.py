"""A Ray cluster of three nodes on this machine, one of which is killed; and one that runs another kpstream."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex

from archive_parts.rig import ROOT, below, cut, last_line, poses, replaying, start, words

PORT = 46379
_COMMON = ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000", "--disable-usage-stats", "--block"]


@cache
def here() -> str:
    """An address of this machine: Ray makes no cluster on loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("198.51.100.1", 9))
        return str(asking.getsockname()[0])


@contextmanager
def node(place: Path, *, head: bool, python_path: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A node of the cluster for as long as the block runs, in a process of its own."""
    where = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={place}"]
    member = [f"--address={here()}:{PORT}"]
    ray = Path(sys.executable).with_name("ray")
    command = [str(ray), "start", f"--node-ip-address={here()}", *_COMMON, *(where if head else member)]
    environment = {**os.environ, "PYTHONPATH": str(python_path), "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        kill(process)


@contextmanager
def _second(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One more node, begun once the other has joined: two that start at once may take the same port, and one aborts."""
    _wait_for_nodes(2)
    with node(place, head=False) as process:
        _wait_for_nodes(3)
        yield process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a node with all that runs on it."""
    for each in [*below(process.pid), process.pid]:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def prove(folder: Path) -> bool:
    """Work on the cluster while a node dies, and be refused by one with another version; whether both went well."""
    for number in range(9):
        cut(folder / "clips" / f"clip {number}.mp4", 4.0, title=str(number))
    sessions, log = Path("/tmp") / f"kpstream-cluster-{os.getpid()}", folder / "log.txt"
    token = folder / "token"
    token.write_text(token_hex(32))
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    other = folder / "another version" / "kpstream"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '0.0.1'\n")
    with replaying(0.4) as endpoint, node(sessions, head=True):
        alone = start(words(endpoint, Path("clips"), Path("alone"), "--rate", 5), log, folder).wait()
        requests = endpoint.asked
        command = words(endpoint, Path("clips"), Path("out"), "--rate", 5, "--on", f"{here()}:{PORT}")
        with node(sessions, head=False), _second(sessions) as victim:
            process = start(command, log, folder)
            while len(_busy(victim)) == 0 or endpoint.asked < requests + 15:
                time.sleep(0.1)
                assert process.poll() is None, last_line(log)
            kill(victim)
            print(f"a node was killed after {endpoint.asked - requests} requests")
            code = process.wait(timeout=300)
        more = endpoint.asked - 2 * requests
        equal = poses(folder / "out") == poses(folder / "alone")
        print(f"exit {code}; outputs {'equal' if equal else 'DIFFER'}; {more} more requests than the {requests} of one")
        _wait_for_nodes(1)  # those that were killed are missed after some seconds only
        with node(sessions, head=False, python_path=other.parent):
            _wait_for_nodes(2)
            refused = start([*command, "--again"], log, folder).wait()
            print(f"exit {refused}: {last_line(log)}")
            asked = endpoint.asked
    subprocess.run(["rm", "-rf", str(sessions)], check=True)
    return (alone, code, refused) == (0, 0, 2) and equal and more <= 16 and asked == 2 * requests + more


def _busy(process: subprocess.Popen[bytes]) -> list[int]:
    """Processes on a node that work on a file."""
    return [each for each, name in below(process.pid).items() if "annotate_file" in name]


def _wait_for_nodes(count: int) -> None:
    """Wait until so many nodes have joined."""
    code = (
        "import ray, time\n"
        f"ray.init('{here()}:{PORT}', log_to_driver=False, logging_level=40)\n"
        f"while sum(n['Alive'] for n in ray.nodes()) != {count}: time.sleep(0.2)\n"
    )
    until = time.monotonic() + 90
    command, nowhere = [sys.executable, "-c", code], subprocess.DEVNULL
    while subprocess.run(command, stdout=nowhere, stderr=nowhere, check=False, timeout=120).returncode:
        assert time.monotonic() < until, "the nodes do not come up"
        time.sleep(1)
