"""A guarantee taken out of the laboratory's own process, for a while."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mutated(mutant: str, holder: object, name: str) -> Iterator[None]:
    """Load a mutant, where one is named, and put back what it takes out: this name of a holder."""
    whole = getattr(holder, name)
    if mutant:
        module = f"tests.faults.mutants.{mutant}"
        sys.modules.pop(module, None)  # it patches what it finds, each time anew
        importlib.import_module(module)
    try:
        yield
    finally:
        setattr(holder, name, whole)
