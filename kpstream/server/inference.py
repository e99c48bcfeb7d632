"""The routes that find poses: ``/{project}/{version}`` and ``/infer/keypoints_detection``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from kpstream.server.answers import Answer, as_json
from kpstream.server.bodies import has_body, model_id_of, parse_object, read_body
from kpstream.server.faults import invalid, refused, unreadable
from kpstream.server.image_urls import ImageUrls
from kpstream.server.keys import ApiKeyCheck
from kpstream.server.management import Answering
from kpstream.server.parameters import Question, from_json, from_query
from kpstream.server.request_picture import UNDECODABLE, encoded_picture

_MAX_PICTURES = 64
"""In one request of the JSON route."""
_NO_NUMPY = "NumPy image type is not supported in this configuration of `inference`."
_NO_FILES = "Loading images from local filesystem is disabled."
_UNKNOWN_TYPE = "Image declaration contains not recognised image type."
_REFUSED_TYPES = {"numpy": _NO_NUMPY, "numpy_object": _NO_NUMPY, "file": _NO_FILES}
_T = TypeVar("_T")


class Inference:
    """Takes pictures in and answers with poses.

    Nothing that computes or waits for others runs on the event loop: the network, decoding and drawing run on a few
    threads, as many as are of use; downloads on threads of their own, so that a slow host delays no other request.

    Args:
        answer: Answers a picture: its file, what to say where it is none, and what is asked for; blocks.
        key_check: Who is let in.
        image_urls: What fetches pictures.
        project: What answers a GET without a picture.
        max_waiting: How many requests may be under way; further ones are answered 503.
    """

    def __init__(
        self,
        answer: Callable[[bytes, str, Question], Answer],
        key_check: ApiKeyCheck,
        image_urls: ImageUrls,
        project: Answering,
        *,
        max_waiting: int,
    ) -> None:
        self._answer = answer
        self._key_check = key_check
        self._image_urls = image_urls
        self._project = project
        self._max_waiting = max_waiting
        self._under_way = 0

    async def by_path(self, request: Request) -> Response:
        """Answer ``/{project}/{version}``; its path parameters are ``first`` and ``second``."""
        query = request.query_params
        if request.method != "POST" and "image" not in query and not has_body(request):
            return await self._project(request)
        self._key_check.check(request)
        question = from_query(query)
        if (kind := query.get("image_type", "base64").lower()) in _REFUSED_TYPES:
            raise unreadable(_REFUSED_TYPES[kind])
        with self._place():
            found = await self._answer_request(request, question)
        return _response(found, f"{request.path_params['first']}/{request.path_params['second']}")

    async def by_json(self, request: Request) -> Response:
        """Answer ``POST /infer/keypoints_detection``, one picture or a list of them."""
        with self._place():
            body = await _compute(request, parse_object, await read_body(request))
            self._key_check.check(request, body.get("api_key"))
            model_id = model_id_of(body)
            question = from_json(body)
            declared = body.get("image")
            pictures = declared if isinstance(declared, list) else [declared]
            if len(pictures) > _MAX_PICTURES:
                raise unreadable(f"At most {_MAX_PICTURES} images are taken in one request.")
            answers = [await self._answer_declared(request, picture, question) for picture in pictures]
        return _response(answers if isinstance(declared, list) else answers[0], model_id)

    async def _answer_declared(self, request: Request, declared: object, question: Question) -> Answer:
        """Answer one picture of a JSON body: a type and a value."""
        kind, value = _declaration(declared)
        if kind == "url":
            return await self._answer_url(request, value, question)
        if kind == "base64":
            return await _compute(request, self._answer_body, value.encode(errors="replace"), "", question)
        raise unreadable(_REFUSED_TYPES.get(kind, _UNKNOWN_TYPE))

    async def _answer_request(self, request: Request, question: Question) -> Answer:
        content_type = request.headers.get("content-type", "")
        url = request.query_params.get("image")
        # A body beside `image=` is not looked at, except multipart: so the hosted service has it.
        if url and "multipart/form-data" not in content_type.lower():
            return await self._answer_url(request, url, question)
        return await _compute(request, self._answer_body, await read_body(request), content_type, question)

    async def _answer_url(self, request: Request, url: str, question: Question) -> Answer:
        encoded = await _fetch(request, self._image_urls.fetch, url)
        return await _compute(request, self._answer, encoded, UNDECODABLE, question)

    def _answer_body(self, body: bytes, content_type: str, question: Question) -> Answer:
        """Take the picture out of a body and answer it; in one go, for each hand-over to a thread costs."""
        return self._answer(*encoded_picture(body, content_type), question)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the places of requests under way."""
        if self._under_way >= self._max_waiting:
            raise refused(503, "Too many requests at once. Try again.", {"Retry-After": "1"})
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


async def _compute(request: Request, work: Callable[..., _T], *arguments: Any) -> _T:
    return await asyncio.get_running_loop().run_in_executor(request.state.computing, work, *arguments)


async def _fetch(request: Request, work: Callable[[str], bytes], url: str) -> bytes:
    return await asyncio.get_running_loop().run_in_executor(request.state.fetching, work, url)


def _declaration(declared: object) -> tuple[str, str]:
    """The type and the value of a picture in JSON; a bare text is a URL or base64, by how it begins."""
    if isinstance(declared, str):
        return ("url" if declared.startswith("http") else "base64"), declared
    if not isinstance(declared, dict):
        raise invalid(("body", "image"), "model_attributes_type", "Input should be a valid dictionary", declared)
    kind, value = declared.get("type"), declared.get("value")
    if not isinstance(kind, str):
        raise invalid(("body", "image", "type"), "string_type", "Input should be a valid string", kind)
    if not isinstance(value, str):
        raise invalid(("body", "image", "value"), "string_type", "Input should be a valid string", value)
    return kind.lower(), value


def _response(found: Answer | list[Answer], model_id: str) -> Response:
    answers = found if isinstance(found, list) else [found]
    headers = {
        "x-processing-time": f"{sum(one.seconds for one in answers):.6f}",
        "x-model-cold-start": "false",
        "x-model-id": quote(model_id, safe="/", errors="replace"),
    }
    if answers and answers[0].content is None:
        return Response(answers[0].drawing, media_type="image/jpeg", headers=headers)
    content = [one.content for one in answers] if isinstance(found, list) else found.content
    return Response(as_json(content), media_type="application/json", headers=headers)
