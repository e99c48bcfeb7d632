"""Poses as a table, one row a keypoint: what pandas, R and spreadsheets group and plot without reshaping."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from kpstream.entities import Image, Pose, Scene
from kpstream.sinks.output import OutputFile
from kpstream.wire.numbers import centre_box, decimals, keypoints, seconds

COLUMNS = (
    "source",
    "frame_index",
    "pts",
    "result_age",
    "stale",
    "pose",
    "tracker_id",
    "origin",
    "class",
    "class_id",
    "confidence",
    "x",
    "y",
    "width",
    "height",
    "keypoint",
    "keypoint_id",
    "keypoint_x",
    "keypoint_y",
    "keypoint_confidence",
)
"""``pose`` counts the poses of one frame from 0, for those without a ``tracker_id``; ``x`` to ``height`` are the box,
centre and sides, in pixels of the source picture, as in the JSON lines."""


class CsvSink:
    """One row a keypoint, UTF-8, under one line with the `COLUMNS`.

    A keypoint that is not there has no row; a pose without any keypoint has one row in which the keypoint's columns
    are empty, and so has a frame without any pose, with all columns of a pose empty: no frame is missing on the time
    axis. What is not known is empty.

    Args:
        path: The file, created by the first scene; ``-`` is stdout.
    """

    needs_canvas = False

    def __init__(self, path: str | Path) -> None:
        self._file = OutputFile(path)

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - the picture has no place in a table
        """Write the rows of one scene and flush them; blocks.

        Raises:
            SinkError: They could not be written; to stdout also when its reader has gone.
        """
        text = StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not self._file.started:
            table.writerow(COLUMNS)
        table.writerows(rows_of(scene))
        self._file.write(text.getvalue().encode("utf-8", "replace"))

    def close(self) -> None:
        """Release the file. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back.
        """
        self._file.close()

    def __repr__(self) -> str:
        return f"<CsvSink {self._file!r}>"


def rows_of(scene: Scene) -> Iterator[tuple[object, ...]]:
    """The rows of one scene, as `COLUMNS` names their values; None for what is not known."""
    frame = scene.frame
    of_frame = (scene.source, frame.index, seconds(frame.pts), seconds(scene.result_age))
    for number, pose in enumerate(scene.poses):
        stale = int(scene.stale or pose.stale)
        yield from ((*of_frame, stale, number, *row) for row in _rows(pose))
    if not scene.poses:
        yield (*of_frame, int(scene.stale), *[None] * (len(COLUMNS) - len(of_frame) - 1))


def _rows(pose: Pose) -> Iterator[tuple[object, ...]]:
    of_pose = (pose.tracker_id, pose.origin, pose.class_name, pose.class_id, decimals(pose.confidence))
    there = keypoints(pose)
    for index, name, x, y, confidence in there:
        yield *of_pose, *centre_box(pose), name, index, x, y, confidence
    if not there:
        yield *of_pose, *centre_box(pose), None, None, None, None, None
