"""A clip with fewer pictures and of another size, as a camera of a site gives it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av


def thin(clip: Path, to: Path, *, every: int, size: tuple[int, int]) -> None:
    """Write a clip anew as H.264, with one of so many pictures; blocks.

    Args:
        clip: A video.
        to: An MP4 file; one that is there is replaced.
        every: Which pictures are taken: the first, and each that comes so many after one that is.
        size: (width, height) in pixels.
    """
    with av.open(str(clip)) as source, av.open(str(to), "w") as target:
        rate = Fraction(source.streams.video[0].average_rate or 30) / every
        stream = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        taken = (frame for index, frame in enumerate(source.decode(video=0)) if index % every == 0)
        for number, frame in enumerate(taken):
            picture = frame.reformat(*size, "yuv420p")
            picture.pts, picture.time_base = number, 1 / rate
            picture.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
