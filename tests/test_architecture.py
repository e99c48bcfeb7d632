"""The plan of the house, held against its imports.

Each room may import the rooms named beside it, and nothing above its floor; inside a folder modules have floors of
their own, and each foreign library has its few rooms. An import inside a function counts like any other. Change this
plan and the picture in README.md together.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kpstream"

_GROUND = {"errors", "skeleton", "entities", "channel", "media", "meters", "paths", "redact"}

PLAN: dict[str, set[str]] = {
    # ground: words and tools; media are frames and their sound, poses have a skeleton
    "errors": set(),
    "skeleton": set(),
    "media": set(),
    "entities": {"media", "skeleton"},
    "channel": set(),
    "meters": set(),
    "paths": set(),
    "redact": set(),
    "retry_after": set(),
    "sqlite_schema": {"errors"},
    "options": {"entities", "errors", "redact"},
    # columns: one job each, no thread
    "interfaces": {"entities", "media"},
    "tracking": {"entities", "media"},
    "render": {"interfaces", "entities", "options", "skeleton", "redact"},
    "models": {"entities", "errors", "media", "skeleton"},
    "wire": {"entities", "errors", "media", "redact", "skeleton"},
    "endpoints": {
        "channel", "options", "entities", "errors", "interfaces", "media", "paths", "skeleton", "redact", "retry_after",
        "models", "wire",
    },
    "sources": {"entities", "errors", "interfaces", "media", "paths", "redact"},
    "events": {"entities", "errors", "options", "skeleton"},
    "sinks": {"channel", "entities", "errors", "interfaces", "media", "paths", "render", "skeleton", "wire"},
    "testing": {"entities", "errors", "interfaces", "skeleton"},
    # threads: the only places that start one
    "dispatch": {"options", "interfaces", "channel", "entities", "errors", "media", "meters", "render", "redact"},
    "serving": {"channel", "errors"},
    "server": {"channel", "entities", "errors", "media", "skeleton", "redact", "models", "serving", "wire"},
    "delivery": {
        "channel", "entities", "errors", "events", "interfaces", "media", "options", "paths", "render", "redact",
        "retry_after", "serving", "sinks", "sqlite_schema",
    },
    "web": {
        "delivery", "entities", "errors", "events", "interfaces", "media", "options", "paths", "render", "redact",
        "serving", "sinks", "skeleton", "wire",
    },
    # beam: the loops
    "pipeline": {*_GROUND, "interfaces", "tracking", "render", "dispatch"},
    "recorded": {
        *_GROUND, "dispatch", "endpoints", "events", "interfaces", "options", "pipeline", "render", "sinks", "sources",
        "sqlite_schema", "wire",
    },
    "camera": {
        *_GROUND, "delivery", "dispatch", "endpoints", "events", "interfaces", "options", "pipeline", "render", "sinks",
        "sources", "tracking", "web",
    },
    "image": {*_GROUND, "interfaces", "endpoints", "sinks", "sources", "wire"},
    # roof: options to objects
    "site_file": {
        "camera", "delivery", "dispatch", "endpoints", "entities", "errors", "events", "options", "paths", "redact",
        "serving", "sinks", "sources", "web",
    },
    "cli": {
        "camera", "delivery", "dispatch", "endpoints", "entities", "errors", "events", "image", "interfaces", "models",
        "options", "paths", "pipeline", "recorded", "redact", "render", "server", "sinks", "site_file", "skeleton",
        "sources", "web",
    },
}  # fmt: skip

FLOORS: dict[str, str] = {
    "camera": (
        "cores restarts sink_group spec start_turns status_log unfinished < link rule_run settings < events outputs "
        "process remote_controls request_shares shared_endpoint < assembly session < child site"
    ),
    "cli": (
        "checks options signals terminal < app archive_terminal page rules < archive_settings < annotate archive "
        "archive_status doctor events image live serve site"
    ),
    "delivery": (
        "arming backoff home_assistant media outbox schema snapshot zone_counts < cloud_events database salvage "
        "selection < destination listing writer < mqtt_connection notify program retained store webhook "
        "< event_media mqtt recorder < worker"
    ),
    "dispatch": (
        "change dealer retry square workers < rule sampling < breaker fair_share gate < endpoint_gate grant_queue "
        "sender < requester"
    ),
    "endpoints": (
        "connections embedded hosted uploads < adaptive_upload failures < transport < refusals < inference versions "
        "< answer_reader < roboflow < opening"
    ),
    "events": (
        "machine rules < moment shapes tables < bodies happenings < conditions < judges < engine < observations < watch"
    ),
    "media": "decimation halving shrinking sound < frame < jpeg",
    "models": "cell_heads runtime < movenet",
    "options": (
        "declared file_faults naming units < decoding < archive delivery drawing events model outputs page recording "
        "requests rules source view"
    ),
    "pipeline": (
        "arrivals background damage freeze load_shedding memory renderer reorder splice wall_clock < capture pacing "
        "< pipeline"
    ),
    "recorded": "locking < journal < inputs < plan redraw rule_check < rule_report < job < archive",
    "recorded/archive": (
        "members request_count schema session_folder shard stored_file "
        "< ledger ranges ray_servers storage_settings web_file < object_storage < storages < inputs < faults < fetch "
        "< input_queue probe < estimate intake settings < publish summary < stored_outputs < place work < pool report "
        "< bookkeeping remote < duplicates < driver < metrics ray_pool"
    ),
    "render": "colors pixels < lettering < annotators status",
    "server": (
        "faults serving < bodies image_urls keys parameters request_picture < answers < management < inference "
        "registry < app"
    ),
    "serving": "dialing exhaustion listen picture_size < uvicorn_thread",
    "sinks": (
        "output retention room sampled sound tags timeline < audio coco csv_file events h264 jsonl live_sound "
        "window < mp4 parquet packet_ring pausing pictures < clip video < clips segments < switched"
    ),
    "site_file": "fault_log functions sections shapes < delivery page < reading rules",
    "sources": (
        "altered deinterlace diagnosis hearing http hwaccel jpegs live_clock numbering paced references small_planes "
        "stall survey taken timeline tone_map < masked opening picture spacing turned webcam < declared decoder "
        "< file stream < http_pictures sampled sequence"
    ),
    "testing": "fakes scripted_server",
    "tracking": (
        "geometry settings < flow matching presence < camera lighting < detail occlusion trajectory "
        "< appearance frames motion < track < encounters < association forward interpolation < tracker"
    ),
    "web": (
        "camera_rules health jpeg openapi_parts own_address payloads public_address square tls < access browser_camera "
        "event_payloads figures recordings rule_documents < camera_feed openapi_events < documents < answers "
        "event_stream hub measured_feed openapi < cameras event_api feed metrics remote_feed streams < api device "
        "rule_api < app < serving < starter"
    ),
    "wire": "classes drawing exact mend numbers skeletons write < lines read",
}
"""The modules of each folder, floor by floor from the ground up: each may import those of lower floors alone."""

LIBRARIES: dict[str, set[str]] = {
    "threading": {
        "channel",
        "camera",
        "delivery",
        "dispatch",
        "endpoints",
        "media",
        "recorded",
        "models",
        "pipeline",
        "server",
        "serving",
        "sinks",
        "sources",
        "site",
        "testing",
        "web",
        "wire",
    },
    "pyarrow": {"sinks"},
    "ray": {"recorded"},
    "obstore": {"recorded"},
    "sqlite3": {"delivery", "recorded", "sqlite_schema"},
    "apprise": {"delivery"},
    "paho": {"delivery"},
    "cv2": {
        "camera",
        "delivery",
        "tracking",
        "dispatch",
        "media",
        "models",
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
    "requests": {"endpoints", "recorded", "serving"},
    "urllib3": {"endpoints", "server"},
    "supervision": {"entities"},
    "lap": {"tracking"},
    "scipy": set(),
    "starlette": {"server", "serving", "web"},
    "uvicorn": {"serving", "web"},
    "prometheus_client": {"web"},
    "cryptography": {"web"},
    "segno": {"web"},
    "pydantic": {"events", "site_file"},
    "platformdirs": {"endpoints"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ctypes": {"camera", "pipeline"},
}
DIALECT = {
    "all_well", "around", "be_polite", "beginning", "bell", "blame", "but", "cord", "desk", "draws", "everybody",
    "give_back", "go_on", "gone_again", "guest", "guests", "hurry", "in_turn", "let_go", "look", "nowhere", "outlets",
    "patience", "prospect", "redone", "said", "said_something", "seat", "set_aside", "standstill", "stock", "successor",
    "teach", "tidings", "told", "twin", "twins", "until_it_works", "untold", "veil", "veiled", "vocabulary", "wish",
    "wishes", "worth_a_word",
}  # fmt: skip
"""Names that the house had for what the field calls otherwise; the field's words are used."""
STARTS_THREADS = {"recorded", "delivery", "pipeline", "dispatch", "server", "serving", "camera", "web", "testing"}
STARTS_PROCESSES = {"camera", "delivery", "sinks"}
DOORS = {"__init__", "__main__"}


