"""A bare decoupled loop: every picture at once, with the newest answer on it; one request in flight."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import cv2

from bench_parts.peers import wire


class _Asker:
    """Asks about the newest picture, again and again."""

    def __init__(self) -> None:
        self.image: Any = None
        self.poses: list[dict[str, Any]] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        asked = None
        while True:
            image = self.image
            if image is None or image is asked:
                time.sleep(0.001)
                continue
            asked = image
            self.poses = wire.ask(image)


def main() -> None:
    wire.begin()
    until = time.monotonic() + float(sys.argv[3])
    capture, asker, order = cv2.VideoCapture(sys.argv[1]), _Asker(), 0
    while time.monotonic() < until:
        there, image = capture.read()
        if not there:
            break
        asker.image = image
        wire.show(wire.number_in(image, order), asker.poses)
        order += 1


if __name__ == "__main__":
    main()
