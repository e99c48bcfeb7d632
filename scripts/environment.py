"""The project's own environment, ``.venv`` in the clone: made once, renewed when the requirements change.

For the scripts beside it; needs nothing but Python 3.11 or newer.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_HOME = ROOT / ".venv"
_CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
_STAMP = _HOME / "installed"


def python() -> Path:
    """The environment's interpreter."""
    return _HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def enter() -> None:
    """Go on inside the environment: make it if need be, then run this very script with its interpreter.

    Ends the process with one line that says what to do where this machine lacks something.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - these scripts are what people start with any python3 they have
        sys.exit(f"kpstream needs Python 3.11 or newer, not {sys.version.split()[0]}. Try: python3.12 {sys.argv[0]}")
    if Path(sys.prefix).resolve() == _HOME.resolve():
        return
    if not _STAMP.exists() or _STAMP.read_text() != _wanted():
        _install()
    _check_opencv()
    code = subprocess.call([python(), *sys.argv], cwd=os.getcwd())  # noqa: PTH109
    sys.exit(code)


def _wanted() -> str:
    parts = [(ROOT / "pyproject.toml").read_bytes(), _CONSTRAINTS.read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _install() -> None:
    print(f"Making {_HOME} (once; a minute or two) ...", flush=True)
    try:
        venv.create(_HOME, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot make {_HOME}: {error}. On Debian or Ubuntu: sudo apt-get install -y python3-venv")
    command = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "-c", str(_CONSTRAINTS), "-e", f"{ROOT}[dev]"], check=False)
    if done.returncode:
        sys.exit("pip could not install the requirements; its message is above. Mend that and start this script again.")
    _STAMP.write_text(_wanted())


def _check_opencv() -> None:
    done = subprocess.run([python(), "-c", "import cv2"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.path.insert(0, str(ROOT))
        from kpstream.errors import opencv_missing

        last_line = (done.stderr.strip().splitlines() or ["unknown cause"])[-1]
        sys.exit(opencv_missing(ImportError(last_line.partition(": ")[2] or last_line)) + "  Then start this again.")
