"""What a camera that died left of the clips that it was writing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kpstream.delivery.media import clip_pattern
from kpstream.sinks.clip import plays


def salvaged_clip(folder: Path, event_id: str) -> tuple[str, int] | None:
    """Find the clip of an event whose camera died, and remove it where no picture of it reached the disk; blocks.

    Args:
        folder: Of the store.
        event_id: Of the event.

    Returns:
        Where it lies, relative to the store, with ``/``, and its bytes; None where there is none.
    """
    for path in folder.glob(clip_pattern(event_id)):
        with suppress(OSError):
            if plays(path):
                return path.relative_to(folder).as_posix(), path.stat().st_size
            path.unlink()
    return None
