"""The sinks of one camera as one."""

from __future__ import annotations

import pytest

from kpstream.camera.sink_group import SinkGroup
from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.testing import ManualClock
from tests.support.sink_contract import picture, scene


class Failing:
    """A sink that fails, and says so at its end again, as those on threads of their own do."""

    def write(self, scene: Scene, canvas: Image) -> None:
        self.close()

    def close(self) -> None:
        raise SinkError("the disk is gone")


def test_a_sink_that_fails_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    group = SinkGroup("door", [Failing()], ManualClock())
    group.write(scene(0), picture(0))
    group.write(scene(1), picture(1))
    group.close()
    assert caplog.messages == ["door: the disk is gone - tried again in a minute"]
