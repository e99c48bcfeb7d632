"""Events as JSON lines, one object each time that one opens, changes or ends."""

from __future__ import annotations

import json
from pathlib import Path

from kpstream.entities import Event, Scene
from kpstream.sinks.output import OutputFile


class EventLines:
    """Writes events; in the reader's hands as soon as they are written.

    Args:
        path: The file; ``-`` is stdout.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = OutputFile(path)

    def open(self) -> None:
        """Make the file, which is empty until something happens.

        Raises:
            SinkError: It cannot be written.
        """
        self._file.write(b"")

    def tell(self, event: Event, scene: Scene | None) -> None:  # noqa: ARG002 - the picture has no place in JSON
        """Write one line and flush it; blocks.

        Raises:
            SinkError: It could not be written; of stdout also when its reader has gone.
        """
        self._file.write(f"{json.dumps(event.to_json(), separators=(',', ':'), ensure_ascii=False)}\n".encode())

    def close(self) -> None:
        """Release the file. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back.
        """
        self._file.close()
