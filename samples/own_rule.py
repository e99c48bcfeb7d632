"""Say what happens in a video, also by a rule of one's own: python samples/own_rule.py VIDEO."""

from __future__ import annotations

import sys
from pathlib import Path

import kpstream

SAMPLES = Path(__file__).parent


def crouches(pose: kpstream.Pose) -> bool | None:
    """Whether the hips are nearer to the knees than to the shoulders; None where one of them is not seen."""
    heights = [pose.xy[pose.skeleton.names.index(f"left_{name}"), 1] for name in ("shoulder", "hip", "knee")]
    shoulder, hip, knee = map(float, heights)
    return None if shoulder + hip + knee != shoulder + hip + knee else knee - hip < 0.5 * (hip - shoulder)


def tell(event: kpstream.Event, scene: kpstream.Scene | None) -> None:
    """Print a line; the scene has the picture."""
    if event.state != "updated":
        print(f"{event.opened_pts:6.2f} s  {event.state:7}  {event.rule}  {list(event.tracker_ids)}")


def main() -> None:
    """Watch a video with the rules of the sample and one more."""
    if len(sys.argv) != 2:
        sys.exit("usage: python samples/own_rule.py VIDEO, as samples/events.mp4")
    loaded = kpstream.Rules.load(SAMPLES / "events.toml")
    own = kpstream.Rule("crouches", kpstream.Custom(crouches))
    rules = kpstream.Rules((*loaded.rules, own), loaded.zones, loaded.lines)
    watch = kpstream.RuleWatch(rules, camera="yard", listeners=[tell])
    source, endpoint = kpstream.open_source(sys.argv[1]), kpstream.EmbeddedEndpoint()
    with kpstream.Pipeline(source, endpoint, rate=5, rules=watch) as pipeline:
        pipeline.run()


if __name__ == "__main__":
    main()
