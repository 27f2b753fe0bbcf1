"""Leaks that are generated, so that it is known when each began and when it reached its limit."""

from bench.detection.leaks.result import LeakResult, run

__all__ = ["LeakResult", "run"]
