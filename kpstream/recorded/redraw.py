"""Recorded video, drawn and exported again from the poses that were written for it; not one request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from math import nan
from pathlib import Path

from kpstream.entities import Annotator, Scene
from kpstream.interfaces import Sink, Source, write_scene
from kpstream.sinks.jsonl import RecordedPoses


def recorded_source(path: Path) -> str:
    """What the poses in a file of JSON lines were found in, as its first line says; empty where it does not.

    Args:
        path: The file; `kpstream.sinks.jsonl.read_poses` found no fault in it.
    """
    with path.open("rb") as file:
        line = next((line for line in file if line.strip()), b"{}")
    source = json.loads(line).get("source")
    return source if isinstance(source, str) else ""


def redraw(
    source: Source,
    recorded: Mapping[int, RecordedPoses],
    sinks: Sequence[Sink],
    *,
    annotator: Annotator | None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Scene]:
    """Every frame with the poses that were written for it earlier; not one request.

    Args:
        source: The recorded video that the poses were found in; closed at the end.
        recorded: Poses by frame index.
        sinks: Given every scene; closed at the end.
        annotator: Draws what the sinks are given; None draws nothing.
        clock: Monotonic seconds.

    Yields:
        The scenes, in order.
    """
    with ExitStack() as stack:
        for sink in reversed(sinks):
            stack.callback(sink.close)
        stack.callback(source.close)
        while (frame := source.read()) is not None:
            found = recorded.get(frame.index)
            scene = Scene(
                frame=frame,
                poses=found.poses if found else (),
                result_frame_index=found.result_frame_index if found else None,
                result_age=found.result_age if found else nan,
                stale=found.stale if found else False,
                rendered_at=clock(),
                source=source.name,
                annotator=annotator,
            )
            for sink in sinks:
                write_scene(sink, scene)
            yield scene
