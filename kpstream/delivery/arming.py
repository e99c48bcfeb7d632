"""Which rules may open events, as people said: a camera as a whole, and each of its rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kpstream.events import RuleSet


@dataclass(slots=True)
class Arming:
    """What is armed of one camera. A rule is where both it and its camera are.

    Args:
        rules: The camera's own; what they say of themselves holds until somebody says something else.
        choices: What was said until now, by rule; empty for the camera as a whole.
    """

    rules: RuleSet
    choices: Mapping[str, bool] = field(default_factory=dict)

    @property
    def camera(self) -> bool:
        """Whether the camera as a whole is armed."""
        return self.choices.get("", True)

    def of(self, rule: str) -> bool:
        """Whether a rule is armed, if its camera is."""
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
