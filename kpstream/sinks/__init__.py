"""Where scenes go: a window, video with its sound as one file, segments or clips, JSON lines, COCO, CSV, Parquet."""

# PyAV and OpenCV bring the same X libraries; a window of OpenCV's hangs for ever where PyAV's were loaded first.
import cv2  # noqa: F401
