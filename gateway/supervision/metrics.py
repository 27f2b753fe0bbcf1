"""What a centre counts of itself for /metrics: sums over everything, nothing of any one node."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.observe import LATENCY_BUCKETS


class CentreMetrics:
    """Every counter and gauge of a centre, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.items = Counter(
            "hazgate_centre_items",
            "items of intake, by the receipt they got",
            ("status",),
            registry=self.registry,
        )
        self.refused = Counter(
            "hazgate_centre_refused_requests",
            "requests of senders and people that were refused",
            ("reason",),
            registry=self.registry,
        )
        self.streams = Gauge(
            "hazgate_centre_streams", "screens that follow the feed", registry=self.registry
        )
        self.intake_seconds = Histogram(
            "hazgate_centre_intake_seconds",
            "from an intake's last byte to its commit",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
