"""Telling what changed by the clock: each row once, the oldest first, and not too many at once.

What is judged by the clock can change at half a million points in one second. A live node takes so
many edges from one tick that its event loop is not kept from the gas; the rest waits for the next
ticks, each with the second in which it changed. A row that changes again before its turn is told as
it is then, or not at all where it is again what was told: what waits is bounded by the rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gateway.alarms.catalogue import Catalogue
from gateway.model import Detection


def holding(definitions: Catalogue, standing: Iterable[str], rows: range) -> npt.NDArray[np.bool_]:
    """Return which of some rows hold, as their alarms stand; ids of other rules are passed over.

    Returns
    -------
    array
        Shape (len(rows),).
    """
    holds = np.zeros(len(rows), bool)
    for alarm in standing:
        row = definitions.find(alarm)
        if row is not None and row in rows:
            holds[row - rows.start] = True
    return holds


class Telling:
    """Rows that hold or do not, and what was told of each.

    Parameters
    ----------
    first_row
        Number of the first row (`Detection.row`).
    holds
        Of each row, what was told already; taken over, and changed by `change`.
    most
        How many edges are handed out at most at a time; None for all.
    first
        Rows that are told before all others where not all are, as what sounds; None for none.
    """

    def __init__(
        self,
        first_row: int,
        holds: npt.NDArray[np.bool_],
        *,
        most: int | None = None,
        first: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.holds = holds
        self._first_row = first_row
        self._most = most
        # Where all are handed out at once nothing waits, and the order of the rows is kept.
        none = np.zeros(holds.size, bool)
        self._first = none if first is None or most is None else first
        self._told = holds.copy()
        self._changed_ns = np.zeros(holds.size, np.int64)

    @property
    def waiting(self) -> int:
        """Rows of which something is to be told."""
        return int(np.count_nonzero(self.holds != self._told))

    def change(self, rows: npt.NDArray[np.bool_], *, holds: bool, now_ns: int) -> None:
        """Note that these rows hold, or hold no more, since `now_ns`."""
        self.holds[rows] = holds
        self._changed_ns[rows] = now_ns

    def hand_out(self) -> list[Detection]:
        """Return what is to be told, as far as the most allows.

        What is told before all others, then the oldest first; of one second what holds before what
        holds no more, each in the order of the rows.
        """
        rows = np.flatnonzero(self.holds != self._told)
        order = np.lexsort((~self.holds[rows], self._changed_ns[rows], ~self._first[rows]))
        chosen = rows[order[: self._most]]
        self._told[chosen] = self.holds[chosen]
        return [
            Detection(
                row=self._first_row + row,
                active=active,
                time_ns=changed_ns,
                received_ns=changed_ns,
                value=float("nan"),
            )
            for row, active, changed_ns in zip(
                chosen.tolist(),
                self.holds[chosen].tolist(),
                self._changed_ns[chosen].tolist(),
                strict=True,
            )
        ]
