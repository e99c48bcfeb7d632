"""The workers of a pool as the process that deals their requests knows them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count


class Members:
    """Names a member for each file that is begun, and knows which of them a dealer has dealt to that has died.

    What that dealer had dealt is booked until all those members are settled. Where there is a budget, a file that is
    begun meanwhile might find nothing left of it, though much is given back soon.

    Args:
        has_budget: Whether there is one.
    """

    def __init__(self, *, has_budget: bool) -> None:
        self._has_budget = has_budget
        self._members: dict[str, str] = {}
        self._old: set[str] = set()
        self._numbers = count()

    @property
    def may_begin(self) -> bool:
        """Whether another file may be begun now."""
        return not (self._has_budget and self._old)

    @property
    def has_old(self) -> bool:
        """Whether anybody is not settled to whom a dealer has dealt that has died."""
        return bool(self._old)

    def is_old(self, name: str) -> bool:
        """Whether a dealer that has died has dealt to the worker on this file."""
        return name in self._old

    def begin(self, name: str) -> str:
        """Name the member that works on a file from now on."""
        member = self._members[name] = f"{next(self._numbers)} {name}"
        return member

    def member(self, name: str) -> str:
        """The member that works on a file, or has, until that is settled."""
        return self._members[name]

    def settle(self, name: str) -> str:
        """Forget the member of a file; returns it."""
        self._old.discard(name)
        return self._members.pop(name)

    def dealer_died(self) -> None:
        """Note that the dealer of all present members has died."""
        self._old |= self._members.keys()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The files, each with its member."""
        return iter(self._members.items())

    def __repr__(self) -> str:
        return f"<Members {', '.join(self._members.values())}>"
