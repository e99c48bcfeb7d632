"""A program with a window, for tests that look at it and press its keys.

    viewer.py WIDTH HEIGHT [--one-picture | --silent]

The left half of every picture is green; the right half's blue grows with its number, so that no two pictures look
the same. With --silent a red picture stands in for the first one, and no further ones come. Every ten turns it prints
``turn``; when its viewer ends it ``QUIT`` and why, and once the window is closed ``CLOSED``. Then it waits for the end
of its input. Snapshots go to its working folder.
"""

from __future__ import annotations

import logging
import sys
import time
from itertools import count

import numpy as np

from kpstream.entities import Frame, Image, Scene
from kpstream.errors import ViewerQuit
from kpstream.sinks.window import Window


def picture(width: int, height: int, number: int) -> Image:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 1] = 200
    image[:, width // 2 :, 0] = number % 256
    return image


def look(window: Window, width: int, height: int, *, one_picture: bool, silent: bool) -> None:
    for number in count():
        if silent and number == 1:
            red = np.zeros((height, width, 3), np.uint8)
            red[..., 2] = 255
            window.show_instead(red)
        if (one_picture or silent) and number:
            window.pump()
        else:
            image = picture(width, height, number)
            window.write(Scene(Frame(number, number / 30, 0.0, image), ()), image)
        if number % 10 == 9:
            print("turn", flush=True)
        time.sleep(0.02)


def main() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    window = Window()
    try:
        look(
            window,
            int(sys.argv[1]),
            int(sys.argv[2]),
            one_picture="--one-picture" in sys.argv,
            silent="--silent" in sys.argv,
        )
    except ViewerQuit as quit_:
        print("QUIT", quit_, flush=True)
    window.close()
    print("CLOSED", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
