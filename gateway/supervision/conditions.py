"""What is wrong with a child, from what is known of it. Pure: time is an argument.

A verdict is true, false or unknown. It is unknown in the deadband, and wherever it would rest on a
heartbeat that is old: then nothing rises and nothing returns. A verdict must hold for its delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import NANOSECONDS
from gateway.supervision import links
from gateway.supervision.settings import WatchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a child now.

    Parameters
    ----------
    silence_ns, heard
        Since its last heartbeat; whether there was one since the centre began to listen.
    lag
        Events that wait at the child.
    behind_ns
        For how long the child's outbox has not been seen empty.
    offset_ns
        The child's clock minus ours, at the last heartbeat.
    coverage
        Share of its points with a usable reading in the last minute.
    fork, rewritten
        Two nodes use its identity; its journal is not the one that is anchored here.
    overdue
        Copies of its alarms that no department has received, and whose last step has passed.
    """

    silence_ns: int
    heard: bool
    lag: int = 0
    behind_ns: int = 0
    offset_ns: int = 0
    coverage: float = 1.0
    fork: bool = False
    rewritten: bool = False
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, None for unknown, how long it must do so, and its figure."""

    active: bool | None
    delay_ns: int = 0
    value: float | None = None


def verdicts(facts: Facts, settings: WatchSettings) -> dict[str, Verdict]:
    """Return the verdict on each rule."""
    found = {
        "gateway_lost": _lost(facts, settings),
        "outbox_lagging": _lagging(facts, settings),
        "clock_off": _clock(facts, settings),
        "coverage": _coverage(facts, settings),
    }
    fresh = facts.heard and facts.silence_ns < links.LATE_NS
    if not fresh:
        unknown = Verdict(None)
        found |= dict.fromkeys(("outbox_lagging", "clock_off", "coverage"), unknown)
    return found | {
        "fork": Verdict(facts.fork),
        "journal_rewritten": Verdict(facts.rewritten),
        "receipt_overdue": Verdict(facts.overdue > 0, value=float(facts.overdue)),
    }


def _lost(facts: Facts, settings: WatchSettings) -> Verdict:
    if facts.silence_ns >= settings.lost_after:
        return Verdict(True)
    if facts.heard and facts.silence_ns < links.LATE_NS:
        return Verdict(False, settings.return_after)
    return Verdict(None)


def _lagging(facts: Facts, settings: WatchSettings) -> Verdict:
    if facts.behind_ns >= settings.lag_age:
        return Verdict(True, 0, facts.lag)
    if facts.lag >= settings.lag_events:
        return Verdict(True, settings.lag_for, facts.lag)
    # Half of it is the deadband.
    return Verdict(None if facts.lag * 2 > settings.lag_events else False, settings.return_after)


def _clock(facts: Facts, settings: WatchSettings) -> Verdict:
    off_ns = abs(facts.offset_ns)
    if off_ns >= settings.clock_bound:
        return Verdict(True, settings.clock_for, facts.offset_ns / NANOSECONDS)
    return Verdict(None if off_ns * 2 > settings.clock_bound else False, settings.return_after)


def _coverage(facts: Facts, settings: WatchSettings) -> Verdict:
    below, share = settings.coverage_below, facts.coverage
    # A share that cannot be one tells nothing good.
    if not 0 <= share <= 1 or share < below:
        return Verdict(True, settings.coverage_for, round(share * 100, 1))
    # It ends half way between the limit and all points.
    return Verdict(None if share * 2 < below + 1 else False, settings.return_after)


class Delays:
    """For how long each verdict has differed from the alarm; in memory, by a monotonic clock.

    It begins anew with the centre, since nothing was judged meanwhile.
    """

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], tuple[bool, int]] = {}

    def ripe(
        self, child: str, found: Mapping[str, Verdict], *, active: frozenset[str], now_ns: int
    ) -> list[str]:
        """Return the rules of a child whose alarm has to move.

        Parameters
        ----------
        active
            The rules whose alarm has a true condition now.
        now_ns
            By the monotonic clock.
        """
        due = []
        for rule, verdict in found.items():
            key = (child, rule)
            if verdict.active is None or verdict.active == (rule in active):
                self._since.pop(key, None)
                continue
            known = self._since.get(key)
            if known is None or known[0] != verdict.active:
                known = self._since[key] = (verdict.active, now_ns)
            if now_ns - known[1] >= verdict.delay_ns:
                due.append(rule)
        return due
