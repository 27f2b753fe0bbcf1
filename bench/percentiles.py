"""Percentiles: of samples, exactly; of a histogram, by linear interpolation in its bucket."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


def spread(samples: Iterable[float]) -> dict[str, float]:
    """Return each quantile of samples: the least that so many are not above (nearest rank).

    Without samples there are none.
    """
    ordered = sorted(samples)
    if not ordered:
        return {}
    return {
        name: ordered[max(0, math.ceil(share * len(ordered)) - 1)]
        for name, share in QUANTILES.items()
    }


@dataclass(frozen=True, slots=True)
class Histogram:
    """Upper bounds of buckets, the last infinite, and how many observations are not above each."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, counters: Mapping[str, float], name: str, **labels: str) -> Self:
        """Pick one out of what /metrics says; empty where it is not there."""
        found: dict[float, float] = {}
        for key, count in counters.items():
            family, _, rest = key.partition("{")
            said = dict(LABEL.findall(rest))
            bound = said.pop("le", "")
            if family == f"{name}_bucket" and said == labels:
                found[float(bound)] = count
        bounds = tuple(sorted(found))
        return cls(bounds, tuple(found[bound] for bound in bounds))

    def since(self, before: Self) -> Histogram:
        """Return what was observed after `before`."""
        if not before.counts:
            return self
        pairs = zip(self.counts, before.counts, strict=True)
        return Histogram(self.bounds, tuple(now - then for now, then in pairs))

    @property
    def count(self) -> int:
        """Observations."""
        return int(self.counts[-1]) if self.counts else 0

    def quantile(self, share: float) -> tuple[float, float]:
        """Return an estimate, and the bound that the quantile is surely not above."""
        wanted = share * self.count
        below = under = 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count >= wanted and count > under:
                if math.isinf(bound):
                    return below, bound
                return below + (bound - below) * (wanted - under) / (count - under), bound
            below, under = bound, count
        return 0.0, 0.0
