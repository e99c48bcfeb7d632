"""A camera with sound, without, and with one that does not come."""

from __future__ import annotations

import pytest

from kpstream.entities import Frame
from kpstream.media.sound import SoundFormat
from kpstream.sources.stream import Stream
from tests.support.rtsp_camera import RtspCamera


def opened(camera: RtspCamera, *, with_sound: bool = True) -> tuple[Stream, list[Frame]]:
    stream = Stream(camera.url, with_sound=with_sound)
    frames = [stream.read() for _ in range(70)]
    return stream, [frame for frame in frames if frame is not None]


def test_sound_comes_beside_the_pictures_where_it_is_wanted() -> None:
    with RtspCamera(3.0, sound="heard") as camera:
        stream, frames = opened(camera)
        stream.close()
    assert camera.plays == [[0, 1]]
    (sound,) = {frame.sound for frame in frames}
    assert sound is not None
    assert sound.form == SoundFormat("pcm_alaw", 8000, 1)
    packets, _ = sound.since(0)
    assert [packet.stamp for packet in packets] == pytest.approx([0.02 * number for number in range(len(packets))])
    clicks = [packet.stamp for packet in packets if len(set(packet.data)) > 1]
    assert clicks == pytest.approx([1.0, 2.0])
    assert packets[-1].stamp == pytest.approx(frames[-1].stamp, abs=0.1)


def test_who_wants_no_sound_asks_for_none() -> None:
    with RtspCamera(3.0, sound="heard") as camera:
        stream, frames = opened(camera, with_sound=False)
        stream.close()
    assert camera.plays == [[0]]
    assert {frame.sound for frame in frames} == {None}


def test_a_camera_without_sound_is_silent() -> None:
    with RtspCamera(3.0) as camera:
        stream, frames = opened(camera)
        stream.close()
    assert {frame.sound for frame in frames} == {None}


def test_sound_that_is_refused_costs_no_picture(caplog: pytest.LogCaptureFixture) -> None:
    with RtspCamera(3.0, sound="refused") as camera:
        stream, frames = opened(camera)
        stream.close()
    assert camera.plays == [[0, 1], [0]]
    assert {frame.sound for frame in frames} == {None}
    assert [record.getMessage() for record in caplog.records] == [
        f"{camera.url} does not give its sound beside its pictures: the sound is left out"
    ]


def test_sound_that_never_comes_costs_no_picture() -> None:
    """Opening does not wait for it: this camera sends three seconds of pictures, and then nothing."""
    with RtspCamera(3.0, sound="mute") as camera:
        stream, frames = opened(camera)
        stream.close()
    (sound,) = {frame.sound for frame in frames}
    assert sound is not None
    assert sound.since(0) == ([], 0)
