"""Functions that a file names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def function_named(name: str, folder: Path) -> Callable[..., bool | None]:
    """The function ``package.module:function``, from a module that is installed or lies in a folder.

    Raises:
        ValueError: There is none; the text says what is wrong.
    """
    module_name, _, function_name = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        function = getattr(import_module(module_name), function_name, None)
    except Exception as error:  # noqa: BLE001 - whatever the user's module does is the user's fault
        raise ValueError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(function):
        raise ValueError(f"{module_name} has no function {function_name}")  # noqa: TRY004 - a fault of the file
    return function  # type: ignore[no-any-return]
