"""The section of a site's file about the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpstream.errors import UsageError
from kpstream.options import Network, parse_listen
from kpstream.site_file.fault_log import FaultLog

if TYPE_CHECKING:
    from kpstream.web import Page

_LISTEN = "127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class PagePlan:
    """Where the page is served, and how."""

    host: str
    port: int
    token: str | None = field(default=None, repr=False)
    own_certificate: bool = False
    """Whether a certificate is made on the spot."""
    certificate: Path | None = None
    certificate_key: Path | None = None
    names: tuple[str, ...] = ()
    """Host names that it is called by, beside this machine's own and those of its certificate."""
    embed: tuple[str, ...] = ()
    """Origins of pages that may show it."""
    proxies: tuple[Network, ...] = ()
    """Who may say how it is reached."""
    recordings: Path | None = None
    """The folder whose videos it lists."""
    edit_zones: bool = False
    """Whether it may write the zones and lines of the file."""

    def make_page(self, own_token: str | None = None) -> Page:
        """The page, not served yet.

        Args:
            own_token: What it wants to be shown where the file names no token; None makes one where one is needed.

        Raises:
            UsageError: The token is too short.
        """
        from kpstream.web import Certificate, Page

        tls = Certificate(self.certificate, self.certificate_key) if self.own_certificate or self.certificate else None
        token = self.token or own_token
        return Page(
            host=self.host,
            port=self.port,
            token=token,
            tls=tls,
            names=self.names,
            embed=self.embed,
            proxies=self.proxies,
            recordings=self.recordings,
        )


def plan_page(written: Mapping[str, Any], record: Mapping[str, Any] | None, faults: FaultLog) -> PagePlan:
    """What the sections of a file say of the page; only of use without faults.

    Args:
        written: The section of the page.
        record: The section of the recordings, which the page lists; None where there is none.
        faults: Takes the faults.
    """
    try:
        host, port = parse_listen(written.get("listen", _LISTEN))
    except ValueError as error:
        faults.add("[web] listen", f"{error}, as in 8080 or 0.0.0.0:8080")
        host, port = "", 0
    tls, certificate, key = (written.get(name) for name in ("tls", "tls_cert", "tls_key"))
    if (certificate is None) != (key is None) or (tls and certificate):
        faults.add("[web] tls", "give tls_cert and tls_key, both of them, or tls = 'self', or none of them")
    token = written.get("token_env")
    web = PagePlan(
        host=host or "127.0.0.1",
        port=port,
        token=faults.variable("[web] token_env", token) if token else None,
        own_certificate=tls == "self",
        certificate=faults.path(certificate) if certificate else None,
        certificate_key=faults.path(key) if key else None,
        names=tuple(written.get("names", ())),
        embed=tuple(written.get("embed", ())),
        proxies=tuple(written.get("proxy", ())),
        recordings=faults.path(record["folder"]) if record and record.get("folder") else None,
        edit_zones=written.get("edit_zones", False),
    )
    try:
        if web.token != "":  # that it is missing is a fault already
            web.make_page().close()
    except UsageError as error:
        faults.add("[web]", str(error))
    return web
