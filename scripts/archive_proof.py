#!/usr/bin/env python3
"""Prove that an archive ends as it should, whatever comes between: odd files, deaths, limits, clusters.

    python3 scripts/archive_proof.py tree                  forty files, many of them odd; again nothing is asked
    python3 scripts/archive_proof.py kills --kills 30      kill -9 of driver, worker, dealer and Ray at seeded moments
    python3 scripts/archive_proof.py limits                one budget, one rate over four workers, while requests fail
    python3 scripts/archive_proof.py workers               files a minute with one, two and four workers
    python3 scripts/archive_proof.py flat                  memory over two hundred files, and what is left behind
    python3 scripts/archive_proof.py cluster               three nodes on this machine, one of which is killed

Each prints what it found, and exits with 1 where something is not as it should be. They need Linux, and the extra
kpstream[archive].
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from environment import ROOT, enter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof", choices=["tree", "kills", "limits", "workers", "flat", "cluster"])
    parser.add_argument("--workers", type=int, default=2, help="of tree and flat")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--files", type=int, help="default: 16 of kills, 20 of workers, 200 of flat")
    parser.add_argument("--latency", type=float, default=0.4, help="of workers: seconds until an answer")
    parser.add_argument("--seed", type=int, default=1, help="of the kills")
    options = parser.parse_args()
    enter()
    sys.path.insert(0, str(ROOT))
    from archive_parts import cluster, flat, kills, limits, tree, workers

    with tempfile.TemporaryDirectory(prefix="kpa-", dir="/tmp") as place:  # Ray wants short names
        folder, files = Path(place), options.files
        proofs = {
            "tree": lambda: tree.prove(folder, workers=options.workers),
            "kills": lambda: kills.prove(folder, kills=options.kills, clips=files or 16, seed=options.seed),
            "limits": lambda: limits.prove(folder),
            "workers": lambda: workers.prove(folder, files=files or 20, latency=options.latency),
            "flat": lambda: flat.prove(folder, files=files or 200, workers=options.workers),
            "cluster": lambda: cluster.prove(folder),
        }
        good = proofs[options.proof]()
    print("as it should be" if good else "NOT as it should be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
