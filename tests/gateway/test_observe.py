"""What a node says of itself to logs and to /metrics."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe import LATENCY_BUCKETS, ExportMetrics, Metrics, log, start_log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where log lines go; the log of other tests is as before."""
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)


def test_a_json_line_can_be_read_by_a_machine(lines: io.StringIO) -> None:
    """Each line is one JSON object with room, level, time and values, its text readable."""
    start_log(json=True, stream=lines)
    log("northbound.uplink").warning("no parent", reason="连接被拒绝", tries=3)
    log("roles.edge").info("two\nlines")
    first, second = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "no parent", "room": "northbound.uplink", "level": "warning",
        "reason": "连接被拒绝", "tries": 3,
    }  # fmt: skip
    assert second["event"] == "two\nlines"
    assert "连接被拒绝" in lines.getvalue()


def test_details_of_developers_are_left_out(lines: io.StringIO) -> None:
    """Nothing below info is written."""
    start_log(json=True, stream=lines)
    log("x").debug("detail")
    assert lines.getvalue() == ""


def test_an_error_is_written_with_its_cause(lines: io.StringIO) -> None:
    """A failure that is logged names the exception and where it came from."""
    start_log(json=True, stream=lines)
    try:
        {}["which one"]
    except KeyError:
        log("x").exception("it failed")
    told = json.loads(lines.getvalue())
    assert "KeyError: 'which one'" in told["exception"]
    assert "test_observe.py" in told["exception"]


def test_a_line_for_people_has_no_colour_in_a_file(lines: io.StringIO) -> None:
    """What does not go to a terminal is plain text."""
    start_log(json=False, stream=lines)
    log("x").info("started", node="gw1")
    assert "started" in lines.getvalue()
    assert "node=gw1" in lines.getvalue()
    assert "\x1b" not in lines.getvalue()


def test_a_logger_made_before_follows(lines: io.StringIO) -> None:
    """Loggers of modules, made at import, write where the log is started later."""
    logger = log("early")
    start_log(json=True, stream=lines)
    logger.info("now")
    assert json.loads(lines.getvalue())["room"] == "early"


def test_metrics_are_of_one_node() -> None:
    """Two nodes in one process count apart, and nothing is in the library's global registry."""
    one, other = Metrics(), Metrics()
    one.messages.inc()
    assert one.registry is not other.registry
    assert b"hazgate_messages_total 1.0" in generate_latest(one.registry)
    assert b"hazgate_messages_total 0.0" in generate_latest(other.registry)


def test_every_metric_is_ours_and_explained() -> None:
    """Each has the product's prefix and a text, and is an attribute of its own."""
    metrics = Metrics()
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    assert all(family.name.startswith("hazgate_") for family in families)
    assert all(family.documentation for family in families)
    declared = [
        value
        for holder in (metrics, metrics.exports)
        for value in vars(holder).values()
        if not isinstance(value, CollectorRegistry | ExportMetrics)
    ]
    measured = {family.name for family in families if not family.name.endswith("_created")}
    assert len(declared) == len({value._name for value in declared}) == len(measured)


def test_latency_is_told_apart_where_it_is_promised() -> None:
    """The buckets rise and separate the promised 5, 50 and 250 ms."""
    assert list(LATENCY_BUCKETS) == sorted(set(LATENCY_BUCKETS))
    assert {0.005, 0.05, 0.25} <= set(LATENCY_BUCKETS)


@pytest.mark.usefixtures("lines")
def test_a_log_that_cannot_be_written_fails_nobody() -> None:
    """On a full disk a line is lost, and nothing else."""
    with suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as stream:
        start_log(json=True, stream=stream)
        told = False
        log("test").error("the disk is full")
        told = True
    assert told
