"""Who is measured beside kpstream, and where each of them lives."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench_parts.processes import ROOT, say

HOMES = ROOT / ".bench"
"""Environments of the peers; made once."""


@dataclass(frozen=True)
class Peer:
    """Another program."""

    name: str
    module: str
    requirements: tuple[str, ...]
    """What pip installs, the package first; nothing for what runs in our own environment."""
    arguments: tuple[str, ...] = ()
    plays: tuple[str, ...] = ("live", "file")

    def python(self) -> Path:
        """The interpreter of its environment."""
        if not self.requirements:
            return Path(sys.executable)
        return HOMES / self.requirements[0].partition("==")[0] / "bin" / "python"

    def command(self, source: str | Path, endpoint: str, seconds: float, out: Path) -> list[str]:
        """Play a source for so long."""
        arguments = [word.format(out=out) for word in self.arguments]
        module = f"bench_parts.peers.{self.module}"
        return [str(self.python()), "-m", module, str(source), endpoint, str(seconds), *arguments]


_SUPERVISION = ("supervision==0.31.2", "opencv-python", "requests")
PEERS = (
    Peer("newest answer held", "held_loop", (), plays=("live",)),
    Peer("infer_on_stream", "infer_on_stream", ("inference-sdk==1.8.3",)),
    Peer("streamvision", "streamvision_pipeline", ("streamvision==0.1.4", "requests")),
    Peer("streamvision, pool of 8", "streamvision_pipeline", ("streamvision==0.1.4", "requests"), ("8",)),
    Peer("supervision", "supervision_video", _SUPERVISION, ("{out}",), plays=("file",)),
)


def install(peers: Iterable[Peer]) -> list[Peer]:
    """Make the environments that are not there yet; gives the peers that can run, and says which cannot."""
    able = []
    for peer in peers:
        try:
            _install(peer)
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or str(error)
            say(f"{peer.name} is left out: {output.strip().splitlines()[-1]}")
        else:
            able.append(peer)
    return able


def _install(peer: Peer) -> None:
    home, wanted = peer.python().parents[1], "\n".join(peer.requirements)
    stamp = home / "installed"
    if not peer.requirements or (stamp.exists() and stamp.read_text() == wanted):
        return
    say(f"installing {peer.requirements[0]} into {home.relative_to(ROOT)} (once; a minute or two)")
    HOMES.mkdir(exist_ok=True)
    (HOMES / ".gitignore").write_text("*\n")
    venv.create(home, with_pip=True, clear=True)
    pip = [str(peer.python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *peer.requirements], check=True, capture_output=True, text=True, timeout=900)
    stamp.write_text(wanted)
