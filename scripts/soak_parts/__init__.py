"""The parts of soak.py; tests/rig drives single faults with some of them."""
