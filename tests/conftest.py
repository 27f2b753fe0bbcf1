from __future__ import annotations

from hypothesis import settings

# A shared machine may stall any one example; the suite's own time limit is what counts.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
