"""What is drawn, and how thick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from kpstream.errors import UsageError
from kpstream.options.declared import Option
from kpstream.options.units import comma_list, split_words

DRAWN = ("boxes", "keypoints", "edges", "labels", "ids")

_picture = partial(Option, panel="Picture")


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn, and how thick."""

    draw: Annotated[
        str,
        _picture(
            "What is drawn, a comma list; '' draws nothing.",
            metavar=",".join(DRAWN),
            in_file="what is drawn",
            parse=comma_list,
        ),
    ] = ",".join(DRAWN)
    thickness: Annotated[
        int | None,
        _picture(
            "Of lines.", metavar="PX", min=1, max=1000, shown_default="by picture size", in_file="of lines, in pixels"
        ),
    ] = None

    @property
    def parts(self) -> frozenset[str]:
        """What of a pose is drawn.

        Raises:
            UsageError: It names something that nobody knows.
        """
        names = frozenset(split_words(self.draw))
        if unknown := sorted(names - set(DRAWN)):
            raise UsageError(f"does not know {', '.join(unknown)}: it takes {', '.join(DRAWN)}", option="draw")
        return names
