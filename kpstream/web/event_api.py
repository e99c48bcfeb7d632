"""The routes of the events that are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from kpstream.delivery import EventDatabase, EventStore, StoredEvent
from kpstream.delivery.listing import with_marks
from kpstream.delivery.media import media_paths
from kpstream.errors import SourceOpenError
from kpstream.paths import file_inside
from kpstream.redact import redact
from kpstream.web.answers import endless_response, json_response
from kpstream.web.event_payloads import page_after, parse_marks, parse_query
from kpstream.web.event_stream import EventStream
from kpstream.web.payloads import ApiError, read_body

_TYPES = {"clip": "video/mp4", "snapshot": "image/jpeg"}
_WRITES_WITHIN = 5.0
T = TypeVar("T")


class EventApi:
    """The HTTP routes of one event store. What cannot be served is raised as ApiError.

    Args:
        store: Open; None where no events are kept, which every route says then.
    """

    def __init__(self, store: EventStore | None) -> None:
        self._store = store
        self._stream = None if store is None else EventStream(store)

    async def events(self, request: Request) -> Response:
        """The newest events that are wanted, the newest first."""
        query = parse_query(request.query_params, time.time())
        assert query.limit is not None
        one_more = replace(query, limit=query.limit + 1)
        found, unseen, (cameras, rules) = await self._read(
            lambda database: (database.events(one_more)[::-1], database.unseen(), database.names())
        )
        shown = found[: query.limit]
        return json_response(
            {
                "events": [with_marks(event) for event in shown],
                "next": page_after(shown[-1]) if len(found) > len(shown) else None,
                "unseen": unseen,
                "cameras": cameras,
                "rules": rules,
            }
        )

    async def event(self, request: Request) -> Response:
        """One event."""
        return json_response(with_marks(await self._event(request)))

    async def mark(self, request: Request) -> Response:
        """Say that it was seen, that it was a false alarm, that it shall be kept."""
        marks = parse_marks(await read_body(request))
        event, store = await self._event(request), self._needed()
        written = await run_in_threadpool(
            store.write, lambda database: database.mark(event.id, **marks), timeout=_WRITES_WITHIN
        )
        if not written:
            raise ApiError(503, redact(store.trouble) or "that could not be stored in time; it may be yet")
        return await self.event(request)

    async def clip(self, request: Request) -> Response:
        """The pictures before, during and after it."""
        return await self._media(request, "clip")

    async def snapshot(self, request: Request) -> Response:
        """Its strongest moment, drawn."""
        return await self._media(request, "snapshot")

    async def stream(self, request: Request) -> Response:
        """Every change of an event as it is stored, as server-sent events."""
        self._needed()
        assert self._stream is not None
        if self._stream.full:
            raise ApiError(503, "too many viewers")
        last = request.headers.get("last-event-id", "")
        number = int(last) if last.isascii() and last.isdecimal() and len(last) < 18 else None
        return endless_response(self._stream.changes(number), "text/event-stream")

    def close(self) -> None:
        """Let all listeners go. Any thread."""
        if self._stream is not None:
            self._stream.close()

    async def _media(self, request: Request, kind: str) -> Response:
        event = await self._event(request)
        path = await run_in_threadpool(_file_of, self._needed().folder, event, kind)
        if path is None:
            raise ApiError(404, f"this event has no {kind}, or not yet, or no more")
        return FileResponse(path, media_type=_TYPES[kind])

    async def _event(self, request: Request) -> StoredEvent:
        event_id = request.path_params["event"]
        found = await self._read(lambda database: database.event(event_id))
        if found is None:
            raise ApiError(404, "there is no such event")
        return found

    async def _read(self, ask: Callable[[EventDatabase], T]) -> T:
        store = self._needed()
        try:
            return await run_in_threadpool(store.read, ask)
        except SourceOpenError as error:
            raise ApiError(503, redact(error)) from None

    def _needed(self) -> EventStore:
        if self._store is None:
            raise ApiError(404, "no events are kept here: name a folder for them, when you start kpstream")
        return self._store


def _file_of(folder: Path, event: StoredEvent, kind: str) -> Path | None:
    """The file that an event names; None where it is not there, or is not one of this store."""
    for name in media_paths(event.id, [event.document[kind]]):
        if path := file_inside(folder, name):
            return path
    return None
