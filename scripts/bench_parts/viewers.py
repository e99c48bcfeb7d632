"""Viewers that draw nothing, in a process of their own: ``python -m bench_parts.viewers WIDTH WS_URL...``.

Each asks for every picture as the page does, until the process is ended. GET on the address that stands behind READY
answers how many pictures came so far, as JSON.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import connect

_AHEAD = 3
_got: dict[str, int] = {}


async def _watch(url: str, request: str) -> None:
    async with connect(url, proxy=None, compression=None, max_queue=2) as socket:
        for _ in range(_AHEAD):
            await socket.send(request)
        async for message in socket:
            if isinstance(message, bytes):
                _got[url] = _got.get(url, 0) + 1
                await socket.send(request)


async def _tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = str(sum(_got.values())).encode()
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def _main() -> None:
    width, urls = int(sys.argv[1]), sys.argv[2:]
    server = await asyncio.start_server(_tell, "127.0.0.1", 0)
    print(f"READY http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.gather(*(_watch(url, f"more {width}" if width else "more") for url in urls))


if __name__ == "__main__":
    asyncio.run(_main())
