"""kpstream's scenes in supervision's hands: ``python samples/supervision_interop.py CLIP.mp4 OUT.jpg``.

Draws each person's trace with supervision's own annotator, from ``scene.detections()``, and its key points from
``scene.key_points()``, and saves the last picture.
"""

from __future__ import annotations

import sys

import cv2
import supervision as sv

import kpstream


def main(clip: str, out: str) -> None:
    trace = sv.TraceAnnotator(position=sv.Position.BOTTOM_CENTER, trace_length=60)
    vertices = sv.VertexAnnotator(radius=4, color=sv.Color.YELLOW)
    image = None
    with kpstream.Pipeline(kpstream.open_source(clip), kpstream.EmbeddedEndpoint(), rate=6) as pipeline:
        for scene in pipeline:
            image = scene.frame.image.copy()  # a frame's own picture is shared and never written to
            image = trace.annotate(image, scene.detections())
            image = vertices.annotate(image, scene.key_points())
    if image is not None:
        cv2.imwrite(out, image)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python samples/supervision_interop.py CLIP.mp4 OUT.jpg")
    main(*sys.argv[1:])
