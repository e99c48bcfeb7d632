"""The parts of ``archive_proof.py``."""
