"""What an error tells to whoever walks through it."""

from __future__ import annotations


def texts_of(error: BaseException) -> str:
    """All that can be found by walking from an error: its texts, attributes, causes and contexts."""
    seen: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None:
            seen += [repr(each), str(each), repr(each.args), repr(vars(each))]
            seen += [repr(getattr(each, name, None)) for name in ("filename", "strerror", "log", "__notes__")]
            waiting += [each.__cause__, each.__context__]
    return "\n".join(seen)
