"""The load generator that keeps a schedule, a process of its own: a stated rate, whatever comes.

Message k is due k / rate seconds after the beginning, and says so: its source time is that instant,
to the microsecond. It says "ready", waits for a line, sends, and prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from bench.frames import PUBLISH, connect, remaining, text
from bench.schedule import Sender
from bench.workload import IDENTIFIERS, SEED, Channel, Shape, is_raised, shape_of

#: Between the order to begin and the first message.
LEAD_S: Final = 0.1
#: So many different sets of values go round.
SETS: Final = 2_000
#: Beyond its schedule a generator that nobody ends lives for so long.
SPARE_S: Final = 120
TIMES: Final = b'{"ts":'


def due(
    shape: Shape, *, rate: float, count: int, qos: int, begin_us: int
) -> Iterator[tuple[float, bytes]]:
    """Yield `count` PUBLISH packets, each with its instant (s after the beginning).

    Parameters
    ----------
    shape, rate, count, qos
        Who speaks in turn, messages a second in all, how many, at which quality of service.
    begin_us
        The beginning, microseconds since the epoch.
    """
    topics = [text(topic.encode()) for topic in shape.topics()]
    normal, raised = _tails(shape)
    heads = {
        (topic, tail): bytes([PUBLISH | qos << 1])
        + remaining(topic + 2 * (qos > 0) + len(TIMES) + len(str(begin_us)) + tail)
        for topic in {len(each) for each in topics}
        for tail in {len(each) for each in (*normal, *raised)}
    }
    numbers = [struct.pack("!H", number) for number in range(1, IDENTIFIERS + 1)] if qos else [b""]
    for number in range(count):
        at = number / rate
        topic = topics[number % len(topics)]
        tail = (raised if is_raised(number) else normal)[number % SETS]
        yield (
            at,
            b"".join(
                (
                    heads[len(topic), len(tail)],
                    topic,
                    numbers[number % len(numbers)],
                    TIMES,
                    b"%d" % (begin_us + int(1e6 * at)),
                    tail,
                )
            ),
        )


def expected(shape: Shape, count: int) -> int:
    """Return how many raises and clears `count` messages make, in whatever order devices speak."""
    moves = 0
    for number in range(count):
        before = number >= shape.devices and is_raised(number - shape.devices)
        moves += is_raised(number) != before
    return moves


def _tails(shape: Shape) -> tuple[list[bytes], list[bytes]]:
    """Return what follows the time in a payload: sets of normal values, and sets that raise."""
    chance = random.Random(SEED)

    def tail(channels: tuple[Channel, ...], first: float | None) -> bytes:
        values = [chance.gauss(each.mean, each.noise) for each in channels]
        if first is not None:
            values[0] = first
        said = zip(channels, values, strict=True)
        return "".join(f',"{each.name}":{value:.2f}' for each, value in said).encode() + b"}"

    channels = shape.channels
    return (
        [tail(channels, None) for _ in range(SETS)],
        [tail(channels, channels[0].raised) for _ in range(SETS)],
    )


def main() -> None:
    """Say ready, wait, keep the schedule, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), required=True)
    parser.add_argument("--shape", type=shape_of, required=True)
    parser.add_argument("--rate", type=float, required=True, help="messages a second")
    parser.add_argument("--messages", type=int, required=True)
    arguments = parser.parse_args()
    count, rate = arguments.messages, arguments.rate
    with connect(arguments.port, "paced") as sock:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return
        signal.alarm(int(count / rate) + SPARE_S)
        begin_us = time.time_ns() // 1_000 + int(1e6 * LEAD_S)
        begin_s = time.monotonic() + LEAD_S
        frames = due(arguments.shape, rate=rate, count=count, qos=arguments.qos, begin_us=begin_us)
        kept = Sender(sock).send(frames, begin_s=begin_s, asked=count if arguments.qos else 0)
        said = {**asdict(kept), "began_s": begin_s, "kept": kept.schedule}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
