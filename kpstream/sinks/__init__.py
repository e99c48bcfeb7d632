"""Where scenes go: a window, a video file, JSON lines, COCO, CSV.

Nothing is imported here: whoever only writes JSON lines needs neither PyAV nor a screen.
"""
