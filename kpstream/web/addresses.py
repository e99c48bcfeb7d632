"""Where a page listens, and the address by which others reach this machine."""

from __future__ import annotations

import errno
import os
import socket

from kpstream.errors import UsageError

_BACKLOG = 128
_SEND_BUFFER = 128 * 1024
"""Bytes that wait in the kernel for a slow viewer, which Linux doubles. Left to itself it lets megabytes wait, and a
viewer at 100 kB/s would see pictures that are many seconds old."""


def listen(host: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
    """A listening socket, and where it listens.

    Raises:
        UsageError: It cannot be had.
    """
    try:
        # The protocol is named, since asyncio sends without delay (TCP_NODELAY) only where the socket says TCP.
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise UsageError(f"--web {host}: no such address; 127.0.0.1 serves this machine alone") from None
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would share the port with whoever has it
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listening.bind((address[0], port, *address[2:]))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(_why_not(host, port, error)) from None
    bound = listening.getsockname()
    return listening, (bound[0], bound[1])


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: choose another one with --web (0 takes any that is free)"
    if number in (errno.EACCES, errno.EPERM):
        return f"port {port} of {host} is not for ordinary users: choose one above 1023 with --web"
    if number == errno.EADDRNOTAVAIL:
        return f"--web {host} is no address of this machine"
    return f"cannot serve on port {port} of {host}: {getattr(error, 'strerror', None) or error}"


def outward(family: socket.AddressFamily = socket.AF_INET) -> str:
    """The address by which this machine reaches others; loopback where there is none. Nothing is sent."""
    somewhere = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1" if family == socket.AF_INET else "::1"
