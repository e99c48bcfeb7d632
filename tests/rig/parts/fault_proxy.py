"""A TCP proxy on loopback that makes a network fail on request.

``python fault_proxy.py TARGET_PORT`` listens on two free ports and prints ``READY PORT CONTROL_PORT``. Faults are
set, and connections counted, by ``GET /?NAME=VALUE&…`` on the control port:

=============== ====================================================================
``delay``       seconds that every byte is late, each way
``jitter``      seconds of further delay, at random (order is kept)
``rate``        bytes a second, each way; 0 is unlimited
``stall``       1: nothing is forwarded any more, connections stay open
``blackhole``   1: new connections are accepted and never answered
``refuse``      1: new connections are reset
``reset``       1: all connections are reset, once
``drop_after``  each connection is closed after so many bytes to the client; 0 is never
=============== ====================================================================
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlsplit

_HOST = "127.0.0.1"
_CHUNK = 65536
_GLANCE = 0.02
"""Seconds between two looks at a fault that may be over."""


@dataclass(slots=True)
class Faults:
    """What is wrong with the network, and what went through it."""

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    stall: float = 0.0
    blackhole: float = 0.0
    refuse: float = 0.0
    drop_after: float = 0.0
    connections: int = 0


class Proxy:
    """Forwards connections to one port, as well as its faults let it."""

    def __init__(self, target: int) -> None:
        self.faults = Faults()
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until an end closes it."""
        self.faults.connections += 1
        async with self._held(writer):
            if self.faults.refuse:
                reset(writer)
                return
            while self.faults.blackhole:
                await asyncio.sleep(_GLANCE)
            try:
                far_reader, far_writer = await asyncio.open_connection(_HOST, self._target)
            except OSError:
                reset(writer)
                return
            async with self._held(far_writer):
                ways = (self._forward(reader, far_writer, "up"), self._forward(far_reader, writer, "down"))
                tasks = [asyncio.create_task(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request to set faults."""
        line = (await reader.readline()).decode()
        wanted = {name: float(value) for name, value in parse_qsl(urlsplit(line.split()[1]).query)}
        if wanted.pop("reset", 0.0):
            for each in list(self._open):
                reset(each)
        for name, value in wanted.items():
            setattr(self.faults, name, value)
        body = json.dumps(asdict(self.faults)).encode()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        """Forward one way; what is read is due later, and is written in order."""
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        reading = asyncio.create_task(self._read(reader, due))
        sent = 0
        try:
            while (data := await self._next(due)) != b"":
                left = int(self.faults.drop_after) - sent if way == "down" and self.faults.drop_after else len(data)
                writer.write(data[: max(0, left)])
                await writer.drain()
                sent += len(data)
                if left < len(data):
                    return
        except ConnectionError:
            pass
        finally:
            reading.cancel()

    async def _read(self, reader: asyncio.StreamReader, due: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except ConnectionError:
                data = b""
            await due.put((clock() + self.faults.delay + random.random() * self.faults.jitter, data))

    async def _next(self, due: asyncio.Queue[tuple[float, bytes]]) -> bytes:
        at, data = await due.get()
        await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
        while self.faults.stall:
            await asyncio.sleep(_GLANCE)
        if self.faults.rate:
            await asyncio.sleep(len(data) / self.faults.rate)
        return data

    @asynccontextmanager
    async def _held(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a machine does that was switched off and on: RST, no farewell."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def main() -> None:
    """Serve until killed."""
    proxy = Proxy(int(sys.argv[1]))
    served = await asyncio.start_server(proxy.serve, _HOST, 0)
    controlled = await asyncio.start_server(proxy.control, _HOST, 0)
    ports = [server.sockets[0].getsockname()[1] for server in (served, controlled)]
    print("READY", *ports, flush=True)
    await asyncio.gather(served.serve_forever(), controlled.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
