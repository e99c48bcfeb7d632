"""An RTSP camera in a few lines: RTP over the connection of its client, pictures and sound, all of it at once."""

from __future__ import annotations

import base64
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream

_FRAME_RATE = 25
_VIDEO_CLOCK, _SOUND_CLOCK = 90_000, 8000
_SOUND_SAMPLES = 160
_ORIGIN = 12_345
"""Of the stamps: FFmpeg takes 0 for none."""
_REASONS = {200: "OK", 503: "Service Unavailable"}


@dataclass(frozen=True)
class _Packet:
    channel: int
    time: int
    payload: bytes
    ends: bool


class RtspCamera:
    """Serves grey pictures, and clicks once a second; all of it at once, and then nothing until the client leaves.

    Args:
        seconds: How much.
        sound: None for no stream of sound; ``heard``; ``mute``: it is announced and never comes; ``refused``: PLAY
            fails for who wants it.
    """

    def __init__(self, seconds: float, *, sound: str | None = None) -> None:
        self._sound = sound
        self._parameters, video = _pictures(seconds)
        heard = _clicks(seconds) if sound == "heard" else []
        self._packets = sorted([*video, *heard], key=_seconds)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"
        """Where it is."""
        self._threads = [threading.Thread(target=self._accept)]
        self._clients: list[socket.socket] = []
        self.plays: list[Sequence[int]] = []
        """The streams that each client wanted, by their number: 0 is the picture."""

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):  # it has gone
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        wanted: dict[int, int] = {}
        try:
            with client, client.makefile("rb") as requests:
                while (line := requests.readline()) and line.strip():
                    method, address, _ = line.decode().split()
                    headers = {}
                    while (header := requests.readline().decode().strip()) != "":
                        name, _, value = header.partition(":")
                        headers[name.lower()] = value.strip()
                    self._answer(client, method, address, headers, wanted)
        except (OSError, ValueError):
            return

    def _answer(
        self, client: socket.socket, method: str, address: str, headers: dict[str, str], wanted: dict[int, int]
    ) -> None:
        status, body, more = 200, "", {"Session": "1"}
        if method == "OPTIONS":
            more = {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"}
        elif method == "DESCRIBE":
            body, more = self._description(), {"Content-Type": "application/sdp", "Content-Base": f"{self.url}/"}
        elif method == "SETUP":
            number = int(address[-1])
            wanted[number] = int(headers["transport"].partition("interleaved=")[2].partition("-")[0])
            more["Transport"] = headers["transport"]
        elif method == "PLAY":
            self.plays.append(sorted(wanted))
            status = 503 if self._sound == "refused" and 1 in wanted else 200
        text = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {headers['cseq']}", f"Content-Length: {len(body)}"]
        text += [f"{name}: {value}" for name, value in more.items()]
        client.sendall(("\r\n".join(text) + "\r\n\r\n" + body).encode())
        if method == "PLAY" and status == 200:
            self._play(client, wanted)

    def _description(self) -> str:
        sets = ",".join(base64.b64encode(one).decode() for one in self._parameters)
        lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "t=0 0", "m=video 0 RTP/AVP 96"]
        lines += ["a=rtpmap:96 H264/90000", f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}"]
        lines += [f"a=framerate:{_FRAME_RATE}", "a=control:stream=0"]
        if self._sound is not None:
            lines += ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000/1", "a=control:stream=1"]
        return "\r\n".join(lines) + "\r\n"

    def _play(self, client: socket.socket, wanted: dict[int, int]) -> None:
        counts = [0, 0]
        for packet in self._packets:
            if packet.channel in wanted:
                kind, source = (96, 8)[packet.channel] | packet.ends << 7, 7 + packet.channel
                header = struct.pack(">BBHII", 0x80, kind, counts[packet.channel], _ORIGIN + packet.time, source)
                counts[packet.channel] += 1
                data = header + packet.payload
                client.sendall(struct.pack(">cBH", b"$", wanted[packet.channel], len(data)) + data)


def _seconds(packet: _Packet) -> float:
    return packet.time / (_VIDEO_CLOCK, _SOUND_CLOCK)[packet.channel]


def _pictures(seconds: float) -> tuple[list[bytes], list[_Packet]]:
    """The parameter sets, and the pictures, each in one packet for each of its units."""
    output = av.open("/dev/null", "w", format="h264")
    stream = output.add_stream("libx264", rate=_FRAME_RATE, options={"tune": "zerolatency", "g": "25"})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.thread_count = 1
    packets, parameters = [], []
    for number in range(round(seconds * _FRAME_RATE)):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 + 5 * number % 150, np.uint8), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, _FRAME_RATE)
        units = [unit for packet in stream.encode(frame) for unit in _units(bytes(packet))]
        parameters += [unit for unit in units if unit[0] & 31 in (7, 8)]
        time = number * _VIDEO_CLOCK // _FRAME_RATE
        packets += [_Packet(0, time, unit, unit is units[-1]) for unit in units]
    output.close()
    return parameters[:2], packets


def _units(data: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]


def _clicks(seconds: float) -> list[_Packet]:
    samples = bytearray([0xD5]) * round(seconds * _SOUND_CLOCK)  # silence, in A-law
    for second in range(1, int(seconds) + 1):
        samples[second * _SOUND_CLOCK : second * _SOUND_CLOCK + 40] = bytes([0xAA]) * 40
    starts = range(0, len(samples), _SOUND_SAMPLES)
    return [_Packet(1, start, bytes(samples[start : start + _SOUND_SAMPLES]), ends=False) for start in starts]
