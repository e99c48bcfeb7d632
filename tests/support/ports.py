"""Ports that nobody else is given by chance, also while nothing listens there."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_GIVEN_BY_CHANCE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def own_port() -> int:
    """A port of 127.0.0.1 at which nothing listens, for this process as long as it runs.

    One that was merely free a moment ago may be another test's a moment later.
    """
    first = int(_GIVEN_BY_CHANCE.read_text().split()[0])
    while True:
        port = random.randrange(10_000, first)
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # elsewhere, and of UDP: the port itself stays free
        try:
            mark.bind(("127.0.0.2", port))
            with socket.create_server(("127.0.0.1", port)):
                mark.detach()  # open until the process ends
                return port
        except OSError:
            mark.close()


def answers(port: int) -> bool:
    """Whether something listens at a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
