"""Which siren may take ten seconds."""

from __future__ import annotations

import math

import pytest

from tests.faults.judging.evidence import SIREN_AGAIN_S, SIREN_S
from tests.faults.site.executions import Gap, allowed_s


@pytest.mark.parametrize(
    ("said", "heard", "limit_s"),
    [
        (90.0, 90.1, SIREN_S),
        # Said before, and sounded by the next execution.
        (99.5, 102.5, SIREN_AGAIN_S),
        (101.0, 102.5, SIREN_AGAIN_S),
        # It was late before the store failed.
        (98.0, 102.5, SIREN_S),
        # Said before, sounded before.
        (99.5, 99.6, SIREN_S),
        # On memory, or on the disk again.
        (102.1, 106.0, SIREN_S),
    ],
)
def test_only_a_siren_on_its_way_at_a_new_execution_has_longer(
    said: float, heard: float, limit_s: float
) -> None:
    """Every other one has a second, before and after."""
    assert allowed_s([Gap(100.0, 102.0)], said=said, heard=heard) == limit_s


def test_one_that_never_comes_back_is_waited_for_no_longer_than_that() -> None:
    """A gap that does not end excuses ten seconds and no more."""
    assert allowed_s([Gap(100.0, math.inf)], said=100.5, heard=130.0) == SIREN_AGAIN_S


def test_without_a_new_execution_nothing_is_excused() -> None:
    """A second it is."""
    assert allowed_s([], said=1.0, heard=9.0) == SIREN_S
