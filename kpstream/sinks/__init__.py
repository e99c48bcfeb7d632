"""Where scenes go: a window, video files with their sound, JSON lines, COCO and its pictures, CSV."""

# PyAV and OpenCV bring the same X libraries; a window of OpenCV's hangs for ever where PyAV's were loaded first.
import cv2  # noqa: F401
