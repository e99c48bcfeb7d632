"""Roboflow's hosted keypoint endpoint, or any server that speaks its wire, as an Endpoint."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from requests import PreparedRequest

from kpstream.endpoints.hosted import MAX_RATE, credits_for, is_hosted
from kpstream.endpoints.refusals import refusal, server_message
from kpstream.endpoints.transport import NO_KEY, Access, Response, Transport
from kpstream.endpoints.uploads import Body, Form, jpeg, shrunk
from kpstream.endpoints.versions import SkeletonCache, SkeletonLookup
from kpstream.entities import Answer, Filters, Image, Pose
from kpstream.errors import EndpointRejected, ResponseFormatError, UsageError
from kpstream.redact import redact, remember_secrets
from kpstream.skeleton import Skeleton
from kpstream.wire.mend import mended
from kpstream.wire.read import ClassRegistry, Reading, read_answer, read_json, rescaled, without_secrets

Output = Literal["json", "image", "image_and_json"]

_MODEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_WANTS_BASE64 = re.compile(r"base64|multipart|form-data|load input image|decode", re.IGNORECASE)
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The endpoint's answer to a single picture."""

    document: dict[str, Any] | None
    """The JSON as answered, without what the filters leave out and without the drawing, in pixels of the picture that
    was given. None where only the drawing was asked for."""
    drawing: bytes | None = field(repr=False)
    """What the endpoint itself drew, an encoded image file; None where it was not asked for."""
    poses: tuple[Pose, ...]
    """The same as poses; empty where there is no document."""


