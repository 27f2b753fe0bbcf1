"""Measurements that anyone can repeat: `python -m bench` lists them."""


class BenchError(Exception):
    """A measurement could not be made; the message says why."""
