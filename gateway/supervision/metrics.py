"""What a centre counts of itself for /metrics: sums over everything, nothing of any one node."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.observe import LATENCY_BUCKETS, STAGE_BUCKETS, ExportMetrics


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
        self.unwritten = Gauge(
            "hazgate_centre_unwritten_seconds",
            "since the store last took something that was written",
            registry=self.registry,
        )
        self.intake_seconds = Histogram(
            "hazgate_centre_intake_seconds",
            "from an intake's last byte to its commit",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.exports = ExportMetrics(self.registry)
        self.outbox = Gauge(
            "hazgate_outbox_events",
            "events the parent has not yet received",
            registry=self.registry,
        )
        self.parent_connected = Gauge(
            "hazgate_parent_connected", "1 while the parent answers", registry=self.registry
        )
        self.summaries_shed = Counter(
            "hazgate_summaries_shed",
            "summaries no receiver took within an hour",
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "hazgate_alarm_stage_seconds",
            "from a message's receipt to the end of a stage of the way of the alarm it made",
            ("stage",),
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
