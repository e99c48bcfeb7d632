"""The routes about the server itself: which models it has, who it is, whether it is well."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kpstream.server.bodies import model_id_of, parse_object, read_body
from kpstream.server.keys import ApiKeyCheck
from kpstream.server.management import TASK, json_response

_MAX_IDS = 100
_INPUT_SIDE = 640
"""The size that clients shrink pictures to before they send them."""


class Registry:
    """The ids by which clients know the model. They add theirs before they use it; it works without, too.

    Args:
        key_check: Who is let in.
    """

    def __init__(self, key_check: ApiKeyCheck) -> None:
        self._key_check = key_check
        self._ids: dict[str, None] = {}
        self._uuid = str(uuid4())

    def routes(self) -> list[Route]:
        """All routes of this module."""
        return [
            Route("/info", self._info, methods=["GET"]),
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readiness", self._readiness, methods=["GET"]),
            Route("/model/registry", self._list, methods=["GET"]),
            Route("/model/add", self._add, methods=["POST"]),
            Route("/model/remove", self._remove, methods=["POST"]),
            Route("/model/clear", self._clear, methods=["POST"]),
        ]

    async def _info(self, _: Request) -> Response:
        try:
            ours = version("kpstream")
        except PackageNotFoundError:
            ours = "unknown"
        return json_response({"name": "kpstream", "version": ours, "uuid": self._uuid})

    async def _healthz(self, _: Request) -> Response:
        return json_response({"status": "healthy"})

    async def _readiness(self, _: Request) -> Response:
        return json_response({"status": "ready"})

    async def _list(self, request: Request) -> Response:
        self._key_check.check(request)
        return self._known()

    async def _add(self, request: Request) -> Response:
        body = parse_object(await read_body(request))
        self._key_check.check(request, body.get("api_key"))
        model_id = model_id_of(body)
        if len(self._ids) >= _MAX_IDS:
            self._ids.clear()  # nothing is lost: clients add again what they miss
        self._ids[model_id] = None
        return self._known()

    # Official clients send no key with these two, and nothing but a name in a list is gone afterwards.

    async def _remove(self, request: Request) -> Response:
        self._ids.pop(model_id_of(parse_object(await read_body(request))), None)
        return self._known()

    async def _clear(self, _: Request) -> Response:
        self._ids.clear()
        return self._known()

    def _known(self) -> Response:
        size = {"batch_size": 1, "input_height": _INPUT_SIDE, "input_width": _INPUT_SIDE}
        return json_response({"models": [{"model_id": name, "task_type": TASK, **size} for name in self._ids]})
