"""The plan of the house, held against its imports.

Each room may import the rooms named beside it, and nothing above its floor; each foreign library has its few rooms.
An import inside a function counts like any other. Change this plan and the picture in README.md together.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kpstream"

_GROUND = {"errors", "skeleton", "entities", "channel", "meters", "redact"}

PLAN: dict[str, set[str]] = {
    # ground: words and tools; `entities` alone stands on others, for poses carry their skeleton, and frames their sound
    "errors": set(),
    "skeleton": set(),
    "sound": set(),
    "entities": {"skeleton", "sound"},
    "channel": set(),
    "meters": set(),
    "redact": set(),
    "options": {"entities", "errors"},
    # columns: one job each, no thread
    "interfaces": {"entities"},
    "tracking": {"entities"},
    "render": {"interfaces", "entities", "options", "skeleton", "redact"},
    "models": {"entities", "errors", "skeleton"},
    "wire": {"entities", "errors", "redact", "skeleton"},
    "endpoints": {"options", "entities", "errors", "interfaces", "skeleton", "redact", "models", "wire"},
    "sources": {"entities", "errors", "interfaces", "redact", "sound"},
    "events": {"entities", "options", "skeleton"},
    "sinks": {"entities", "errors", "interfaces", "skeleton", "sound", "wire"},
    "testing": {"entities", "errors", "interfaces", "skeleton"},
    # threads: the only places that start one
    "dispatch": {"options", "interfaces", "channel", "entities", "errors", "meters"},
    "serving": {"errors"},
    "server": {"entities", "errors", "skeleton", "redact", "models", "serving", "wire"},
    "delivery": {"channel", "entities", "errors", "events", "options", "redact", "sinks"},
    "web": {"entities", "errors", "interfaces", "options", "redact", "serving", "sinks", "skeleton", "wire"},
    # beam: the loops
    "pipeline": {*_GROUND, "interfaces", "tracking", "render", "dispatch"},
    "recorded": {*_GROUND, "dispatch", "events", "interfaces", "pipeline", "render", "sinks", "sources", "wire"},
    "camera": {
        *_GROUND, "dispatch", "endpoints", "interfaces", "options", "pipeline", "render", "sinks", "sources",
        "tracking", "web",
    },
    "image": {*_GROUND, "interfaces", "endpoints", "sinks", "wire"},
    # roof: options to objects
    "site_file": {
        "camera", "dispatch", "endpoints", "errors", "events", "options", "redact", "sinks", "sources", "web",
    },
    "cli": {
        "camera", "delivery", "dispatch", "endpoints", "entities", "errors", "events", "image", "interfaces", "models",
        "options", "pipeline", "recorded", "redact", "render", "server", "sinks", "site_file", "skeleton",
        "sources", "web",
    },
}  # fmt: skip

LIBRARIES: dict[str, set[str]] = {
    "threading": {
        "channel",
        "camera",
        "delivery",
        "dispatch",
        "endpoints",
        "recorded",
        "models",
        "pipeline",
        "server",
        "serving",
        "sinks",
        "sound",
        "site",
        "testing",
        "web",
        "wire",
    },
    "sqlite3": {"delivery"},
    "cv2": {
        "delivery",
        "tracking",
        "dispatch",
        "models",
        "endpoints",
        "render",
        "sources",
        "sinks",
        "server",
        "image",
        "cli",
        "web",
        "wire",
    },
    "onnxruntime": {"models"},
    "av": {"sources", "sinks", "cli"},
    "requests": {"endpoints", "serving"},
    "urllib3": {"endpoints", "server"},
    "supervision": {"entities", "render"},
    "scipy": {"tracking"},
    "starlette": {"server", "serving", "web"},
    "uvicorn": {"serving", "web"},
    "prometheus_client": {"web"},
    "cryptography": {"web"},
    "segno": {"web"},
    "pydantic": {"events", "site_file"},
    "platformdirs": {"endpoints"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ctypes": {"pipeline"},
}
STARTS_THREADS = {"delivery", "pipeline", "dispatch", "server", "serving", "camera", "web", "testing"}
DOORS = {"__init__", "__main__"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) not in DOORS]


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Rooms of ours and libraries that a module imports, at its head or in its functions."""
    ours: set[str] = set()
    theirs: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [node.module or ""] if node.module != "kpstream" else [f"kpstream.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            head, _, rest = name.partition(".")
            if head != "kpstream":
                theirs.add(head)
            elif rest != "__version__":
                ours.add(rest.partition(".")[0])
    return ours, theirs


by_module = pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))


@by_module
def test_a_module_imports_only_what_the_plan_allows(path: Path) -> None:
    ours, theirs = imports(path)
    room = room_of(path)
    assert ours <= PLAN[room] | {room}
    assert all(room in LIBRARIES[name] for name in theirs & LIBRARIES.keys()), f"{room} imports {theirs}"


@by_module
def test_threads_start_only_where_the_plan_says(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    assert not names & {"Thread", "Timer", "ThreadPoolExecutor"} or room_of(path) in STARTS_THREADS


@by_module
def test_functions_fit_a_screen_and_modules_a_sitting(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            limit = 300 if isinstance(node, ast.ClassDef) else 70
            assert (node.end_lineno or 0) - node.lineno < limit, f"{node.name} is too long"


def test_no_room_stands_on_itself_through_others() -> None:
    def below(room: str, path: tuple[str, ...]) -> None:
        assert room not in path, " -> ".join((*path, room))
        for lower in PLAN[room]:
            below(lower, (*path, room))

    for room in PLAN:
        below(room, ())


def test_every_room_is_in_the_plan_and_every_plan_is_built() -> None:
    assert {room_of(path) for path in modules()} == PLAN.keys()
