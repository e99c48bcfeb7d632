"""Makes events from poses: zones, lines and rules, and the events that rules open and end.

Pure without exception: no clock, no file, no thread. A `RuleEngine` takes observations in the order of their arrival
and returns events; time is the source's pts, in seconds.
"""

from kpstream.entities import Event
from kpstream.events.engine import Observation, Reading, RuleEngine
from kpstream.events.machine import Truth
from kpstream.events.observations import observations_of
from kpstream.events.rules import (
    INSTANT_KINDS,
    Absence,
    Angle,
    Condition,
    Count,
    Custom,
    Distance,
    Fall,
    HandsUp,
    InZone,
    KeypointInZone,
    Line,
    LineCrossing,
    Lying,
    Repetitions,
    Rule,
    RuleSet,
    Schedule,
    Speed,
    Still,
    Tilt,
    Zone,
    bounds_of,
    model_faults,
)
from kpstream.events.shapes import point_text, polygon_text, shape_table
from kpstream.events.tables import read_tables
from kpstream.events.watch import Listener, RuleWatch

__all__ = [
    "INSTANT_KINDS",
    "Absence",
    "Angle",
    "Condition",
    "Count",
    "Custom",
    "Distance",
    "Event",
    "Fall",
    "HandsUp",
    "InZone",
    "KeypointInZone",
    "Line",
    "LineCrossing",
    "Listener",
    "Lying",
    "Observation",
    "Reading",
    "Repetitions",
    "Rule",
    "RuleEngine",
    "RuleSet",
    "RuleWatch",
    "Schedule",
    "Speed",
    "Still",
    "Tilt",
    "Truth",
    "Zone",
    "bounds_of",
    "model_faults",
    "observations_of",
    "point_text",
    "polygon_text",
    "read_tables",
    "shape_table",
]
