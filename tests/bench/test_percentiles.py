"""Percentiles: exact of samples, bounded of a histogram."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as Metric

from bench.percentiles import Histogram, spread


def test_percentiles_of_samples_are_samples() -> None:
    """Each is the least sample that the stated share does not exceed, whatever their order."""
    said = spread([float(n) for n in range(1_000, 0, -1)])
    assert said == {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1_000}
    assert spread([7.0]) == dict.fromkeys(("p50", "p90", "p99", "p99.9", "max"), 7.0)
    assert spread([]) == {}


def counters(metric: CollectorRegistry) -> dict[str, float]:
    """Return what /metrics says, as the bench reads it."""
    lines = generate_latest(metric).decode().splitlines()
    parted = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in parted}


def test_a_histogram_is_found_by_its_labels_and_counted_from_before() -> None:
    """Only what one stage observed after the first look counts."""
    registry = CollectorRegistry()
    metric = Metric("age_seconds", "x", ("stage",), buckets=(0.01, 0.1, 1.0), registry=registry)
    metric.labels("early").observe(0.5)
    metric.labels("late").observe(5.0)
    before = Histogram.of(counters(registry), "age_seconds", stage="early")
    assert before.count == 1
    for _ in range(3):
        metric.labels("early").observe(0.05)
    metric.labels("early").observe(0.005)
    after = Histogram.of(counters(registry), "age_seconds", stage="early").since(before)
    assert after.count == 4
    assert after.quantile(1.0) == (0.1, 0.1)
    # Half are two of four: one below 10 ms, and one third of those up to 100 ms.
    estimate, bound = after.quantile(0.5)
    assert estimate == pytest.approx(0.04)
    assert bound == 0.1


def test_what_lies_above_the_last_bucket_has_no_bound() -> None:
    """A quantile there is said to be at least the last bound, and below nothing."""
    histogram = Histogram((0.1, float("inf")), (1.0, 10.0))
    assert histogram.quantile(0.99) == (0.1, float("inf"))


def test_a_histogram_that_is_not_told_is_empty() -> None:
    """An edge without the metric makes no figures of zeros."""
    assert Histogram.of({"other_total": 1.0}, "age_seconds", stage="early").count == 0
