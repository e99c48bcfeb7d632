"""Keys and passwords out of any text. The one place that knows how; every message for people passes here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

_MASK = "***"
# With one slash as well: what becomes a path on its way loses the other.
_USERINFO = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]{1,30}:/{1,2})(?!USER:PASSWORD@)(?:[^\s/@'\"]*:[^\s'\"]*|[^\s/'\"]*)@", re.IGNORECASE
)
# An address without its scheme.
_LOGIN = re.compile(r"(?P<before>^|[\s'\"(\[{=,/])(?!USER:PASSWORD@)[^\s/:@'\"]+:(?!/)[^\s'\"]*@(?=[\w\[.-])")
_END_OF_NAME = (
    r"(?:(?:api|access|account|auth|device|license|private|security|session|share|stream)[-_]?key|token|secret"
    r"|signature|credentials?|passw(?:or)?d|passwd|passwort|passphrase|passcode|jwt|ticket)"
)
_END_AFTER_DASH = r"(?:key|pass|pwd|psw|pas|pw|sig|auth|hmac|sid|sessionid)"
_WHOLE_NAME = r"(?:(?:user|usr|login|admin|cam)_?(?:pass?|pwd|pw)|hdnea|hdnts)"
_NAMES = rf"(?:[\w-]*{_END_OF_NAME}|(?:[\w-]*[-_])?{_END_AFTER_DASH}|{_WHOLE_NAME})\d*"
# What a name begins with is left out where it is searched for: for each of its letters all that follow would be read.
_ENDS_OF_NAMES = rf"(?:{_END_OF_NAME}|(?<![^\W_]){_END_AFTER_DASH}|\b{_WHOLE_NAME})\d*"
# Where a remembered secret is a part of such a name ("client_secret"), the mask stands in its place.
_MASKED_NAME = r"(?<![\w-])[\w-]*\*{3}[\w-]*"
_QUERY = re.compile(rf"(?P<before>(?:{_ENDS_OF_NAMES}|{_MASKED_NAME})=)[^&\s'\"#)]+", re.IGNORECASE)
_MEMBER = re.compile(
    rf"(?P<before>(?:['\"](?:{_NAMES}|{_MASKED_NAME})['\"]|\w-[\w-]{{0,60}}key)\s*:\s*['\"]?)[^\s'\",]+", re.IGNORECASE
)
_HEADER = re.compile(r"(?P<before>\bBearer\s+|\bAuthorization:\s*\w+\s+)\S+", re.IGNORECASE)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile("[/?#]")
_HOST_BEHIND = re.compile(
    r"@(?=(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?(?:[/?#]|$))", re.IGNORECASE
)
_SAFE = "%!$&'()*+,;="
_QUOTED_BYTE = re.compile("%[0-9A-F]{2}")
_secrets: set[str] = set()
_variables: set[str] = set()


def remember(secret: str) -> None:
    """Make every later `redact` remove this very text, however it is quoted. Short texts are not secrets."""
    if len(secret) >= 4:
        quoted = {quote(secret, safe=""), quote_plus(secret)}
        lower = {_QUOTED_BYTE.sub(lambda match: match[0].lower(), text) for text in quoted}
        _secrets.update({secret, unquote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}, quoted, lower)


def remembered() -> frozenset[str]:
    """All that was remembered, for another process of this program to remember; shown to nobody."""
    return frozenset(_secrets)


def remember_variable(name: str) -> None:
    """Have every later `without_secret_variables` leave a variable out, whatever it holds."""
    _variables.add(name)


def without_secret_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables that were remembered, for programs that are not ours."""
    return {name: value for name, value in environment.items() if name not in _variables}


def with_login_quoted(address: str) -> str:
    """The address with its password written so that every reader of addresses finds the host behind it.

    People paste passwords with ``@``, ``#``, ``/`` or ``?`` in them, which end what they stand in. Where only one
    reading is possible, or likely, that one is taken; all else is left as it is.
    """
    found = _ADDRESS.fullmatch(address)
    split = None if found is None else _login_and_rest(found["rest"])
    if found is None or split is None:
        return address
    user, _, password = split[0].partition(":")
    return f"{found['scheme']}{quote(user, safe=_SAFE)}:{quote(password, safe=_SAFE)}@{split[1]}"


def may_hide_a_login(address: str) -> bool:
    """Whether an address may hold a password that cannot be told from its host, port and path."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return False
    authority = _ENDS.split(found["rest"], maxsplit=1)[0]
    return "@" not in authority and ":" in authority and _HOST_BEHIND.search(found["rest"]) is not None


def _login_and_rest(rest: str) -> tuple[str, str] | None:
    """What stands before and behind the ``@`` of the login; None where the usual reading of addresses is right."""
    authority = _ENDS.split(rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" in authority:
        # No media stream has a fragment with a host in it.
        at = _HOST_BEHIND.search(rest, len(authority)) if tail.startswith("#") and ":" in authority else None
    else:
        _, colon, port = authority.rpartition(":")
        is_port = port.isascii() and port.isdecimal()
        at = _HOST_BEHIND.search(rest) if colon and (tail.startswith("#") or (port and not is_port)) else None
    return None if at is None else (rest[: at.start()], rest[at.end() :])


def remember_secrets(address: str) -> None:
    """`remember` the password in an address, and the secret parameters of its query."""
    try:
        parts = urlsplit(with_login_quoted(address))
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
    may_hold_logins = "@" in plain
    if may_hold_logins:
        plain = _USERINFO.sub(rf"\g<before>{_MASK}@", plain)
    for pattern in (_QUERY, _MEMBER, _HEADER):
        plain = pattern.sub(rf"\g<before>{_MASK}", plain)
    return _LOGIN.sub(rf"\g<before>{_MASK}@", plain) if may_hold_logins else plain


def without_remembered(text: str) -> str:
    """The text without the secrets that were remembered; for names and other data, whose form means nothing."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text
