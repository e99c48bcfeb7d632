"""Do something whenever somebody raises a hand: ``python samples/live_callback.py 0``, or a file, or rtsp://...

Without a model of your own the embedded one looks at the picture; put ``kpstream.RoboflowEndpoint("my-pose/3")`` in
its place to ask the hosted service, with the key in ROBOFLOW_API_KEY.
"""

from __future__ import annotations

import sys

import kpstream


def raises_a_hand(pose: kpstream.Pose) -> bool:
    """Whether a wrist is above the eye of its side."""
    names = pose.skeleton.names
    if "left_wrist" not in names:
        return False
    sure = pose.visible(0.4)
    for side in ("left", "right"):
        wrist, eye = names.index(f"{side}_wrist"), names.index(f"{side}_eye")
        if sure[wrist] and sure[eye] and pose.xy[wrist, 1] < pose.xy[eye, 1]:
            return True
    return False


def main(reference: str) -> None:
    source = kpstream.open_source(reference, paced=True)  # a file plays as if it were a camera
    up: set[int | None] = set()
    with kpstream.Pipeline(source, kpstream.EmbeddedEndpoint()) as pipeline:
        for scene in pipeline:
            for pose in scene.poses:
                if not raises_a_hand(pose):
                    up.discard(pose.tracker_id)
                elif pose.tracker_id not in up:
                    up.add(pose.tracker_id)
                    print(f"{scene.frame.pts:6.2f} s: {pose.class_name} {pose.tracker_id} raises a hand", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python samples/live_callback.py 0, or CLIP.mp4, or rtsp://...")
    main(sys.argv[1])
