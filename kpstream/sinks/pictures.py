"""The pictures that a COCO file names, as files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError, UnfitPicture
from kpstream.media.jpeg import encoded
from kpstream.paths import is_folder, is_there
from kpstream.sinks.coco import picture_name
from kpstream.sinks.output import WholeWrites, check_writable, sink_error

_QUALITY = 95
"""JPEG's, 0 to 100: compression is no part of what is learned from the pictures."""


class PictureFolder:
    """The source's pictures as JPEG files in a folder, each under the name by which a `CocoSink` calls it.

    Nothing is drawn on them, and their pixels are those that the coordinates of the poses count.

    Args:
        folder: Made with the first picture; the folder around it must exist. A file that is there is replaced.
    """

    needs_canvas = False

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._written = 0
        self._closed = False

    def check(self) -> None:
        """Find out, before there is a picture, whether files can be written; leaves nothing behind.

        Raises:
            SinkError: They cannot.
        """
        if is_there(self._folder) and not is_folder(self._folder):
            raise SinkError(f"{self._folder}: is a file: name a folder for the pictures")
        check_writable(self._folder / "000000.jpg" if is_folder(self._folder) else self._folder)

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - what is drawn is not to be learned
        """Write the picture of one scene; blocks.

        Raises:
            UnfitPicture: JPEG has no room for it.
            SinkError: It could not be written.
        """
        if self._closed:
            raise SinkError(f"{self._folder}: nothing more can be written, it is closed")
        path = self._folder / picture_name(scene.frame)
        try:
            data = encoded(scene.frame.image, _QUALITY)
        except ValueError as error:
            raise UnfitPicture(f"{path}: {error}") from None
        try:
            if not self._written:
                self._folder.mkdir(exist_ok=True)
            _write_whole(path, data)
        except OSError as error:
            self._closed = True
            raise sink_error(path if self._written else self._folder, error) from None
        self._written += 1

    def close(self) -> None:
        """Write nothing more. Idempotent."""
        self._closed = True

    def __repr__(self) -> str:
        return f"<PictureFolder {self._folder} {'closed' if self._closed else 'open'}, {self._written} pictures>"


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file that is whole, or not there."""
    with WholeWrites(path, "w") as file:
        try:
            file.write(data)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
