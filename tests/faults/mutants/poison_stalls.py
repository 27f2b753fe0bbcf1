"""An edge that does not acknowledge what it cannot decode: the window fills, and it stalls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gateway.cli import main
from gateway.southbound.arrivals import Arrivals, Receipt

receipt = Arrivals.receipt


def of_good_ones(self: Arrivals) -> Receipt:
    """Owe nothing for messages that are no JSON: what must not be done."""
    good = np.array([self.payload(n).startswith(b"{") for n in range(len(self))], bool)
    return receipt(replace(self, spans=self.spans[good])) if len(self) else receipt(self)


Arrivals.receipt = of_good_ones

if __name__ == "__main__":
    main()
