"""What is drawn, and how pictures are made square for whoever looks at them."""

from __future__ import annotations

from kpstream.render.annotators import PARTS, Layers, PoseAnnotator
from kpstream.render.status import StatusAnnotator, dimmed

__all__ = ["PARTS", "Layers", "PoseAnnotator", "StatusAnnotator", "dimmed"]
