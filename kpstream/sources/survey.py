"""What lies before a position of a recording: read from its packets, without decoding one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

from av.packet import Packet
from av.video.stream import VideoStream

_SAME_TIME = 1e-6
_VP8_SHOWN = 0x10
"""The bit in the first byte of a VP8 picture that says whether it is shown, or only leaned on by others."""

Place = tuple[int | None, int | None, int]
"""When a packet's picture is shown, where in the file it lies, and its bytes: after a seek into the middle of a picture
of an MPEG program stream its rest has the time of the next one."""


@dataclass(slots=True)
class Survey:
    """What lies before a position; without entries where a part has to be decoded from the beginning."""

    stamps: list[int] = field(default_factory=list)
    """When its frames are shown, in units of the stream, in the order of decoding."""
    entries: tuple[int, ...] = ()
    """What to seek for the last key picture before the position: when it is shown, or decoded."""
    key_places: set[Place] = field(default_factory=set)
    """Where the key pictures are: a seek that ends elsewhere has missed."""


def place_of(packet: Packet[VideoStream]) -> Place:
    """What tells a packet from all others of its file."""
    return packet.pts, packet.pos, packet.size


def holds_a_picture(packet: Packet[VideoStream]) -> bool:
    """Whether a packet holds a picture that is to be shown."""
    if not packet.size or packet.is_discard:
        return False
    return packet.stream.codec_context.name != "vp8" or bool(memoryview(packet)[0] & _VP8_SHOWN)


def survey(packets: Iterable[Packet[VideoStream]], zero: int, position: float, time_base: float) -> Survey:
    """Read packets from the beginning of a file up to a position.

    Args:
        packets: In the order of decoding.
        zero: When the first frame is shown, in units of the stream.
        position: Seconds after that.
        time_base: Seconds of one unit.

    Returns:
        A survey without entries where the times of the file are no help: they are missing, fall or stand.
    """
    found, target = Survey(), zero + ceil((position - _SAME_TIME) / time_base)
    seen: set[int] = set()
    last_dts: int | None = None
    for packet in packets:
        pts, dts = packet.pts, packet.dts
        if not packet.size or (dts is not None and dts > target):
            break
        falls = dts is not None and last_dts is not None and dts < last_dts
        if pts is None or falls or (pts in seen and holds_a_picture(packet)):
            return Survey()
        last_dts = last_dts if dts is None else dts
        if holds_a_picture(packet):
            seen.add(pts)
            if zero <= pts < target:
                found.stamps.append(pts)
        if packet.is_keyframe and zero < pts <= target:
            found.entries = (pts,) if dts is None else (pts, dts)
            found.key_places.add(place_of(packet))
        elif packet.is_keyframe and pts <= zero:
            found.key_places.add(place_of(packet))
    return found
