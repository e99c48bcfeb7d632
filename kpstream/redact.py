"""Keys and passwords out of any text. The one place that knows how; every message for people passes here."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_MASK = "***"
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@'\"]*(?:@[^/\s@'\"]*)*@", re.IGNORECASE)
_QUERY = re.compile(
    r"(?P<name>\b(?:api_?key|key|token|password|passwd|pwd|secret|access_token|auth)=)[^&\s'\"#)]+", re.IGNORECASE
)
_BEARER = re.compile(r"(?P<name>\bBearer\s+)\S+", re.IGNORECASE)
_secrets: set[str] = set()


def remember(secret: str) -> None:
    """Make every later `redact` remove this very text, however it is quoted. Short texts are not secrets."""
    if len(secret) >= 4:
        _secrets.update({secret, quote(secret, safe=""), unquote(secret)})


def redact(text: object) -> str:
    """The text without API keys, passwords in URLs, and every secret that was remembered."""
    plain = str(text)
    for secret in sorted(_secrets, key=len, reverse=True):
        plain = plain.replace(secret, _MASK)
    plain = _USERINFO.sub(rf"\g<scheme>{_MASK}@", plain)
    plain = _QUERY.sub(rf"\g<name>{_MASK}", plain)
    return _BEARER.sub(rf"\g<name>{_MASK}", plain)
