"""A centre to which a gateway that was lost is back with its first heartbeat."""

from __future__ import annotations

from dataclasses import replace

from gateway.cli import main
from gateway.supervision import conditions
from gateway.supervision.conditions import Facts, Verdict
from gateway.supervision.settings import WatchSettings

lost = conditions._lost


def back_at_once(facts: Facts, settings: WatchSettings) -> Verdict:
    """Let the return wait for nothing."""
    return replace(lost(facts, settings), delay_ns=0)


conditions._lost = back_at_once

if __name__ == "__main__":
    main()
