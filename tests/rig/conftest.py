"""What several of the rig's tests are given."""

from __future__ import annotations

import av
import pytest

from tests.rig.parts.fault_table import Table
from tests.rig.parts.programs import CLIP


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Table:
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker_id == "master" else folder.parent) / "fault_table.jsonl"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample at half its size, which leaves the machine something to spare."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with av.open(str(CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame in source.decode(video=0):
            small = frame.reformat(640, 360, "yuv420p")
            small.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(small))
        target.mux(stream.encode(None))
    return str(path)
