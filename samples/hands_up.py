#!/usr/bin/env python3
"""In which files does somebody raise both hands? Asked of an archive that was written as Parquet.

    pip install duckdb
    kpstream archive VIDEOS --into OUT --write parquet --rate 5
    python samples/hands_up.py OUT

A picture's y grows downwards: both wrists lie above the nose, all three are seen well, and for a second at least.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

QUERY = """
WITH point AS (
    SELECT filename, pose, frame_index, pts,
           max(keypoint_y) FILTER (keypoint = 'nose') AS nose,
           max(keypoint_y) FILTER (keypoint IN ('left_wrist', 'right_wrist')) AS lower_wrist,
           count(*) FILTER (keypoint IN ('nose', 'left_wrist', 'right_wrist')) AS seen
    FROM read_parquet($files, filename = true)
    WHERE keypoint_confidence > 0.3
    GROUP BY ALL
), raised AS (
    SELECT filename, floor(pts) AS second, count(DISTINCT frame_index) AS frames
    FROM point WHERE seen = 3 AND lower_wrist < nose GROUP BY ALL
)
SELECT filename, count(*) AS seconds, min(second) AS first_at FROM raised
WHERE frames >= 10 GROUP BY ALL ORDER BY seconds DESC
"""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python samples/hands_up.py OUT")
    folder = sys.argv[1]
    if not any(Path(folder).rglob("*.parquet")):
        sys.exit(f"{folder} has no Parquet files: kpstream archive VIDEOS --into {folder} --write parquet makes them")
    found = duckdb.execute(QUERY, {"files": f"{folder}/**/*.parquet"}).fetchall()
    for name, seconds, first_at in found:
        print(f"{name}: in {seconds} seconds, first at {first_at:.0f} s")
    print(f"{len(found)} files")


if __name__ == "__main__":
    main()
