"""onnxruntime, which runs the networks: on the processor alone, without spinning, and without a word to anybody.

**Telemetry.** Its published builds report to their maker over the network, and keep an identifier of the machine on
the disk, from the moment that they are loaded. Only the environment variable below, set before that, prevents all of
it; the function that they offer for it comes too late. So nothing else in the package imports onnxruntime.

**Threads.** One session serves all callers. A caller computes itself, and the session's own threads help it wherever
they are idle; so a single picture has several cores, and several pictures a core each. Threads that wait sleep: by
default they spin, which takes the cores from whoever decodes, draws and encodes. Source: measured on two busy
cores in float32, CPU and median time of a picture: one thread 16 and 32 ms, two 17.5 and 21, two that spin 35 and 67.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from kpstream.entities import Floats
from kpstream.errors import KpstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxruntime import InferenceSession  # type: ignore[import-untyped, unused-ignore]

_MAX_THREADS = 4
"""For one picture. The networks are small: with more, what is gained is less than the waking costs others."""
_REMEDY = "python -m pip install --force-reinstall onnxruntime"
_REMEDY_ON_WINDOWS = f"install Microsoft's Visual C++ Redistributable, then run: {_REMEDY}"


class Network:
    """A network, ready to run. Any number of threads may run one at once.

    Args:
        session: What `load` made.
    """

    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    def run(self, image: Floats, outputs: Sequence[str]) -> list[Floats]:
        """Compute some of the outputs, in their order; blocks meanwhile.

        Args:
            image: The network's only input, called ``image``.
            outputs: Their names.
        """
        found = self._session.run(outputs, {"image": image})
        return [np.asarray(output, np.float32) for output in found]


def load(onnx: bytes) -> Network:
    """Make a network of an ONNX file's content; blocks for a tenth of a second, and longer the first time.

    Raises:
        KpstreamError: onnxruntime cannot be loaded on this machine.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        remedy = _REMEDY_ON_WINDOWS if os.name == "nt" else f"run: {_REMEDY}"
        raise KpstreamError(f"onnxruntime cannot be loaded ({error}): {remedy}") from None
    onnxruntime.disable_telemetry_events()  # where a program imported it before
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(_MAX_THREADS, usable_cores())
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: it warns of what concerns nobody
    return Network(onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"]))


def usable_cores() -> int:
    """How many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Completion:
    """Entered around work in native libraries, by any thread: the interpreter ends only once nobody is inside.

    A daemon thread that comes back from a library while the interpreter ends is killed on the spot, and inside of
    C++ that kills the whole process (SIGABRT). So the end waits for those inside, and a daemon thread that then
    wants to enter waits for ever: an error would be printed, which may be fatal at that moment, too.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_over = False

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(self._may_enter)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let nobody in any more but the main thread, and wait until nobody is inside."""
        with self._changed:
            self._is_over = True
            self._changed.wait_for(lambda: not self._inside)

    def _may_enter(self) -> bool:
        return not self._is_over or threading.current_thread() is threading.main_thread()


completion = _Completion()
atexit.register(completion.end)
