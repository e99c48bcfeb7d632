"""Rules that several tests hold before pictures."""

LEFT_HALF = """
[[zone]]
name = "left"
polygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
[[rule]]
name = "in the left half"
kind = "in_zone"
zone = "left"
"""
"""Somebody is in the left half of the picture."""
