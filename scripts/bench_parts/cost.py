"""What the pipeline itself costs: its processor time against a bare decode and encode of the same file.

And that of a camera which is only tracked and written as JSON lines.

python -m bench_parts.cost CLIP.mp4 OUT.mp4      the bare one
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import av

from bench_parts.case import Case
from bench_parts.processes import Part, kpstream, run, say, starting

_LIMIT = 300.0
_SHORT, _LONG = 4.0, 24.0
"""Seconds of two runs of a camera: what both need to start and to stop is no part of their difference."""


@dataclass(frozen=True)
class Cost:
    """Processor time of one clip, in seconds a frame, what both need to start left out."""

    clip: str
    ours: float
    bare: float
    tracked: float
    """Cores that a camera takes which plays the clip and is only tracked and written as JSON lines."""
    fault: str


def measure(case: Case, folder: Path) -> Cost:
    """Measure one clip with answers that are ready at once."""
    say(f"cost, {case.name}")
    frames, module = len(case.truth()["frames"]), [sys.executable, "-m", "bench_parts.cost"]
    plain = run([*module, str(case.clip), str(folder / "bare.mp4")], _LIMIT)
    idle = run([sys.executable, "-c", "import av, bench_parts.cost"], _LIMIT)
    with Part("endpoint", case.clip, case.poses, "--latency", "0") as endpoint:
        words = ("annotate", case.clip, "-o", folder / "cost.mp4", "--overwrite", "--preset", "ultrafast")
        ours = run(kpstream(endpoint.url, *words), _LIMIT)
    with Part("endpoint", case.clip, case.poses, "--latency", "0.4") as endpoint:
        short, long = (run(tracking(endpoint.url, case.clip, seconds), _LIMIT) for seconds in (_SHORT, _LONG))
    busy = "the machine was too busy: the camera dropped frames" if " dropped" in long.last_words else ""
    fault = plain.fault or ours.fault or short.fault or long.fault or busy
    tracked = (long.cpu - short.cpu) / (_LONG - _SHORT)
    return Cost(case.name, (ours.cpu - starting().cpu) / frames, (plain.cpu - idle.cpu) / frames, tracked, fault)


def tracking(url: str, clip: Path, seconds: float) -> list[str]:
    """A camera that plays a clip again and again, and is only tracked and written as JSON lines."""
    return kpstream(url, "live", clip, "--loop", "--no-window", "--jsonl", "-", "--duration", seconds)


def bare(clip: str, out: str) -> None:
    """Decode to BGR and encode with x264, and nothing else: what any annotator pays before it does anything."""
    with av.open(clip) as source, av.open(out, "w") as sink:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = sink.add_stream("libx264", rate=video.average_rate, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height = video.width - video.width % 2, video.height - video.height % 2
        stream.pix_fmt = "yuv420p"
        for frame in source.decode(video):
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="bgr24"), format="bgr24")
            picture.pts, picture.time_base = frame.pts, frame.time_base
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode(None))


if __name__ == "__main__":
    bare(*sys.argv[1:3])
