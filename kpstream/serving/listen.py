"""Opens a listening socket, or says in one line why it cannot."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from kpstream.errors import UsageError

BACKLOG = 256
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True)
class Options:
    """What users call the two halves of an address, for the lines that say what is wrong with it."""

    host: str
    port: str


def resolve(host: str, options: Options) -> tuple[socket.AddressFamily, str]:
    """The address that a host stands for; blocks while a name is looked up.

    Raises:
        UsageError: There is no such address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UsageError(f"{host}: no such address; 127.0.0.1 serves this machine alone", option=options.host) from None
    # A name like localhost may stand for two addresses: clients that know one of them know the older kind.
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(address[0])


def listen(host: str, port: int, options: Options, *, send_buffer: int | None = None) -> socket.socket:
    """A listening socket.

    Args:
        host: An address of this machine, or its name.
        port: 0 takes a free one.
        options: For the texts of errors.
        send_buffer: Bytes that wait in the kernel for a slow reader, which Linux doubles; None leaves it to the system.

    Raises:
        UsageError: It cannot be had.
    """
    family, address = resolve(host, options)
    listening = None
    try:
        # The protocol is named, since asyncio sends without delay (TCP_NODELAY) only where the socket says TCP.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # elsewhere it would share the port with another process
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if send_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        listening.bind((address, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        if listening is not None:
            listening.close()
        raise UsageError(_reason(host, port, options, error)) from None
    return listening


def _reason(host: str, port: int, options: Options, error: OSError | OverflowError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: choose another one with `{options.port}` (0 takes any that is free)"
    if number in (errno.EACCES, errno.EPERM):
        return f"port {port} of {host} is not for ordinary users: choose one above 1023 with `{options.port}`"
    if number == errno.EADDRNOTAVAIL:
        return f"`{options.host}` {host} is no address of this machine"
    return f"cannot serve on port {port} of {host}: {getattr(error, 'strerror', None) or error}"
