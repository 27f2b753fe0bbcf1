"""A program whose commits return before they have reached the disk: ``synchronous=NORMAL``."""

from __future__ import annotations

from functools import partialmethod

from gateway.db import Database
from tests.faults.disks.patient import main

Database.transaction = partialmethod(Database.transaction, durable=False)  # type: ignore[assignment]

if __name__ == "__main__":
    main()
