"""Other ways to put keypoints on video, each a small program as its users would write it.

Each runs in its own environment and imports nothing of kpstream: ``python -m bench_parts.peers.NAME SOURCE ENDPOINT
SECONDS``. A line of JSON on stdout is a picture shown (see `wire`); the last line on stderr says why it ended.
"""
