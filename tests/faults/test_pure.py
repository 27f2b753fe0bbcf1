"""What a test without a bench fails by: a broken promise is a violation, a broken test is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.judging.evidence import Evidence
from tests.faults.pure import judged


async def test_a_failed_assertion_breaks_the_invariant(tmp_path: Path) -> None:
    """Each test that finds something else than was promised is told."""
    path = tmp_path / "test_promise.py"
    path.write_text("def test_broken():\n    assert 1 == 2\n\ndef test_kept():\n    pass\n")
    evidence = Evidence()
    assert await judged(evidence, "I3", str(path)) == 2
    [sentence] = evidence.found["I3"]
    assert "test_broken - assert 1 == 2" in sentence


async def test_a_test_that_dies_has_judged_nothing(tmp_path: Path) -> None:
    """What a rotten mutant raises is no promise that was broken."""
    path = tmp_path / "test_rotten.py"
    path.write_text("def test_rotten():\n    None.no_such_method()\n")
    with pytest.raises(RuntimeError, match="AttributeError"):
        await judged(Evidence(), "I3", str(path))
