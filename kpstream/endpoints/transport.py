"""One HTTP exchange at a time and thread: bounded in time and in size, and given up at once on `Transport.close`.

Proxies and certificate bundles come from the environment as with any program (HTTPS_PROXY, REQUESTS_CA_BUNDLE).
A .netrc does not: requests are sent prepared, so nothing but our own key ever authorises them.
"""

from __future__ import annotations

import http.client
import logging
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import select_proxy

from kpstream.endpoints.connections import Adapter, SocketRegistry
from kpstream.endpoints.failures import Way, check_certificates, translated
from kpstream.errors import EndpointUnavailable, UsageError
from kpstream.redact import redact, remember, remember_secrets

MAX_BODY = 16 * 2**20
WRONG_KEY = "check ROBOFLOW_API_KEY or `api_key`"
NO_KEY = "no API key: put it in ROBOFLOW_API_KEY, or give `api_key`"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Keys in any case."""
    body: bytes = field(repr=False)
    whole: bool = True
    """False when the body is longer than the limit, of which nothing was read, or no more than the limit."""

    @property
    def accepted(self) -> bool:
        """Whether the status says that the request was served."""
        return 200 <= self.status < 300


class Access:
    """The API key, and how it travels.

    Args:
        api_key: The key; None takes the environment's ROBOFLOW_API_KEY when it is first needed.
        key_in: ``query`` as documented, or ``header`` for ``Authorization: Bearer``.
    """

    def __init__(self, api_key: str | None = None, key_in: Literal["query", "header"] = "query") -> None:
        self._given = api_key
        self._key_in = key_in

    @cached_property
    def key(self) -> str | None:
        """The key; None where there is none.

        Raises:
            UsageError: What was given cannot be a key.
        """
        key = (os.environ.get("ROBOFLOW_API_KEY", "") if self._given is None else self._given).strip()
        remember(key)
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(f"the API key holds characters that no key has: {WRONG_KEY}")
        return key or None

    def request(
        self, method: str, url: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> requests.PreparedRequest:
        """Prepare a request without a body, with the key where it belongs."""
        params, headers = dict(params), {"User-Agent": "kpstream", "Accept-Encoding": "identity", **(headers or {})}
        if self.key and self._key_in == "query":
            params = {"api_key": self.key, **params}
        elif self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return requests.Request(method, url, params=params, headers=headers).prepare()


class Transport:
    """Sends requests, one at a time in each thread and any number of threads at once.

    Args:
        max_body: The most bytes of a body that are read; of one that declares itself longer, none.
    """

    def __init__(self, *, max_body: int = MAX_BODY) -> None:
        self._max_body = max_body
        self._registry = SocketRegistry()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._adapters: weakref.WeakSet[Adapter] = weakref.WeakSet()  # a thread that ends takes its own along
        self._environments: dict[str, Any] = {}
        self._proven = False
        for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
            logging.getLogger(name).addFilter(_without_keys)  # their debug lines hold whole URLs

    def exchange(self, request: requests.PreparedRequest, timeout: float) -> Response:
        """Send one request and read its answer, whatever its status; blocks for ``timeout`` seconds at most.

        Redirects are answers like any other. (A name look-up takes as long as the system makes it.)

        Raises:
            EndpointUnavailable: No answer came, or not all of it in time, or this transport is closed.
            EndpointRejected: The server's certificate is not to be trusted, or the environment names a proxy or
                certificates that are not there.
        """
        if self._registry.closed:
            raise EndpointUnavailable("the endpoint is closed")
        self._registry.start(timeout)
        try:
            return self._exchange(request, timeout)
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            failure = translated(error, self._way(request), timeout, closed=self._registry.closed)
        # Raised out here: inside, it would carry the error with the URL and the key in its __context__.
        raise failure

    def close(self) -> None:
        """End every exchange at once, in whatever thread, and every later one before it starts. Idempotent."""
        self._registry.close()
        with self._lock:
            adapters = list(self._adapters)
        for adapter in adapters:
            adapter.close()

    def _exchange(self, request: requests.PreparedRequest, timeout: float) -> Response:
        # Not through a session, which would follow redirects, and so send the key and the picture elsewhere.
        response = self._adapter().send(request, stream=True, timeout=timeout, **self._environment(request))
        try:
            # What says itself that it is too long is not read at all: many threads would hold many megabytes.
            too_long = _declared_length(response) > self._max_body
            body = b"" if too_long else response.raw.read(self._max_body + 1, decode_content=True)
        finally:
            response.close()  # a connection whose answer was read to its end has been given back before
        self._proven = True
        whole = not too_long and len(body) <= self._max_body
        return Response(response.status_code, response.headers, body[: self._max_body], whole)

    def _adapter(self) -> Adapter:
        adapter: Adapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = Adapter(self._registry)
            with self._lock:
                self._adapters.add(adapter)
        return adapter

    def _environment(self, request: requests.PreparedRequest) -> Any:
        # Proxies and certificates are looked up once a host: it takes longer than the rest of the sending.
        place = urlsplit(request.url or "")
        known = self._environments.get(place.netloc)
        if known is None:
            with requests.Session() as session:
                settings = session.merge_environment_settings(
                    f"{place.scheme}://{place.netloc}/", {}, stream=None, verify=None, cert=None
                )
            known = {name: settings[name] for name in ("proxies", "verify", "cert")}
            if place.scheme == "https" and isinstance(known["verify"], str):
                check_certificates(known["verify"])
            self._environments[place.netloc] = known
        return known

    def _way(self, request: requests.PreparedRequest) -> Way:
        url = request.url or ""
        place = urlsplit(url)
        known = self._environments.get(place.netloc)
        proxy = str(select_proxy(url, known["proxies"]) or "") if known else ""
        remember_secrets(proxy)
        name = str(place.hostname)
        return Way(place.scheme, f"{name}:{place.port}" if place.port else name, name, proxy, self._proven)


def _declared_length(response: requests.Response) -> int:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _without_keys(record: logging.LogRecord) -> bool:
    record.msg, record.args = redact(record.getMessage()), ()
    return True
