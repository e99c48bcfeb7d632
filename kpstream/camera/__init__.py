"""One camera: described once, assembled once."""
