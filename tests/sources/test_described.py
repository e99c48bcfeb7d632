"""What a recording says of its pictures, beside showing them: the form of their pixels, when and where, how many."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import isnan
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from kpstream.entities import Frame, Taken
from kpstream.sources.file import VideoFile

AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Recording:
    """A short video and what it says of itself."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    aspect: Fraction = Fraction(1)
    turned: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    time_code: str = ""

    def make(self, folder: Path) -> Path:
        path = folder / f"a{self.suffix}"
        with av.open(str(path), "w") as output:
            output.metadata.update(self.tags)
            stream = output.add_stream(self.codec, rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = self.aspect
            if self.time_code:
                stream.metadata["timecode"] = self.time_code
            if self.turned:
                stream.set_display_rotation(self.turned)
            for _ in range(10):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")))
            output.mux(stream.encode(None))
        return path


def frames_of(path: Path, *, start: float = 0.0) -> list[Frame]:
    source = VideoFile(path, start=start)
    found = list(iter(source.read, None))
    assert None not in found
    return [frame for frame in found if frame is not None]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"),
        (".mov", "libx264"),
        (".mkv", "libx264"),
        (".ts", "libx264"),
        (".ts", "mpeg2video"),
        (".avi", "mpeg4"),
        (".mpg", "mpeg2video"),
        (".mxf", "mpeg2video"),
    ],
)
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(16, 11), Fraction(8, 9)])
def test_the_form_of_a_pixel_is_known(suffix: str, codec: str, aspect: Fraction, tmp_path: Path) -> None:
    if codec == "mpeg2video" and aspect != 1:
        aspect = Fraction(4, 3)  # it knows a few forms of the whole picture only: here 16:9
    path = Recording(suffix, codec, aspect).make(tmp_path)
    assert {frame.pixel_aspect for frame in frames_of(path)} == {aspect}
    assert {frame.size for frame in frames_of(path)} == {(64, 48)}


@pytest.mark.parametrize(("turned", "expected"), [(90, Fraction(3, 4)), (-90, Fraction(3, 4)), (180, Fraction(4, 3))])
def test_pixels_turn_with_their_picture(turned: int, expected: Fraction, tmp_path: Path) -> None:
    path = Recording(aspect=Fraction(4, 3), turned=turned).make(tmp_path)
    assert {frame.pixel_aspect for frame in frames_of(path)} == {expected}


@pytest.mark.parametrize("aspect", [Fraction(0), Fraction(1, 200), Fraction(200)])
def test_pixels_of_an_impossible_form_are_square(aspect: Fraction, tmp_path: Path) -> None:
    assert frames_of(Recording(aspect=aspect).make(tmp_path))[0].pixel_aspect == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("tags", "time_code", "expected"),
    [
        ({}, "", Taken()),
        ({"creation_time": "2024-05-06T07:08:09Z"}, "", Taken(AT)),
        ({"creation_time": "2024-05-06T09:08:09+02:00"}, "", Taken(AT)),
        ({"creation_time": "2024-05-06T07:08:09Z"}, "10:20:30:05", Taken(AT, "10:20:30:05")),
        ({"location": "+48.1000+011.5000/"}, "", Taken(place="+48.1000+011.5000/")),
        ({"location": "the garden"}, "", Taken()),
    ],
)
def test_a_recording_says_when_and_where_it_was_taken(
    suffix: str, tags: dict[str, str], time_code: str, expected: Taken, tmp_path: Path
) -> None:
    taken = VideoFile(Recording(suffix, tags=tags, time_code=time_code).make(tmp_path)).taken
    assert (isnan(taken.at), taken.time_code, taken.place) == (
        isnan(expected.at),
        expected.time_code,
        expected.place,
    )
    assert isnan(expected.at) or taken.at == expected.at


@pytest.mark.parametrize("text", ["yesterday", "2024", "2024-05-06", "2024-99-06T07:08:09Z", "0"])
def test_a_time_that_is_none_is_not_believed(text: str, tmp_path: Path) -> None:
    assert isnan(VideoFile(Recording(".mkv", tags={"creation_time": text, "date": text}).make(tmp_path)).taken.at)


def test_a_picture_is_counted_by_those_that_could_be_decoded(tmp_path: Path) -> None:
    path = Recording().make(tmp_path)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    data = bytearray(path.read_bytes())
    for at in (places[3], places[4], places[7]):
        data[at : at + 4] = b"\xff" * 4  # no picture is as long
    whole = frames_of(path)
    assert [(frame.index, frame.decoded_index) for frame in whole] == [(i, i) for i in range(10)]
    path.write_bytes(data)
    damaged = frames_of(path)
    assert len(damaged) < 10
    assert [frame.decoded_index for frame in damaged] == list(range(len(damaged)))
    assert [frame.index for frame in damaged] != [frame.decoded_index for frame in damaged]


def test_a_part_counts_what_lies_before_it(tmp_path: Path) -> None:
    part = frames_of(Recording().make(tmp_path), start=0.2)
    assert [(frame.index, frame.decoded_index) for frame in part] == [(i, i) for i in range(5, 10)]
