"""Viewers of a page in a process of their own: ``python page_viewers.py SECONDS WS_URL...``.

Each asks for pictures as a page does. In the end a line says how many pictures each of them got, in the order of the
addresses.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import connect


async def look(url: str, seconds: float) -> int:
    """Take pictures for a while; returns how many."""
    pictures = 0
    async with connect(url, proxy=None, compression=None, max_queue=2) as socket:
        try:
            async with asyncio.timeout(seconds):
                for _ in range(3):
                    await socket.send("more")
                while True:
                    if isinstance(await socket.recv(), bytes):
                        pictures += 1
                        await socket.send("more")
        except TimeoutError:
            return pictures


async def main() -> None:
    """Let all of them look at once."""
    seconds, urls = float(sys.argv[1]), sys.argv[2:]
    print("READY", flush=True)
    print(*await asyncio.gather(*(look(url, seconds) for url in urls)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
