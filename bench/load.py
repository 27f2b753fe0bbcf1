"""Replay captured traffic into a broker at k times its speed, on schedule, and say if it was kept.

Payloads are sent as they were captured, the times in them too: what judges lateness will call them
late. The schedule is that of the capture: an open loop, so a broker that holds the sender back
makes it late, not slow.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any, Final

from bench.connection import add_broker_arguments, broker_of, connect_to
from bench.frames import publish
from bench.schedule import Sender
from bench.steady import told
from bench.traffic import messages, read_header
from bench.workload import IDENTIFIERS

LEAD_S: Final = 0.1


def frames(path: Path, *, speed: float) -> Iterator[tuple[float, bytes]]:
    """Yield each message as a packet, with its instant (s after the beginning)."""
    number = 0
    first: int | None = None
    for message in messages(path):
        first = message.offset_ns if first is None else first
        if message.qos:
            number = number % IDENTIFIERS + 1
        yield (
            (message.offset_ns - first) / speed / 1e9,
            publish(
                message.topic,
                message.payload,
                qos=message.qos,
                number=number,
                retain=message.retain,
            ),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this takes."""
    add_broker_arguments(parser)
    parser.add_argument("--from", dest="file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--speed", type=float, default=1.0, metavar="K", help="times the capture's")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Send everything at its instant and say how the schedule was kept."""
    broker = broker_of(arguments)
    read_header(arguments.file)
    asked = sum(message.qos > 0 for message in messages(arguments.file))
    with connect_to(broker, f"hazgate-load-{token_hex(4)}") as sock:
        kept = Sender(sock).send(
            frames(arguments.file, speed=arguments.speed), begin_s=monotonic() + LEAD_S, asked=asked
        )
    rate = kept.sent / kept.seconds if kept.seconds else 0.0
    print(f"{kept.sent:,} messages in {kept.seconds:.1f} s: {rate:,.0f} messages/s")
    print(told(asdict(kept)))
    if not kept.schedule:
        print("the schedule was NOT kept: broker or machine could not take it at this speed")
    return {
        "messages": kept.sent,
        "speed": arguments.speed,
        "seconds": round(kept.seconds, 2),
        "msgs_per_s": round(rate),
        "late": kept.late,
        "behind_ms": round(1e3 * kept.behind_s, 1),
        "unanswered": kept.unanswered,
        "schedule_kept": kept.schedule,
        "sound": kept.schedule and not kept.unanswered,
    }
