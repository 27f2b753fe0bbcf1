"""The program, with the patience that a disk served by Python needs on a busy machine.

A sync that takes half a second makes an edge acknowledge from memory, as DESIGN wants it, and a
power cut then loses what was lent: that is another test's subject.
"""

from __future__ import annotations

from typing import Final

from gateway.cli import main
from gateway.roles.edge import storage

PATIENCE_S: Final = 60.0

storage.SLOW_S = PATIENCE_S  # type: ignore[misc]

if __name__ == "__main__":
    main()
