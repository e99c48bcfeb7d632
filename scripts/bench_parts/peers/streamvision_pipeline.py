"""Roboflow's InferencePipeline (streamvision) with a handler of one's own that asks the hosted service.

A fourth argument is the size of a pool of threads: then the handler gives futures, and the sink waits for them.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from streamvision.stream.pipeline import InferencePipeline  # type: ignore[import-not-found]

from bench_parts.peers import wire

_pool = ThreadPoolExecutor(int(sys.argv[4])) if len(sys.argv) > 4 else None


def _handle(frames: list[Any]) -> list[Any]:
    if _pool is None:
        return [wire.ask(frame.image) for frame in frames]
    return [_pool.submit(wire.ask, frame.image) for frame in frames]


def _sink(prediction: Any, frame: Any) -> None:
    poses = prediction.result() if isinstance(prediction, Future) else prediction
    wire.show(wire.number_in(frame.image, frame.frame_id - 1), poses)


def main() -> None:
    wire.begin()
    pipeline = InferencePipeline.init_with_custom_logic(sys.argv[1], on_video_frame=_handle, on_prediction=_sink)
    clock = threading.Timer(float(sys.argv[3]), os._exit, (0,))
    clock.daemon = True
    clock.start()
    pipeline.start(use_main_thread=False)
    pipeline.join()


if __name__ == "__main__":
    main()
