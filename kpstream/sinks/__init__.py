"""Where scenes go: a window, a video file, JSON lines, COCO, CSV."""

# PyAV and OpenCV bring the same X libraries; a window of OpenCV's hangs for ever where PyAV's were loaded first.
import cv2  # noqa: F401
