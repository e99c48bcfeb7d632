"""The network that ships with the package, so that a fresh machine has a real model with no download and no key."""