def folders_of(path: Path) -> list[tuple[str, str]]:
    """Each folder that a module lies in, as FLOORS names it, and what of it the module is or lies in."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return [("/".join(parts[:depth]), parts[depth]) for depth in range(1, len(parts))]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) not in DOORS]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Rooms of ours and libraries that a module imports, at its head or in its functions."""
    names = imported(path)
    theirs = {name.partition(".")[0] for name in names} - {"kpstream"}
    ours = {name.split(".")[1] for name in names if name.startswith("kpstream.")} - {"__version__"}
    return ours, theirs


@cache
def imported(path: Path) -> set[str]:
    """Full names of all that a module imports, at its head or in its functions."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


by_module = pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))


@by_module
def test_a_module_imports_only_what_the_plan_allows(path: Path) -> None:
    ours, theirs = imports(path)
    room = room_of(path)
    assert ours <= PLAN[room] | {room}
    assert all(room in LIBRARIES[name] for name in theirs & LIBRARIES.keys()), f"{room} imports {theirs}"


@by_module
def test_inside_a_folder_a_module_stands_on_lower_floors_alone(path: Path) -> None:
    for folder, name in folders_of(path):
        if name == "__init__":
            continue
        floors = [set(floor.split()) for floor in FLOORS[folder].split(" < ")]
        own = next((number for number, floor in enumerate(floors) if name in floor), None)
        assert own is not None, f"{folder}/{name} has no floor; give it one in FLOORS"
        prefix = f"kpstream.{folder.replace('/', '.')}."
        siblings = {each.removeprefix(prefix).split(".")[0] for each in imported(path) if each.startswith(prefix)}
        allowed = set().union(*floors[:own]) | ({name} if path.stem != name else set())
        assert siblings <= allowed, f"not below it: {siblings - allowed}"


def test_every_folder_has_floors_and_every_module_one() -> None:
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*/__init__.py")} - {"."}
    assert folders == FLOORS.keys()
    for folder, floors in FLOORS.items():
        planned = floors.replace(" < ", " ").split()
        inside = {path.stem for path in (PACKAGE / folder).glob("*.py")} - DOORS
        inside |= {path.parent.name for path in (PACKAGE / folder).glob("*/__init__.py")}
        assert sorted(planned) == sorted(inside), folder


@by_module
def test_names_are_the_fields_own(path: Path) -> None:
    given = {path.stem}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            given.add(node.id if isinstance(node, ast.Name) else node.attr)
    words = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_") for name in given}
    assert not words & DIALECT


@by_module
def test_threads_start_only_where_the_plan_says(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    assert not names & {"Thread", "Timer", "ThreadPoolExecutor"} or room_of(path) in STARTS_THREADS


@by_module
def test_processes_start_only_where_the_plan_says(path: Path) -> None:
    _, libraries = imports(path)
    assert not libraries & {"subprocess", "multiprocessing"} or room_of(path) in STARTS_PROCESSES


@by_module
def test_functions_fit_a_screen_and_modules_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
    for node in ast.walk(tree(path)):
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
