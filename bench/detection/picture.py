"""The figures of detection as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw."""
