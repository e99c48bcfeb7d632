"""Devices that decode video, and what is told where there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache

from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

_log = logging.getLogger("kpstream")

NO_DEVICE = "none"
"""Decode on the processor."""
ANY_DEVICE = "auto"
"""Decode on the first kind of device that is there."""
_PROBED = "h264"
"""Every device that is of use decodes it."""


@cache
def device_for(wanted: str) -> str | None:
    """The kind of device that decodes from now on; None for the processor, and why is told once.

    Blocks while devices are tried, for a second at most.

    Args:
        wanted: `NO_DEVICE`, `ANY_DEVICE`, or a kind by FFmpeg's name.
    """
    if wanted == NO_DEVICE:
        return None
    known = hwdevices_available()
    found = first_usable(known if wanted == ANY_DEVICE else [wanted], known, is_usable)
    if found is None:
        kind = "device for decoding" if wanted == ANY_DEVICE else f"{wanted} device for decoding"
        _log.warning("no %s is here (tried of %s): the processor decodes", kind, ", ".join(known) or "none")
    elif wanted == ANY_DEVICE:
        _log.info("%s decodes", found)
    return found


def first_usable(wanted: Sequence[str], known: Sequence[str], is_usable: Callable[[str], bool]) -> str | None:
    """The first of the kinds of devices that FFmpeg knows and that is there; None where none is."""
    return next((kind for kind in wanted if kind in known and is_usable(kind)), None)


def is_usable(kind: str) -> bool:
    """Whether a device of a kind that FFmpeg knows is there; blocks while it is opened."""
    try:
        accelerator(kind).create(Codec(_PROBED, "r"))
    except (FFmpegError, OSError, RuntimeError, ValueError):
        return False
    return True


def accelerator(kind: str) -> HWAccel:
    """What PyAV decodes with; where the device does not know a stream's codec, the processor decodes that one."""
    return HWAccel(kind, allow_software_fallback=True)
