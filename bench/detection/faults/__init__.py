"""Faults of sensors that are injected, and the same instruments without any."""

from bench.detection.faults.result import FaultResult, run

__all__ = ["FaultResult", "run"]
