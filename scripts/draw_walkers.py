"""Draw a sample clip: people on a street, with exact poses for every frame.

    python scripts/draw_walkers.py [walkers|events|crossing|three|beside|waiting|four] [--folder samples] [--seed 7]

Writes ``walkers.mp4`` (1280x720, 30 frames/s, H.264 and AAC), ``walkers.poses.json`` (the truth) and ``street.jpg``
(one frame), or the clip and the truth of another story. Nobody was filmed: everything is computed, and the same seed
gives the same pictures.

The truth has one list of people for each frame. A person has an ``id``, a box (``x y`` its middle, ``width height``;
what of the person lies in the picture), ``seen`` (the share of the body that is in the picture and not behind someone
else) and 17 COCO keypoints ``[x, y, confidence]``, which are exact wherever they are. Their confidence says how they
are seen: 1.0 seen, 0.2 on the far side of the person's own body, 0.1 behind someone else, 0.0 outside the picture.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from walkers import crossing, incidents, sound
from walkers.camera import SIZE, camera_at
from walkers.cast import BEN, CAST, DURATION
from walkers.film import Film, Image

FRAME_RATE = 30
_STILL = 9.5
"""Seconds: the moment of ``street.jpg``."""


_ENTRANCE = 1.2
"""Seconds: the moment before Ben comes into the picture, when the street is empty."""
Truth = list[list[dict[str, Any]]]
"""The people of each frame."""


def draw(film: Film, duration: float, truth: Truth) -> Iterator[Image]:
    """Yield the pictures, and add the truth about each."""
    for index in range(round(duration * FRAME_RATE)):
        picture, people = film.frame(index / FRAME_RATE)
        truth.append(people)
        yield picture


def draw_entrance(clip: Path, poses: Path, *, still: float, played: float, seed: int = 7) -> Truth:
    """Draw an empty street before a camera on a tripod, which stands still, and then somebody enters.

    Args:
        clip: The video to write.
        poses: The truth to write.
        still: Seconds in which nothing moves.
        played: Seconds that are played on after them.
        seed: Of the textures, the grain and the sound.
    """
    tripod = camera_at(_ENTRANCE)
    film, truth = Film((BEN,), seed, lambda _: tripod), Truth()
    empty = film.frame(_ENTRANCE)

    def pictures() -> Iterator[Image]:
        for index in range(round((still + played) * FRAME_RATE)):
            passed = index - round(still * FRAME_RATE) + 1
            picture, people = empty if passed <= 0 else film.frame(_ENTRANCE + passed / FRAME_RATE)
            truth.append(people)
            yield picture

    encode(clip, pictures(), sound.track((BEN,), still + played, seed), 20)
    write_truth(poses, clip.name, truth)
    return truth


def encode(path: Path, pictures: Iterator[Image], samples: sound.Samples, crf: int) -> None:
    """Write the clip: one thread, so that the same pictures give the same bytes."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        video = output.add_stream("libx264", rate=FRAME_RATE, options={"crf": str(crf), "preset": "medium", "g": "60"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.thread_count = 1
        video.codec_context.colorspace = video.codec_context.color_primaries = video.codec_context.color_trc = 1
        audio = output.add_stream("aac", rate=sound.RATE, layout="stereo")
        audio.bit_rate = 64_000
        a_frame = sound.RATE // FRAME_RATE
        for index, picture in enumerate(pictures):
            frame = VideoFrame.from_ndarray(picture, format="bgr24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            frame.pts = index
            output.mux(video.encode(frame))
            heard = np.ascontiguousarray(samples[:, index * a_frame : (index + 1) * a_frame])
            block = av.AudioFrame.from_ndarray(heard, format="fltp", layout="stereo")
            block.sample_rate, block.pts = sound.RATE, index * a_frame
            output.mux(audio.encode(block))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def write_truth(path: Path, video: str, truth: Truth) -> None:
    """Write the truth, one frame a line."""
    head = {"video": video, "frame_rate": FRAME_RATE, "width": SIZE[0], "height": SIZE[1]}
    head |= {"keypoint_names": "COCO-17 order"}
    lines = ",\n".join(json.dumps(people, separators=(",", ":")) for people in truth)
    path.write_text(f'{json.dumps(head, separators=(",", ":"))[:-1]},"frames":[\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    clips = ("walkers", "events", *crossing.CASTS)
    parser.add_argument("clip", nargs="?", choices=clips, default="walkers", help="which clip")
    parser.add_argument("--folder", type=Path, default=Path("samples"), help="where the files go")
    parser.add_argument("--seed", type=int, default=7, help="of the textures, the grain and the sound")
    parser.add_argument("--duration", type=float, help="seconds that are drawn")
    parser.add_argument("--crf", type=int, help="of x264: smaller is better and larger")
    options = parser.parse_args()
    started = time.monotonic()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.clip == "walkers":
        film, crf, duration = Film(CAST, options.seed), options.crf or 24, options.duration or DURATION
        still, _ = film.frame(_STILL)
        cv2.imwrite(str(options.folder / "street.jpg"), still, [cv2.IMWRITE_JPEG_QUALITY, 90])
    elif options.clip in crossing.CASTS:
        film = Film(crossing.CASTS[options.clip], options.seed, crossing.camera)
        crf, duration = options.crf or 20, options.duration or crossing.DURATION
    else:
        film = Film(incidents.CAST, options.seed, incidents.camera, incidents.props())
        crf, duration = options.crf or 28, options.duration or incidents.DURATION
    truth, video = Truth(), options.folder / f"{options.clip}.mp4"
    encode(video, draw(film, duration, truth), sound.track(film.cast, duration, options.seed), crf)
    write_truth(video.with_suffix(".poses.json"), video.name, truth)
    print(f"{len(truth)} frames in {time.monotonic() - started:.0f} s, in {options.folder}")


if __name__ == "__main__":
    main()
