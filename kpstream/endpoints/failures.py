"""Why no answer came, in our own words.

Nothing of a library's error is kept: it holds the address with the key in it. What passes by itself is
`EndpointUnavailable`; what lasts until the user changes a setting is `EndpointRejected`.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3

from kpstream.endpoints.connections import ConnectTimeout
from kpstream.errors import EndpointError, EndpointRejected, EndpointUnavailable
from kpstream.paths import is_folder
from kpstream.redact import redact

_TLS_ADVICE = "check the machine's clock; where a company inspects traffic, name its certificates in REQUESTS_CA_BUNDLE"
_NO_PROXY_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationParseError,
)
_TUNNEL_REFUSED = {
    "403": "does not let this machine",
    "407": "wants a user name and a password before it lets this machine",
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a server is reached."""

    scheme: str
    host: str
    """Its name, and its port where one is named."""
    name: str
    """Its name alone."""
    proxy: str = field(default="", repr=False)
    """The address of the proxy in between, which may hold a password; empty where there is none."""
    proven: bool = False
    """Whether an answer has come this way before."""

    @property
    def proxy_variable(self) -> str:
        """What names the proxy in the environment."""
        return f"{self.scheme.upper()}_PROXY"

    @property
    def proxy_host(self) -> str:
        """The proxy's name and port."""
        try:
            return urlsplit(self.proxy).netloc.rpartition("@")[2] or redact(self.proxy)
        except ValueError:
            return "***"


def check_certificates(path: str) -> None:
    """See that the certificates that the environment names can be used.

    Args:
        path: A file, or a folder of files.

    Raises:
        EndpointRejected: They cannot.
    """
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    variable = next((name for name in names if os.environ.get(name) == path), names[0])
    reason = ""
    try:
        if is_folder(path):
            return
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "there are no certificates in it"
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
    if reason:
        raise EndpointRejected(f"{variable} names {path} for certificates: {reason}; name another file, or unset it")


def translated(error: Exception, way: Way, timeout: float, *, closed: bool) -> EndpointError:
    """Translate an error of the libraries into one of ours."""
    causes = tuple(_made_from(error))
    host = way.host
    if closed:
        return EndpointUnavailable("the endpoint is closed")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return EndpointRejected(f"the certificate of {host} is not trusted: {_TLS_ADVICE}")
    if way.proxy and (failure := _of_proxy(causes, way)):
        return failure
    if way.proxy:
        host += f" (through the proxy {way.proxy_host})"
    texts: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
        ((ConnectTimeout,), f"no connection to {host}: check the network and the address"),
        ((TimeoutError, urllib3.exceptions.TimeoutError), f"no answer from {host} within {timeout:g} s"),
        ((socket.gaierror,), f"no host {way.name} is found: check the network and the address"),
        ((ConnectionRefusedError,), f"nothing listens at {host}: check the address, or start the server there"),
        ((ssl.SSLError,), f"{host} does not speak TLS as it should: is its address http://, not https://?"),
    )
    for kinds, text in texts:
        if any(isinstance(cause, kinds) for cause in causes):
            return EndpointUnavailable(text)
    return EndpointUnavailable(f"the connection to {host} broke off")


def _of_proxy(causes: tuple[BaseException, ...], way: Way) -> EndpointError | None:
    """What is wrong with the proxy in between; None where it is something else."""
    if any(isinstance(cause, _NO_PROXY_ADDRESS) for cause in causes):
        socks = "; SOCKS wants: pip install 'requests[socks]'" if way.proxy.lower().startswith("socks") else ""
        return EndpointRejected(
            f"{way.proxy_variable} names {way.proxy_host}, which is no proxy that can be used: "
            f"give http://HOST:PORT{socks}"
        )
    if not any(isinstance(cause, urllib3.exceptions.ProxyError) for cause in causes):
        return None
    for cause in causes:
        for status, refuses in _TUNNEL_REFUSED.items():
            if f"Tunnel connection failed: {status}" in str(cause):
                return EndpointRejected(
                    f"the proxy {way.proxy_host} {refuses} through to {way.host}: check {way.proxy_variable}"
                )
    reason = "gives no way"
    for kind, text in (
        (socket.gaierror, "is not found"),
        (ConnectionRefusedError, "is not there"),
        (ConnectTimeout, "does not answer"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            reason = text
    text = f"the proxy {way.proxy_host} {reason}: check {way.proxy_variable}, or name {way.name} in NO_PROXY"
    # A proxy through which answers came will come back; one that never was there is a setting to be mended.
    return EndpointUnavailable(text) if way.proven or reason == "gives no way" else EndpointRejected(text)


def _made_from(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and all that is wrapped in it: requests wraps urllib3's errors, which wrap the system's."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
            waiting += [cause for cause in inner if isinstance(cause, BaseException)]