class _Sizes(NamedTuple):
    """The sizes of a picture on its way, each (width, height) in pixels."""

    sent: tuple[int, int]
    """What was sent."""
    shown: tuple[int, int]
    """The part of the whole that it shows."""
    whole: tuple[int, int]


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
        max_in_flight: int = 32,
        cache_folder: Path | None = None,
    ) -> None:
        self._model = _checked_model(model)
        self._url = f"{_checked_url('endpoint_url', endpoint_url, key_in)}/{model}"
        _check_numbers(upload_size, jpeg_quality, timeout)
        self._host = urlsplit(self._url).netloc.rpartition("@")[2]
        self._hosted = is_hosted(self._url)
        self._upload_size = upload_size
        self._jpeg_quality = jpeg_quality
        self._timeout = timeout
        self._max_in_flight = max_in_flight
        self._access = Access(api_key, key_in)
        self._transport = Transport()
        self._body = Body(body)
        self._multipart_stays = False
        self._classes = ClassRegistry()
        self._classes.set_skeletons(skeletons or {})
        self._lookup = SkeletonLookup(
            model,
            _checked_url("api_url", api_url, key_in),
            self._access,
            self._transport,
            self._classes.set_skeletons,
            hosted=is_hosted(api_url),
            cache=SkeletonCache(cache_folder),
        )
        self._look_up = not skeletons
        self._warned: set[str] = set()
        self._prepared = lru_cache(maxsize=16)(self._request)

    @property
    def name(self) -> str:
        """The model and the host, without any key."""
        return f"{self._model} at {self._host}"

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
        response, sent = self._post(self._prepared(filters), jpeg(picture, self._jpeg_quality))
        _, poses = self._read(response, _Sizes(_size_of(picture), shown, _size_of(image)), filters)
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
        request = self._request(filters, output, stroke, labels)
        if isinstance(picture, bytes):
            return self._prediction(self._post(request, picture)[0], filters, output)
        small, shown = shrunk(picture, self._upload_size)
        response, _ = self._post(request, jpeg(small, self._jpeg_quality))
        return self._prediction(response, filters, output, _Sizes(_size_of(small), shown, _size_of(picture)))

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
        request = self._request(filters, output, stroke, labels, image=url)
        return self._prediction(self._accepted(self._transport.exchange(request, self._timeout)), filters, output)

    def close(self) -> None:
        """Give up the requests in flight, at once, and the connections. Idempotent; any thread."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<RoboflowEndpoint {self.name}>"

    def _request(
        self,
        filters: Filters,
        output: Output = "json",
        stroke: int | None = None,
        labels: bool | None = None,
        *,
        image: str | None = None,
    ) -> PreparedRequest:
        params = {
            "confidence": percent(filters.confidence),
            "overlap": percent(filters.overlap),
            "keypoint_confidence": f"{filters.keypoint_confidence:.6g}",
            "max_detections": str(filters.max_detections),
            "classes": ",".join(filters.classes),
            "format": output,
            "stroke": "" if stroke is None else str(stroke),
            "labels": "" if labels is None else str(labels).lower(),
            "image": image or "",
        }
        return self._access.request("POST", self._url, {name: value for name, value in params.items() if value})

    def _post(self, request: PreparedRequest, picture: bytes) -> tuple[Response, int]:
        """Send a picture; returns the response and the bytes sent."""
        body = self._body
        response, sent = self._send(request, body, picture)
        if body.form == "multipart" and not self._multipart_stays:
            if _refuses_multipart(response):
                body = Body("base64")  # several threads may come here at the same time, each with its first request
                response, again = self._send(request, body, picture)
                sent += again
                if response.accepted:
                    self._body = body
            # Refused in both forms, it is the picture that is at fault.
            self._multipart_stays = response.accepted if body.form == "multipart" else _refuses_multipart(response)
        return self._accepted(response), sent

    def _send(self, request: PreparedRequest, body: Body, picture: bytes) -> tuple[Response, int]:
        content = body.wrap(picture)
        request = request.copy()
        request.body = content
        request.headers["Content-Type"] = body.content_type
        request.headers["Content-Length"] = str(len(content))
        return self._transport.exchange(request, self._timeout), len(content)

    def _accepted(self, response: Response) -> Response:
        if not response.accepted:
            raise refusal(response, host=self._host, model=self._model, access=self._access)
        if not response.whole:
            raise ResponseFormatError(f"the answer of {self._host} is longer than any answer can be")
        return response

    def _read(
        self, response: Response, sizes: _Sizes | None, filters: Filters
    ) -> tuple[dict[str, Any], tuple[Pose, ...]]:
        document, remarks = mended(read_json(response.body), None if sizes is None else sizes.sent)
        if self._look_up:
            self._lookup.look_up_if_due()
        reading = read_answer(document, None if sizes is None else sizes.shown, self._classes)
        self._warn(reading)
        for kind, remark in remarks.items():
            self._warn_once(kind, f"the answers of {self._model} are a little wrong: {redact(remark)}")
        return document, filters.apply(reading.poses)

    def _prediction(
        self,
        response: Response,
        filters: Filters,
        output: Output,
        sizes: _Sizes | None = None,
    ) -> Prediction:
        if output == "image":
            if not response.headers.get("Content-Type", "").startswith("image/"):
                raise ResponseFormatError(f"{self._host} was asked for a drawing and sent none")
            return Prediction(None, response.body, ())
        document, poses = self._read(response, sizes, filters)
        document = without_secrets(document)
        drawing = _drawing(document.pop("visualization", None)) if output == "image_and_json" else None
        if sizes is not None:
            width, height = sizes.whole
            document = {**rescaled(document, sizes.shown), "image": {"width": width, "height": height}}
        kept = [
            item
            for item in document["predictions"]
            if item["confidence"] >= filters.confidence and (not filters.classes or item["class"] in filters.classes)
        ]
        return Prediction({**document, "predictions": kept[: filters.max_detections]}, drawing, poses)

    def _warn(self, reading: Reading) -> None:
        if reading.boxes_only:
            self._warn_once(
                "boxes only", f"{self._model} answers without keypoints: it seems to be an object detection model"
            )
        for pose in reading.poses:
            edges_unknown = len(pose.xy) and not pose.skeleton.edges and not self._classes.is_known(pose.class_name)
            if edges_unknown and (why := self._why_unknown()):
                self._warn_once(
                    "no edges", f"keypoints are drawn without edges: {why}; `skeleton` FILE.json gives the skeleton"
                )

    def _why_unknown(self) -> str:
        if self._look_up:
            return self._lookup.trouble
        return f"the skeleton that was given has only {', '.join(self._classes.known)}"

    def _warn_once(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            _log.warning("%s", redact(text))


def _size_of(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    return width, height


def percent(share: float) -> str:
    """A share of 0 to 1 in the words of the wire, which knows 0 to 100 but takes what is below 1 for a share.

    So 0.4 is 40, 1.0 is 100, and less than a hundredth can only be sent as it is.
    """
    return f"{100 * share:.6g}" if share >= 0.01 else f"{share:.6g}"


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


def _refuses_multipart(response: Response) -> bool:
    return response.status in {415, 422} or (
        response.status == 400 and bool(_WANTS_BASE64.search(server_message(response)))
    )


def _drawing(text: object) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        pass
    raise ResponseFormatError("the endpoint was asked for a drawing, and its answer has none that can be read")


def _billed(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("x-processing-time", "0"))
    except ValueError:
        return 0.0
    return max(0.0, seconds) if isfinite(seconds) else 0.0
