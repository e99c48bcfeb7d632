"""How a picture reaches a model: the request, and the form of body that the server takes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from requests import PreparedRequest

from kpstream.endpoints.refusals import refusal, server_message
from kpstream.endpoints.transport import Access, Response, Transport
from kpstream.endpoints.uploads import Body, Form
from kpstream.entities import Filters
from kpstream.errors import ResponseFormatError

Output = Literal["json", "image", "image_and_json"]
"""What a server answers with: the documented ``format``."""

_WANTS_BASE64 = re.compile(r"base64|multipart|form-data|load input image|decode", re.IGNORECASE)


class InferenceClient:
    """Sends pictures to one model of one server; used by any number of threads at once.

    A server that refuses multipart is asked again in base64, once, and in base64 ever after.

    Args:
        url: The server's address.
        model: The model's id.
        access: The key, and how it travels.
        transport: Sends the requests; closed by its owner.
        form: The form of body that is tried first.
        timeout: Seconds for one request, all phases.
    """

    def __init__(
        self, url: str, model: str, *, access: Access, transport: Transport, form: Form, timeout: float
    ) -> None:
        self._url = f"{url}/{model}"
        self._model = model
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        """The server's name and port, without a user's name or password."""
        self._access = access
        self._transport = transport
        self._body = Body(form)
        self._multipart_stays = False
        self._timeout = timeout
        self._prepared = lru_cache(maxsize=16)(self._request)

    def post(
        self,
        picture: bytes,
        filters: Filters,
        output: Output = "json",
        stroke: int | None = None,
        labels: bool | None = None,
    ) -> tuple[Response, int]:
        """Send a picture; blocks for the timeout at most, or twice as long where the form of body changes.

        Args:
            picture: An encoded image file.
            filters: Sent as parameters.
            output: What the server answers with.
            stroke: Width of the server's own lines, in pixels; None leaves it to the server.
            labels: Whether the server writes class names; None leaves it to the server.

        Returns:
            The response, which the server accepted, and the bytes that were sent.

        Raises:
            EndpointError: There is no answer, or one that refuses the picture.
        """
        request = self._prepared(filters, output, stroke, labels)
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

    def post_url(
        self,
        image_url: str,
        filters: Filters,
        output: Output = "json",
        stroke: int | None = None,
        labels: bool | None = None,
    ) -> Response:
        """Have the server fetch a picture itself; otherwise as `post`."""
        request = self._request(filters, output, stroke, labels, image_url)
        return self._accepted(self._transport.exchange(request, self._timeout))

    def _request(
        self,
        filters: Filters,
        output: Output,
        stroke: int | None,
        labels: bool | None,
        image_url: str = "",
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
            "image": image_url,
        }
        return self._access.request("POST", self._url, {name: value for name, value in params.items() if value})

    def _send(self, request: PreparedRequest, body: Body, picture: bytes) -> tuple[Response, int]:
        content = body.wrap(picture)
        request = request.copy()
        request.body = content
        request.headers["Content-Type"] = body.content_type
        request.headers["Content-Length"] = str(len(content))
        return self._transport.exchange(request, self._timeout), len(content)

    def _accepted(self, response: Response) -> Response:
        if not response.accepted:
            raise refusal(response, host=self.host, model=self._model, access=self._access)
        if not response.whole:
            raise ResponseFormatError(f"the answer of {self.host} is longer than any answer can be")
        return response


def percent(share: float) -> str:
    """A share of 0 to 1 in the words of the wire, which knows 0 to 100 but takes what is below 1 for a share.

    So 0.4 is 40, 1.0 is 100, and less than a hundredth can only be sent as it is.
    """
    return f"{100 * share:.6g}" if share >= 0.01 else f"{share:.6g}"


def _refuses_multipart(response: Response) -> bool:
    return response.status in {415, 422} or (
        response.status == 400 and bool(_WANTS_BASE64.search(server_message(response)))
    )
