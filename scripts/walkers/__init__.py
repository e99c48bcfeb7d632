"""The drawn street that the sample clip is made of: people who walk, and the exact truth about their poses.

From the bottom up: `camera` (the picture's geometry), `gait` (how a body moves), `cast` (who walks where),
`body` (joints to solid parts), `raster` (parts to shaded pixels), `street` (what stands behind them),
`film` (one whole frame, and its truth), `sound` (the audio track).

World coordinates are metres: x to the right, y up from the ground, z away from the camera. A heading of 0 looks
away from the camera, a heading of pi into it. Colours are BGR, 0 to 1. Everything follows from the time and a seed.
"""
