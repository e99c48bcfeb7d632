"""What a clip holds, by the number that each picture carries as bars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from kpstream.cli import run
from kpstream.entities import Image, Pose
from tests.support.local_endpoint import KnownFinder, serving

RATE, FRAMES, SIZE = 10, 80, (160, 96)
THERE = range(30, 45)
"""The pictures that show somebody."""
RULES = """
[events]
folder = "kept"
pre_roll = "1s"
post_roll = "1s"
[[rule]]
name = "somebody is there"
kind = "count"
min = 1
clear = "1s"
"""


def numbered(number: int) -> Image:
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for bit in range(10):
        picture[-24:, bit * 16 : bit * 16 + 16] = 255 * (number >> bit & 1)
    return picture


def number_in(picture: Image) -> int:
    return sum(1 << bit for bit in range(10) if picture[-16:, bit * 16 + 4 : bit * 16 + 12].mean() > 128)


class SomebodyForAWhile(KnownFinder):
    """Finds somebody above the bars of the pictures in `THERE`."""

    def __call__(self, image: Image, *, overlap: float) -> tuple[Pose, ...]:
        if number_in(image) not in THERE:
            return ()
        return (self._pose(np.array(SIZE, np.float32), [0.2, 0.1, 0.5, 0.6], 0.9),)


def numbers_of(path: Path) -> list[int]:
    with av.open(path) as video:
        return [number_in(cast("Image", frame.to_ndarray(format="bgr24"))) for frame in video.decode(video=0)]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as output:
        video = output.add_stream("libx264", rate=RATE, options={"crf": "12", "g": "30"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for number in range(FRAMES):
            output.mux(video.encode(av.VideoFrame.from_ndarray(numbered(number), format="bgr24")))
        output.mux(video.encode(None))
    return path


def test_a_clip_holds_every_picture_from_before_the_event_to_after_it(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    with serving(SomebodyForAWhile()) as url:
        words = ["annotate", str(film), "--rate", "5", "--rules", str(tmp_path / "rules.toml")]
        assert run([*words, "--endpoint", url, "--api-url", url, "--model", "a/1"]) == 0
    capsys.readouterr()
    assert run(["events", "list", str(tmp_path / "kept"), "--format", "jsonl"]) == 0
    (event,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())

    assert event["began_pts"] * RATE == pytest.approx(THERE[0], abs=2)  # an answer each second picture
    assert event["ended_pts"] * RATE == pytest.approx(THERE[-1], abs=2)
    numbers = numbers_of(tmp_path / "kept" / event["clip"])
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    before = round((event["began_pts"] - 1) * RATE)
    assert before - RATE <= numbers[0] <= before  # within one group of pictures
    assert numbers[-1] == round((event["ended_pts"] + 1) * RATE)
