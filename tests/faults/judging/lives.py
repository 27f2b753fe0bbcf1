"""The lives of an edge: on which store it ran, when, and what each of them heard.

A store on disk outlives kills and new starts, and so does its life: the engine is a function of the
spool, and what lies there was heard by it. A store in memory is a life of its own, and ends with
its process. One that begins with a process knows nothing of before; one that takes the place of a
store that failed goes on with what the engine knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.model import AlarmEvent
from tests.faults.judging.evidence import Message

#: The alarm under which an edge runs on a store in memory.
LOST: Final = "storage_lost"


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant on and before another, ns since 1970; `end` is infinite for the last."""

    begin: int
    end: float

    def __contains__(self, at_ns: int | None) -> bool:
        return at_ns is not None and self.begin <= at_ns < self.end


@dataclass(frozen=True, slots=True)
class Life:
    """One life of an edge.

    Parameters
    ----------
    name
        As its events carry it.
    spans
        When a process ran in it; the last instant of each is the start of another life.
    memory
        When it ran on a store in memory, and said so; empty for a life on disk.
    before
        The life with whose engine it goes on; empty where it began with a process.
    """

    name: str
    spans: tuple[Span, ...]
    memory: tuple[Span, ...]
    before: str

    @property
    def begin(self) -> int:
        """When it began, ns since 1970."""
        return self.spans[0].begin


def lives(events: Iterable[AlarmEvent]) -> list[Life]:
    """Return the lives of an edge, by when they began, from every event that is known of it."""
    every = sorted(events, key=lambda event: (event.received_ns, event.seq))
    begins: list[tuple[float, str]] = []
    for event in every:
        if event.kind in {"life", "start"} and (not begins or begins[-1][1] != event.life):
            begins.append((event.received_ns, event.life))
    spans: dict[str, list[Span]] = {}
    for (at, name), (end, _) in pairwise([*begins, (math.inf, "")]):
        spans.setdefault(name, []).append(Span(int(at), end))
    started = {event.life for event in every if event.kind == "start"}
    names = [name for _, name in begins]
    return [
        Life(
            name,
            tuple(each),
            tuple(without_a_disk(every, name, each)),
            "" if name in started or not names.index(name) else names[names.index(name) - 1],
        )
        for name, each in spans.items()
    ]


def without_a_disk(
    events: Iterable[AlarmEvent], name: str, spans: Sequence[Span]
) -> Iterable[Span]:
    """Yield when this life said that its store is lost: until it says otherwise, or ends."""
    moves = [event for event in events if event.life == name and event.rule == LOST]
    for raised in (event for event in moves if event.cause == "raise"):
        end = next((span.end for span in spans if raised.received_ns in span), math.inf)
        cleared = (
            event.received_ns
            for event in moves
            if event.cause == "clear" and event.received_ns >= raised.received_ns
        )
        yield Span(raised.received_ns, min(end, next(cleared, math.inf)))


def heard(
    life: Life,
    every: Sequence[Life],
    said: Sequence[Message],
    *,
    stored: Callable[[Message], bool],
) -> list[Message]:
    """Return what a life heard of what was said, in that order.

    Parameters
    ----------
    every
        All lives of the edge.
    stored
        Whether it lies in the store on disk. In whatever life it was acknowledged, the next start
        of a life on disk runs the spool, and hears it.
    """
    if not life.memory:
        away = [span for each in every if each.memory for span in each.spans]
        last_ns = max(span.begin for each in every if not each.memory for span in each.spans)

        def is_heard(message: Message) -> bool:
            at_ns = message.acknowledged
            if at_ns is None or not any(at_ns in span for span in away):
                return True
            return at_ns < last_ns and stored(message)

        return [each for each in said if is_heard(each)]
    known: set[int] = set()
    if life.before:
        before = next(each for each in every if each.name == life.before)
        known = {
            id(each)
            for each in heard(before, every, said, stored=stored)
            if each.acknowledged is None or each.acknowledged < life.begin
        }
    return [
        each
        for each in said
        if id(each) in known or any(each.acknowledged in span for span in life.spans)
    ]
