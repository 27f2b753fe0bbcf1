"""What a node says of itself: structured log lines on stderr, counters for /metrics.

Edges are logged, not levels: the first failure, a changed cause, the recovery. Alarm text belongs
to the journal, not to the log. Every metric of the product is declared here, so that the
documentation can be tested against one list.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Finer where an alarm's way is promised: 5, 50 and 150 ms are bounds of their own.
STAGE_BUCKETS = (
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05,
    0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0,
)  # fmt: skip
LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class Unfailing:
    """A stream whose failures are nobody's: a log on a full disk must not end what is told there.

    Parameters
    ----------
    stream
        Written to as long as it takes it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        """Whether somebody reads it on a terminal."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write, or leave it."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or leave it."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def start_log(*, json: bool, stream: TextIO | None = None) -> None:
    """Send log lines to `stream` (stderr by default), for people or as JSON."""
    target = Unfailing(stream or sys.stderr)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", target)),
        cache_logger_on_first_use=False,
    )


def log(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one room of the program."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return bound


class ExportMetrics:
    """What the exports of a node count, each under its name, in the registry of that node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"hazgate_export_{name}", text, ("export",), registry=registry)

        def count(name: str, text: str) -> Counter:
            return Counter(f"hazgate_export_{name}", text, ("export",), registry=registry)

        self.events = count("events", "events a receiver has taken")
        self.refused = count("refused_events", "events a receiver refuses for ever: dead letters")
        self.shed = count("shed_events", "events shed because more waited than the export keeps")
        self.waiting = gauge("waiting_events", "events a receiver has not yet taken")
        self.connected = gauge("connected", "1 while the receiver takes events")


class Metrics:
    """Every counter and gauge of an edge, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        count = self._counter
        self.messages = count("messages", "MQTT messages received")
        self.acknowledged = count("acknowledged_messages", "MQTT messages acknowledged")
        self.readings = count("readings", "readings taken into a batch")
        self.duplicates = count("duplicate_readings", "readings equal to the one before: ignored")
        self.out_of_order = count("out_of_order_readings", "readings older than the last accepted")
        self.late = count("late_readings", "readings evaluated as historical")
        self.bad = count("bad_readings", "readings of quality BAD")
        self.quarantined = count("quarantined_payloads", "payloads kept undecoded", ("reason",))
        self.unrouted = count("unrouted_messages", "messages of a topic no device owns")
        self.events = count("alarm_events", "alarm events made", ("cause",))
        self.shed = count("shed_readings", "readings not stored, counted in a shed event")
        self.summaries_shed = count("summaries_shed", "summaries no receiver took within an hour")
        self.refused_orders = count("refused_orders", "orders that ended in a refusal", ("reason",))
        self.reconnects = count("broker_reconnects", "times the broker session was made again")
        self.window_limited = count(
            "window_limited", "times the broker's in-flight window was full: raise its limits"
        )
        self.clock_steps = count("clock_steps", "times this machine's clock was set")
        self.connected = self._gauge("broker_connected", "1 while the broker session stands")
        self.parent_connected = self._gauge("parent_connected", "1 while the parent answers")
        self.outbox = self._gauge("outbox_events", "events the parent has not yet received")
        self.standing = self._gauge("standing_alarms", "alarms that are not normal")
        self.silent = self._gauge("silent_points", "points without usable data")
        self.store_trouble = self._gauge("store_trouble", "0 sound, 1 slow, 2 full, 3 lost")
        self.influx_lag = self._gauge("influx_lag_bytes", "spool the InfluxDB has not yet taken")
        self.spool_bytes = self._gauge("spool_bytes", "bytes of the spool on disk")
        self.exports = ExportMetrics(self.registry)
        self.commit_seconds = Histogram(
            "hazgate_commit_seconds",
            "from a batch's receipt to its commit",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )

        self.stage_seconds = Histogram(
            "hazgate_alarm_stage_seconds",
            "from a message's receipt to the end of a stage of the way of the alarm it made",
            ("stage",),
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"hazgate_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"hazgate_{name}", text, registry=self.registry)
