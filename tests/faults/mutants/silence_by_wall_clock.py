"""A centre that counts how long a gateway is silent by the clock on the wall."""

from __future__ import annotations

import sys

from gateway.cli import main
from gateway.clock import SystemClock

if "centre" in sys.argv:
    SystemClock.monotonic_ns = SystemClock.now_ns  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
