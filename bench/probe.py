"""A bare subscriber that tells how old each message is when it comes: what the broker alone costs.

A process of its own. It finds the frames (compiled code), reads the source time out of each payload
of `bench.paced`, acknowledges once a read, and keeps nothing else. All messages of a read are as
old as the read's end makes them.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.frames import PUBACK_BYTES, PUBLISH, Bytes, connect, scan, subscribe
from bench.generator import DEADLINE_S
from bench.paced import TIMES
from bench.percentiles import spread
from bench.workload import shape_of
from detectors.jit import entry

BUFFER_BYTES: Final = 1 << 20
ACKNOWLEDGEMENTS: Final = 1 << 16
IDLE_S: Final = 5.0
PATIENCE_S: Final = 60.0
#: Where the digits of the time begin, after the beginning of the payload.
DIGITS_AT: Final = len(TIMES)
ZERO: Final = ord("0")


@entry
def source_times(buffer: Bytes, end: int, times: npt.NDArray[np.int64]) -> int:
    """Write the source time of each whole PUBLISH in a buffer; return how many there are."""
    used = 0
    found = 0
    while used + 2 <= end:
        at = used + 1
        length = 0
        shift = 0
        while at < end:
            byte = int(buffer[at])
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        if at + length > end:
            break
        if buffer[used] & 0xF0 == PUBLISH:
            payload = at + 2 + (int(buffer[at]) << 8 | int(buffer[at + 1]))
            if buffer[used] & 0x06:
                payload += 2
            place = payload + DIGITS_AT
            said = 0
            while place < at + length and ZERO <= buffer[place] <= ZERO + 9:
                said = 10 * said + int(buffer[place]) - ZERO
                place += 1
            times[found] = said
            found += 1
        used = at + length
    return found


def main() -> None:
    """Subscribe, say so, take what comes, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), required=True)
    parser.add_argument("--shape", type=shape_of, required=True)
    parser.add_argument("--messages", type=int, required=True)
    arguments = parser.parse_args()
    signal.alarm(DEADLINE_S)
    room = memoryview(bytearray(BUFFER_BYTES))
    answers = memoryview(bytearray(PUBACK_BYTES * ACKNOWLEDGEMENTS))
    buffer = np.frombuffer(room, np.uint8)
    acknowledgements = np.frombuffer(answers, np.uint8)
    times = np.zeros(ACKNOWLEDGEMENTS, np.int64)
    # Compiled, or loaded, before anything comes.
    scan(np.zeros(1, np.uint8), 0, np.zeros(PUBACK_BYTES, np.uint8))
    source_times(np.zeros(1, np.uint8), 0, times)
    ages: list[npt.NDArray[np.float64]] = []
    held = taken = 0
    with connect(arguments.port, "probe") as sock:
        subscribe(sock, arguments.shape.topics(), qos=arguments.qos)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sock.settimeout(PATIENCE_S)
        while taken < arguments.messages:
            try:
                came = sock.recv_into(room[held:])
            except TimeoutError:
                break
            if not came:
                break
            now_us = time.time_ns() / 1_000
            if not taken:
                sock.settimeout(IDLE_S)
            held += came
            found = source_times(buffer, held, times)
            used, _, written = scan(buffer, held, acknowledgements)
            if written:
                sock.sendall(answers[: PUBACK_BYTES * written])
            ages.append((now_us - times[:found]) / 1_000)
            room[: held - used] = room[used:held]
            held -= used
            taken += found
    said = spread(np.concatenate(ages).tolist()) if ages else {}
    sys.stdout.write(json.dumps({"taken": taken, "ms": said}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
