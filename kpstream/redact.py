"""Keys and passwords out of any text. The one place that knows how; every message for people passes here."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_MASK = "***"
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:[^\s/@'\"]*:[^\s'\"]*|[^\s/'\"]*)@", re.IGNORECASE)
_NAMES = r"(?:[\w-]*(?:api-?_?key|token|secret|signature|passw(?:or)?d|passwd)|key|pass|pwd|psw|pas|loginpas|sig|auth)"
_QUERY = re.compile(rf"(?P<name>\b{_NAMES}=)[^&\s'\"#)]+", re.IGNORECASE)
_MEMBER = re.compile(rf"(?P<name>(?:['\"]{_NAMES}['\"]|\b\w+-[\w-]*key)\s*:\s*['\"]?)[^\s'\",]+", re.IGNORECASE)
_HEADER = re.compile(r"(?P<name>\bBearer\s+|\bAuthorization:\s*\w+\s+)\S+", re.IGNORECASE)
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
    for pattern in (_QUERY, _MEMBER, _HEADER):
        plain = pattern.sub(rf"\g<name>{_MASK}", plain)
    return plain
