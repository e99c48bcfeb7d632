"""Roboflow's hosted keypoint endpoint, or any server that speaks its wire, as an Endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from kpstream.endpoints.answer_reader import AnswerReader, Prediction, Sizes
from kpstream.endpoints.hosted import MAX_RATE, credits_for, is_hosted
from kpstream.endpoints.inference import InferenceClient, Output
from kpstream.endpoints.transport import NO_KEY, Access, Transport
from kpstream.endpoints.uploads import Form
from kpstream.endpoints.versions import SkeletonCache, SkeletonLookup
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import EndpointRejected, UsageError
from kpstream.media.jpeg import encoded
from kpstream.media.shrinking import shrunk
from kpstream.redact import redact, remember_secrets
from kpstream.skeleton import Skeleton
from kpstream.wire.classes import ClassRegistry

_MODEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class RoboflowEndpoint:
    """Asks a server that speaks the hosted API's wire; used by any number of threads at once.

    Args:
        model: PROJECT/VERSION, as in ``my-pose/3``, or WORKSPACE/SLUG.
        endpoint_url: The server. The key goes to it, whoever it is.
        api_url: The management API, where the skeleton is asked for.
        api_key: The key; None takes the environment's ROBOFLOW_API_KEY at the first request.
        key_in: How it travels: ``query`` as documented, or ``header`` for ``Authorization: Bearer``.
        upload_size: Longest side of what is sent, in pixels; a picture is never enlarged.
        jpeg_quality: 1 to 100.
        body: ``multipart``, or the documented ``base64``. An endpoint that refuses multipart is asked again in base64,
            once, and in base64 ever after.
        timeout: Seconds for one request, all phases.
        skeletons: By class name, where the user gave them: no server is asked then.
        skeletons_not_found: What `skeletons_not_found` of an earlier endpoint said: they are not looked up again.
        max_in_flight: How many requests at once are of use.
        cache_folder: Where found skeletons are kept; None for the user's cache.

    Raises:
        UsageError: The model or an address is none, or a number is out of range.
    """

    def __init__(
        self,
        model: str,
        *,
        endpoint_url: str = "https://serverless.roboflow.com",
        api_url: str = "https://api.roboflow.com",
        api_key: str | None = None,
        key_in: Literal["query", "header"] = "query",
        upload_size: int = 640,
        jpeg_quality: int = 80,
        body: Form = "multipart",
        timeout: float = 10.0,
        skeletons: Mapping[str, Skeleton] | None = None,
        skeletons_not_found: str = "",
        max_in_flight: int = 32,
        cache_folder: Path | None = None,
    ) -> None:
        self._model = _checked_model(model)
        url = _checked_url("endpoint_url", endpoint_url, key_in)
        _check_numbers(upload_size, jpeg_quality, timeout)
        self._hosted = is_hosted(url)
        self._upload_size = upload_size
        self._jpeg_quality = jpeg_quality
        self._max_in_flight = max_in_flight
        self._access = Access(api_key, key_in)
        self._transport = Transport()
        self._client = InferenceClient(
            url, model, access=self._access, transport=self._transport, form=body, timeout=timeout
        )
        classes = ClassRegistry()
        classes.set_skeletons(skeletons or {})
        self._lookup = SkeletonLookup(
            model,
            _checked_url("api_url", api_url, key_in),
            self._access,
            self._transport,
            classes.set_skeletons,
            hosted=is_hosted(api_url),
            cache=SkeletonCache(cache_folder),
            not_found=skeletons_not_found,
        )
        self._answers = AnswerReader(model, self._client.host, classes, None if skeletons else self._lookup)

    @property
    def name(self) -> str:
        """The model and the host, without any key."""
        return f"{self._model} at {self._client.host}"

    @property
    def skeletons_not_found(self) -> str:
        """Why the skeletons cannot be known, once they were looked up in vain; otherwise empty."""
        return self._lookup.not_found

    @property
    def max_rate(self) -> float:
        """Requests a second: what the hosted service's owner asks for, infinite for any other server."""
        return MAX_RATE if self._hosted else inf

    @property
    def max_in_flight(self) -> int:
        """How many requests at once are of use."""
        return self._max_in_flight

    @property
    def credits_per_request(self) -> float:
        """The least that an answered request costs: the hosted service has a price, any other server has none."""
        return credits_for() if self._hosted else 0.0

    def check(self) -> None:
        """Say before the first picture what would refuse it; sends nothing.

        Raises:
            EndpointRejected: The hosted service is to be asked, and there is no API key.
            UsageError: What was given cannot be a key.
        """
        if self._hosted and not self._access.key:
            raise EndpointRejected(f"{NO_KEY}; kpstream.EmbeddedEndpoint() needs none")

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Block until the endpoint has answered, for the timeout at most; any thread.

        The first calls may take up to 5 s more, in one thread, while the skeleton is looked up.

        Args:
            image: BGR, shape ``(height, width, 3)``; it is only read.
            filters: Sent, and kept to on this side as well.

        Raises:
            EndpointUnavailable: Worth asking again, with a newer frame.
            ResponseFormatError: The answer could not be read; worth asking again.
            EndpointRejected: Asking again is useless.
        """
        self.check()
        picture, shown = shrunk(image, self._upload_size)
        response, sent = self._client.post(encoded(picture, self._jpeg_quality), filters)
        _, poses = self._answers.read(response, filters, Sizes(_size_of(picture), shown, _size_of(image)))
        if not self._hosted:
            return Answer(poses, sent)
        billed = _billed(response.headers)
        return Answer(poses, sent, billed, credits_for(billed))

    def predict(
        self,
        picture: Image | bytes,
        filters: Filters = Filters(),
        *,
        output: Output = "json",
        stroke: int | None = None,
        labels: bool | None = None,
    ) -> Prediction:
        """Ask for one picture, as JSON, as the endpoint's own drawing, or as both; blocks.

        Args:
            picture: BGR, shape ``(height, width, 3)``, sent like a frame; or an image file's bytes, sent as they are.
            filters: As for `infer`.
            output: The documented ``format``.
            stroke: Width of the endpoint's own lines, in pixels.
            labels: Whether the endpoint writes class names.

        Raises:
            EndpointError: As from `infer`.
        """
        self.check()
        if isinstance(picture, bytes):
            response, _ = self._client.post(picture, filters, output, stroke, labels)
            return self._answers.prediction(response, filters, output)
        small, shown = shrunk(picture, self._upload_size)
        response, _ = self._client.post(encoded(small, self._jpeg_quality), filters, output, stroke, labels)
        sizes = Sizes(_size_of(small), shown, _size_of(picture))
        return self._answers.prediction(response, filters, output, sizes)

    def predict_url(
        self,
        url: str,
        filters: Filters = Filters(),
        *,
        output: Output = "json",
        stroke: int | None = None,
        labels: bool | None = None,
    ) -> Prediction:
        """Have the endpoint fetch a picture itself and ask for it; blocks. Nothing is fetched here.

        Args:
            url: Where the picture is; the hosted service takes https only.
            filters: As for `infer`.
            output: The documented ``format``.
            stroke: Width of the endpoint's own lines, in pixels.
            labels: Whether the endpoint writes class names.

        Raises:
            EndpointError: As from `infer`.
        """
        self.check()
        remember_secrets(url)
        response = self._client.post_url(url, filters, output, stroke, labels)
        return self._answers.prediction(response, filters, output)

    def close(self) -> None:
        """Give up the requests in flight, at once, and the connections. Idempotent; any thread."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<RoboflowEndpoint {self.name}>"


