"""Recorded video: a job that can be resumed, its journal, its outputs, and drawing again from poses that were kept."""
