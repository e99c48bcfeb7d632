"""Keys and passwords out of any text. The one place that knows how; every message for people passes here."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

_MASK = "***"
# With one slash as well: what becomes a path on its way loses the other.
_USERINFO = re.compile(r"(?P<before>[a-z][a-z0-9+.-]+:/{1,2})(?:[^\s/@'\"]*:[^\s'\"]*|[^\s/'\"]*)@", re.IGNORECASE)
# An address without its scheme.
_LOGIN = re.compile(r"(?P<before>^|[\s'\"(\[{=,/])[^\s/:@'\"]+:(?!/)[^\s'\"]*@(?=[\w\[.-])")
_NAMES = r"(?:[\w-]*(?:api-?_?key|token|secret|signature|passw(?:or)?d|passwd)|key|pass|pwd|psw|pas|loginpas|sig|auth)"
_QUERY = re.compile(rf"(?P<before>\b{_NAMES}=)[^&\s'\"#)]+", re.IGNORECASE)
_MEMBER = re.compile(rf"(?P<before>(?:['\"]{_NAMES}['\"]|\b\w+-[\w-]*key)\s*:\s*['\"]?)[^\s'\",]+", re.IGNORECASE)
_HEADER = re.compile(r"(?P<before>\bBearer\s+|\bAuthorization:\s*\w+\s+)\S+", re.IGNORECASE)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_QUOTED_BYTE = re.compile("%[0-9A-F]{2}")
_secrets: set[str] = set()


def remember(secret: str) -> None:
    """Make every later `redact` remove this very text, however it is quoted. Short texts are not secrets."""
    if len(secret) >= 4:
        quoted = {quote(secret, safe=""), quote_plus(secret)}
        lower = {_QUOTED_BYTE.sub(lambda match: match[0].lower(), text) for text in quoted}
        _secrets.update({secret, unquote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}, quoted, lower)


def remember_secrets(address: str) -> None:
    """`remember` the password in an address, and the secret parameters of its query."""
    try:
        parts = urlsplit(address)
        password = parts.password or ""
    except ValueError:  # brackets that do not match
        return
    remember(password)
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.fullmatch(name):
            remember(value)


def redact(text: object) -> str:
    """The text without API keys, passwords in URLs, and every secret that was remembered."""
    plain = without_remembered(str(text))
    plain = _USERINFO.sub(rf"\g<before>{_MASK}@", plain)
    for pattern in (_QUERY, _MEMBER, _HEADER):
        plain = pattern.sub(rf"\g<before>{_MASK}", plain)
    return _LOGIN.sub(rf"\g<before>{_MASK}@", plain)


def without_remembered(text: str) -> str:
    """The text without the secrets that were remembered; for names and other data, whose form means nothing."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text
