"""Annotate a clip from a program: ``python samples/annotate_clip.py CLIP.mp4 OUT.mp4``.

One frame in three is asked about; the poses between are interpolated, at a third of the requests.
"""

from __future__ import annotations

import sys

import kpstream
from kpstream.dispatch.sampling import EveryNth
from kpstream.pipeline.background import Background
from kpstream.sinks.audio import AudioSource
from kpstream.sinks.video import VideoSink
from kpstream.sources import VideoFile


def main(clip: str, out: str) -> None:
    source = VideoFile(clip)
    video = VideoSink(out, frame_rate=source.frame_rate, audio=AudioSource(clip, source.start_pts))
    sinks = [Background.waiting(video, name="video")]  # encodes on its own thread
    with kpstream.Pipeline(source, kpstream.EmbeddedEndpoint(), sinks=sinks, sampling=EveryNth(3)) as pipeline:
        stats = pipeline.run()
    print(f"{out}: {stats.rendered} frames, {stats.requests} requests")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python samples/annotate_clip.py CLIP.mp4 OUT.mp4")
    main(*sys.argv[1:])
