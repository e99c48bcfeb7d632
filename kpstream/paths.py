"""What lies at a path, and what it is called, asked so that nothing is raised.

`Path` itself raises where a folder above may not be looked into, or a name is too long. Here such a path is one at
which nothing is known to lie: whoever opens or writes it next is told why that cannot be, in the words of that job.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def why_hidden(path: str | Path) -> str:
    """Why the system does not tell what lies at a path, in its words; empty where it does."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValueError:
        return "a name holds no zero byte"
    return ""


def stem_text(path: Path) -> str:
    """The name of a file without its suffix, as text that can be written: what is no UTF-8 with backslashes."""
    return os.fsencode(path.stem).decode("utf-8", "backslashreplace")


def real(path: str | Path) -> Path:
    """Where a path leads, its links followed: as `Path.resolve`, which raises where they lead in a circle."""
    return Path(os.path.realpath(path))


def file_inside(folder: Path, name: str) -> Path | None:
    """The file of this name in or below a folder, its links followed; None where none is, or it leads elsewhere."""
    with suppress(OSError, ValueError):
        path = real(folder / name)
        if path.is_relative_to(real(folder)) and path.is_file():
            return path
    return None


def is_there(path: str | Path) -> bool:
    """Whether anything is known to lie at a path; a link counts as what it leads to."""
    with suppress(OSError):
        return Path(path).exists()
    return False


def is_file(path: str | Path) -> bool:
    """Whether a file is known to lie at a path; a link counts as what it leads to."""
    with suppress(OSError):
        return Path(path).is_file()
    return False


def is_folder(path: str | Path) -> bool:
    """Whether a folder is known to lie at a path; a link counts as what it leads to."""
    with suppress(OSError):
        return Path(path).is_dir()
    return False
