"""A page that cannot be served yet: an address that is not there, a port that is still taken, a certificate to come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kpstream.errors import UsageError
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.web.serving import Page

_RETRY_AFTER = 3.0
"""Seconds between two tries."""
_log = logging.getLogger("kpstream")


class PageStarter:
    """Starts a page, and tries again until it can be served; for what runs for days whether it is seen or not.

    Args:
        page: Closed with this.
        on_started: Called once the page answers, by whichever thread started it.
        retry_after: Seconds between two tries.
    """

    def __init__(self, page: Page, on_started: Callable[[], None], *, retry_after: float = _RETRY_AFTER) -> None:
        self._page = page
        self._on_started = on_started
        self._retry_after = retry_after
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_trying, name="kpstream-web-start", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Try once, and go on on a thread where that fails; blocks for the one try."""
        if not self._try():
            self._thread.start()

    def close(self) -> None:
        """Try no more, and close the page. Blocks for a few seconds at most; idempotent."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._page.close()

    def _keep_trying(self) -> None:
        while not self._ended.wait(self._retry_after):
            if self._try():
                return

    def _try(self) -> bool:
        try:
            self._page.start()
        except UsageError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.warning("no page yet: %s - tried again until it can be served", in_file(redact(error)))
            return False
        self._on_started()
        return True

    def __repr__(self) -> str:
        return f"<PageStarter of {self._page!r}, {self._trouble or 'no trouble'}>"
