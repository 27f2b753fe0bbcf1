"""What a run of the laboratory leaves for its judge: what was said, what was seen, where it lies.

A field that a run did not observe stays None, and the checker then says "not observed": silence is
no proof.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: The siren is commanded this long after the reading was published, at most.
SIREN_S: Final = 1.0
#: The same where the process executed itself anew in between.
SIREN_AGAIN_S: Final = 10.0


@dataclass(slots=True)
class Message:
    """A message as a device published it.

    Parameters
    ----------
    point
        Index of the point it speaks of.
    source_ns, value
        Of its reading.
    topic, payload
        As published.
    published
        When it was first published, monotonic s.
    acknowledged
        When the edge's PUBACK passed by, ns since 1970; None for not yet.
    readable
        Whether it can be decoded.
    late_ns
        How much later than made it is said.
    unsure
        Whether the device's connection broke as it was said: the broker may have it, or not.
    """

    point: int
    source_ns: int
    value: float
    topic: str
    payload: bytes
    published: float = 0.0
    acknowledged: int | None = None
    readable: bool = True
    late_ns: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Sounded:
    """How long after the publishing of a reading the siren was commanded; None for never."""

    what: str
    seconds: float | None
    limit_s: float = SIREN_S

    @property
    def late(self) -> bool:
        """Whether it was not commanded in time."""
        return self.seconds is None or self.seconds > self.limit_s


@dataclass(frozen=True, slots=True)
class Recovered:
    """How long after the end of a fault something was as before; None for never."""

    what: str
    seconds: float | None
    limit_s: float


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that something came to, and the most it may come to."""

    what: str
    most: float
    limit: float


@dataclass(slots=True)
class Evidence:
    """What one run shows.

    Parameters
    ----------
    site
        The site file: the plain reference reads its rules.
    said
        Every message in the order of publishing; None where nothing was recorded.
    acknowledgements
        Whether the edge's PUBACKs were watched.
    edge, centre
        Folders of the two stores, closed by now.
    delivered
        Whether everything that was said has had the time to reach edge and centre.
    sounded, recovered, bounds
        What was timed and measured.
    foreign
        What was seen on the wrong side of a division boundary.
    replayed
        Whether old messages were said again: compared with fixed limits, they may raise once more,
        marked historical.
    silent
        Alarms of the node itself that may stand at the end, by rule.
    found
        Violations that the run saw itself: invariant -> sentences.
    """

    site: Path | None = None
    said: list[Message] | None = None
    acknowledgements: bool = False
    edge: Path | None = None
    centre: Path | None = None
    delivered: bool = True
    sounded: list[Sounded] | None = None
    recovered: list[Recovered] | None = None
    bounds: list[Bound] | None = None
    foreign: list[str] | None = None
    replayed: bool = False
    silent: frozenset[str] = frozenset()
    found: dict[str, list[str]] = field(default_factory=dict)

    def fail(self, invariant: str, sentence: str) -> None:
        """Note a violation that the run saw itself."""
        self.found.setdefault(invariant, []).append(sentence)

    def judged(self, invariant: str) -> None:
        """Note that the run looked for violations of an invariant itself."""
        self.found.setdefault(invariant, [])

    def sound(self, what: str, seconds: float | None, *, limit_s: float = SIREN_S) -> None:
        """Note when the siren was commanded."""
        self.sounded = [*(self.sounded or []), Sounded(what, seconds, limit_s)]

    def recover(self, what: str, seconds: float | None, *, limit_s: float) -> None:
        """Note when something was as before."""
        self.recovered = [*(self.recovered or []), Recovered(what, seconds, limit_s)]

    def bound(self, what: str, most: float, *, limit: float) -> None:
        """Note how much something came to."""
        self.bounds = [*(self.bounds or []), Bound(what, most, limit)]

    def figures(self) -> dict[str, float]:
        """Return the worst of everything that was timed or measured, each named with its limit."""
        found: dict[str, float] = {}
        timed = [(f"siren, s (limit {e.limit_s:.4g})", e.seconds) for e in self.sounded or ()]
        timed += [
            (f"{e.what}, after s (limit {e.limit_s:.4g})", e.seconds) for e in self.recovered or ()
        ]
        timed += [(f"{e.what} (limit {e.limit:.4g})", e.most) for e in self.bounds or ()]
        for name, value in timed:
            if value is not None:
                found[name] = max(value, found.get(name, value))
        return found
