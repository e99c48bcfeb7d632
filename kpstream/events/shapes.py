"""Zones and lines as they are written in a file of rules."""

from __future__ import annotations

from kpstream.events.rules import Line, Point, Zone

DECIMALS = 4
"""Of a fraction: a third of a pixel of a picture in 4K."""


def point_text(point: Point) -> str:
    """A point as a list of TOML."""
    return f"[{', '.join(str(round(float(share), DECIMALS)) for share in point)}]"


def polygon_text(zone: Zone) -> str:
    """A zone's corners as a list of TOML."""
    return f"[{', '.join(map(point_text, zone.polygon))}]"


def shape_table(shape: Zone | Line) -> str:
    """A zone or a line as a table of TOML."""
    if isinstance(shape, Zone):
        lines = ["[[zone]]", f'name = "{shape.name}"', f"polygon = {polygon_text(shape)}"]
    else:
        ends = f"from = {point_text(shape.start)}", f"to = {point_text(shape.end)}"
        lines = ["[[line]]", f'name = "{shape.name}"', *ends]
    if shape.cameras:
        cameras = ", ".join(f'"{name}"' for name in shape.cameras)
        lines.append(f"cameras = [{cameras}]")
    return "\n".join([*lines, ""])
