"""Roboflow's inference-sdk: `InferenceHTTPClient.infer_on_stream`, as its page shows it."""

from __future__ import annotations

import sys
import time

from inference_sdk import InferenceHTTPClient  # type: ignore[import-not-found]

from bench_parts.peers import wire


def main() -> None:
    client = InferenceHTTPClient(api_url=sys.argv[2], api_key="none")
    client.select_api_v0()
    wire.begin()
    until = time.monotonic() + float(sys.argv[3])
    for number, image, answer in client.infer_on_stream(sys.argv[1], model_id="bench/1"):
        wire.show(wire.number_in(image, number), answer["predictions"])
        if time.monotonic() > until:
            break


if __name__ == "__main__":
    main()
