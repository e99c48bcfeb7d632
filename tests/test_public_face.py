"""What programs may use: the names of the package itself, and nothing else of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kpstream

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.py"))


@pytest.mark.parametrize("name", kpstream.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(kpstream, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = kpstream.Nothing


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples_use_nothing_else(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("kpstream"), f"from {node.module}"
        elif isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] != "kpstream" or alias.name == "kpstream" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "kpstream":
            assert node.attr in kpstream.__all__


def test_who_asks_tracks_and_draws_does_not_load_what_computes_or_is_for_programs() -> None:
    loaded = "kpstream.camera.child, kpstream.recorded.archive.work, kpstream.render.annotators"
    code = f"import sys, {loaded}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"supervision", "matplotlib", "scipy", "onnxruntime"} & set(done.stdout.split())


def test_importing_the_package_loads_no_opencv() -> None:
    code = "import sys, kpstream; sys.exit('cv2' in sys.modules or 'av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