def _size_of(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    return width, height


def _checked_model(model: str) -> str:
    if not _MODEL.fullmatch(model):
        raise UsageError(f"{redact(model)[:80]!r} is no model id: give PROJECT/VERSION, as in my-pose/3")
    return model


def _checked_url(option: str, url: str, key_in: str) -> str:
    try:
        place = urlsplit(url)
        whole = place.scheme in {"http", "https"} and place.hostname and place.port != 0
    except ValueError:
        whole = False
    if not whole or place.query or place.fragment or not url.isprintable() or " " in url:
        raise UsageError(f"{redact(url)} is no address: give http(s)://HOST[:PORT]", option=option)
    if place.scheme == "http" and is_hosted(url):
        raise UsageError(f"{redact(url)} would send the API key in the clear: give https://", option=option)
    if place.username is not None and key_in == "header":
        raise UsageError("cannot carry a user name while the key is in the header: use `key_in` query", option=option)
    return url.rstrip("/")


def _check_numbers(upload_size: int, jpeg_quality: int, timeout: float) -> None:
    if not 1 <= upload_size <= 16384:
        raise UsageError("must be between 1 and 16384 pixels", option="upload_size")
    if not 1 <= jpeg_quality <= 100:
        raise UsageError("must be between 1 and 100", option="jpeg_quality")
    if not 0 < timeout < inf:
        raise UsageError("must be more than 0 seconds", option="timeout")


def _billed(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("x-processing-time", "0"))
    except ValueError:
        return 0.0
    return max(0.0, seconds) if isfinite(seconds) else 0.0
