"""An edge that waits for its disk, however long it does not answer."""

from __future__ import annotations

import math
from typing import Final

from gateway.cli import main
from gateway.roles.edge import standstill, storage

FOR_EVER: Final = math.inf

storage.HUNG_S = FOR_EVER  # type: ignore[misc]
standstill.STILL_S = FOR_EVER  # type: ignore[misc]

if __name__ == "__main__":
    main()
