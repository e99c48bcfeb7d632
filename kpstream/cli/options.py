"""The options of a command, made from the groups in which they are declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from kpstream.errors import UsageError
from kpstream.options import DeclaredOption, declared_options


def check_named(references: Iterable[str]) -> None:
    """Check that each input has a name: an empty one would stand for the present folder, and all that is in it.

    Raises:
        UsageError: One is empty.
    """
    if not all(reference.strip() for reference in references):
        raise UsageError("an input is empty: name a file, a camera or an address (is a variable of the shell not set?)")


def takes(**groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of option groups as options of its own; it is called with the groups, filled.

    Args:
        groups: For each parameter of the command that is a group: its name, and the dataclass.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name not in groups]
        declared = {name: declared_options(group) for name, group in groups.items()}

        @wraps(command)
        def with_groups(**values: Any) -> None:
            for name, group in groups.items():
                values[name] = group(**{each.name: _read(each, values.pop(each.name)) for each in declared[name]})
            command(**values)

        shared = [_parameter(each) for options in declared.values() for each in options]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
        with_groups.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_groups.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_groups

    return decorate


def _parameter(declared: DeclaredOption) -> inspect.Parameter:
    option, kind = declared.option, declared.type
    shown = typer.Option(
        *option.flags,
        help=option.help,
        metavar=option.metavar,
        min=option.min,
        max=option.max,
        path_type=str if Path in (kind, *get_args(kind)) else None,  # a Path of nothing is that of this folder
        show_default=True if option.shown_default is None else option.shown_default,
        rich_help_panel=option.panel,
    )
    several = get_origin(kind) is tuple
    if option.parse is not None:
        kind = (list[str] if several else str) | None
    elif several:
        kind = list[get_args(kind)[0]] | None  # type: ignore[misc]
    default = None if several else declared.default
    return inspect.Parameter(
        declared.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown]
    )


def _read(declared: DeclaredOption, value: Any) -> Any:
    """The value of a field from what the command line gave."""
    parse = declared.option.parse
    several = get_origin(declared.type) is tuple
    if value is None:
        return declared.default
    if isinstance(value, str) and Path in get_args(declared.type):
        return _path(value, declared.name)
    try:
        if several:
            return tuple(value if parse is None else map(parse, value))
        return value if parse is None else parse(value)
    except ValueError as error:
        raise UsageError(str(error), option=declared.name) from None


def _path(text: str, option: str) -> Path:
    if not text.strip():
        raise UsageError("is empty: name a file or a folder (is a variable of the shell not set?)", option=option)
    return Path(text)
