"""Wiring: the only place that knows every stage of a process."""
