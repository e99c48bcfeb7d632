"""How an option is declared: once, beside its field, in words that both a command line and a file can be made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Option:
    """What the annotation of a field tells about an option."""

    help: str
    """A sentence for the help screen."""
    panel: str | None = None
    """The group of the help screen that it stands in; None for the first one."""
    metavar: str | None = None
    """What stands for its value on the help screen; None for the name of its type."""
    min: float | None = None
    """The least value; None for no limit."""
    max: float | None = None
    """The greatest value; None for no limit."""
    shown_default: str | None = None
    """What the help screen says instead of the default; None for the default itself."""
    flags: tuple[str, ...] = ()
    """How the command line calls it, where that is not the field's name."""
    in_file: str = ""
    """What a fault in a file says about its meaning, where that is not the help."""
    parse: Callable[[Any], Any] | None = None
    """Makes the value from a text as people write it; raises ValueError with what is wrong. None takes it as it is."""
    pattern: str | None = None
    """The form of a text, as a regular expression that must match all of it."""

    @property
    def meaning(self) -> str:
        """What it means, in a few words without a full stop."""
        return self.in_file or self.help.rstrip(".")


@dataclass(frozen=True, slots=True)
class DeclaredOption:
    """A field of an option group with all that is declared about it."""

    name: str
    type: Any
    default: Any
    """MISSING where the option is required."""
    option: Option

    @property
    def is_required(self) -> bool:
        """Whether there is no default to do without it."""
        return self.default is MISSING


def declared_options(group: type) -> list[DeclaredOption]:
    """The options of a group, in order.

    Args:
        group: A dataclass each of whose fields is annotated with an `Option`.
    """
    hints = get_type_hints(group, include_extras=True)
    found = []
    for field in fields(group):
        hint = hints[field.name]
        assert get_origin(hint) is Annotated, f"{group.__name__}.{field.name} declares no option"
        kind, option = get_args(hint)
        found.append(DeclaredOption(field.name, kind, field.default, option))
    return found
