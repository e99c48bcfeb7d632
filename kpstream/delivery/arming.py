"""Which rules may open events: people arm and disarm a camera as a whole, and each of its rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kpstream.events import RuleSet


@dataclass(slots=True)
class Arming:
    """What is armed of one camera. A rule may open events where both the rule and the camera are armed.

    Args:
        rules: The camera's own; each holds its own `armed` until somebody arms or disarms it.
        choices: What people chose, by the name of the rule; an empty name is the camera as a whole.
    """

    rules: RuleSet
    choices: Mapping[str, bool] = field(default_factory=dict)

    @property
    def camera(self) -> bool:
        """Whether the camera as a whole is armed."""
        return self.choices.get("", True)

    def of(self, rule: str) -> bool:
        """Whether a rule is armed by itself."""
        own = {each.name: each.armed for each in self.rules.rules}
        return self.choices.get(rule, own.get(rule, False))

    @property
    def states(self) -> dict[str, bool]:
        """Whether each rule is armed by itself, by name, and with an empty name the camera."""
        return {"": self.camera, **{rule.name: self.of(rule.name) for rule in self.rules.rules}}

    def set_armed(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera as a whole."""
        self.choices = {**self.choices, rule: armed}

    @property
    def armed_rules(self) -> dict[str, bool]:
        """Whether each rule may open events, by name: it and its camera are armed."""
        return {rule.name: self.camera and self.of(rule.name) for rule in self.rules.rules}
