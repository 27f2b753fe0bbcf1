"""A count of messages inside a small client, and its talk with the bench.

The client says "ready"; when the last message is taken, or none comes any more, one JSON line with
how many there were and when the last came. Then it stands still until the bench has looked at it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from typing import Final

#: Nothing more is taken for so long: the rest was dropped on the way.
IDLE_S: Final = 5.0
LOOK_S: Final = 0.5
#: A client that nobody ends does not live for ever.
DEADLINE_S: Final = 900
TOPICS: Final = "bench/+"


class Tally:
    """Counts up to the last message.

    Parameters
    ----------
    wanted
        How many messages there will be.
    idle_s
        How long none may come before the count ends without the rest.
    """

    def __init__(self, wanted: int, *, idle_s: float = IDLE_S) -> None:
        self.taken = 0
        self._wanted = wanted
        self._idle_s = idle_s
        self._last_s = time.monotonic()
        self._complete = threading.Event()

    def one(self) -> None:
        """Count a message."""
        self.taken += 1
        if self.taken == self._wanted:
            self._last_s = time.monotonic()
            self._complete.set()

    def end(self) -> tuple[int, float]:
        """Wait for the end; return how many were taken and when the last was (monotonic, s)."""
        seen = 0
        while not self._complete.wait(LOOK_S):
            now = time.monotonic()
            if self.taken > seen:
                seen, self._last_s = self.taken, now
            elif seen and now - self._last_s > self._idle_s:
                break
        return self.taken, self._last_s

    def begin(self) -> None:
        """Say that the client is subscribed, and report once all is over."""
        _say("ready")
        threading.Thread(target=self._report, daemon=True).start()

    def _report(self) -> None:
        taken, last = self.end()
        _say(json.dumps({"taken": taken, "last_s": last}))
        sys.stdin.readline()
        os._exit(0)


def arguments() -> argparse.Namespace:
    """Return what the bench asks of a client."""
    signal.alarm(DEADLINE_S)
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1), required=True)
    parser.add_argument("--messages", type=int, required=True)
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
