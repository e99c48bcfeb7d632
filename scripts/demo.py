#!/usr/bin/env python3
"""Everything at once, on a machine with only Python 3.11 or newer and git: ``python3 scripts/demo.py``.

Makes the environment ``.venv``, annotates the sample clip with the embedded model through the whole pipeline into
``out/``, and says how good it was against the clip's exact truth, and what to try next.
"""

from __future__ import annotations

import json
import sys

from environment import ROOT, enter

CLIP = ROOT / "samples" / "walkers.mp4"
TRUTH = ROOT / "samples" / "walkers.poses.json"
OUT = ROOT / "out"

NEXT = """
Next:
  . .venv/bin/activate                   (on Windows: .venv\\Scripts\\activate)
  kpstream live 0                        your webcam, with the embedded model
  kpstream live samples/walkers.mp4      the sample as if it were a camera
  export ROBOFLOW_API_KEY=...            then your own hosted model:
  kpstream live 0 --model my-pose/3
  kpstream doctor 0                      what works on this machine, and what does not
"""


def main() -> None:
    enter()
    from scoring import lines_of, score

    from kpstream.cli import run

    OUT.mkdir(exist_ok=True)
    video, poses = OUT / "walkers.mp4", OUT / "walkers.jsonl"
    code = run(["annotate", str(CLIP), "-o", str(video), "--jsonl", str(poses), "--overwrite"])
    if code:
        sys.exit(code)
    found = score(lines_of(poses), json.loads(TRUTH.read_text()), skip=0)
    print(f"\nThe annotated video: {video}")
    print(f"The poses:           {poses}")
    print(
        f"Against the truth:   every person in view has a skeleton in {found.all_found:.1%} of the frames, "
        f"somebody in {found.any_found:.1%}; keypoints are off by {found.error:.1f} % of a person's size."
    )
    print(NEXT)


if __name__ == "__main__":
    main()
