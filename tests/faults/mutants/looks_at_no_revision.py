"""A centre whose mirror compares no revisions: late events move alarms back."""

from __future__ import annotations

from gateway.cli import main
from gateway.supervision import mirror
from tests.chain import tiers

mirror._known = lambda *_: None
tiers.run.__kwdefaults__["settle_s"] = 6.0

if __name__ == "__main__":
    main()
