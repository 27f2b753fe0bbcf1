"""What the bank is told of a reading's quality: no quality is forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED, VERDICT
from detectors.reason import FAULT, NONE, SHIFT, ReasonParams
from detectors.rules import Rule
from device_profiles.quality import Quality, Verdict
from gateway.pipeline.engine import GRADES, REASONS
from tests.detectors.twins import START, feed, one

BADS = [quality for quality in Quality if quality.verdict == Verdict.BAD]


@pytest.mark.parametrize("quality", Quality)
def test_the_bank_takes_each_quality_as_what_it_may_do(quality: Quality) -> None:
    """GOOD and BAD are what they are, and UNCERTAIN is so for its value, its time or its age."""
    verdict = int(GRADES[quality]) & VERDICT
    allowed = {
        Verdict.GOOD: {GOOD},
        Verdict.UNCERTAIN: {UNCERTAIN, UNTIMED, FENCED},
        Verdict.BAD: {BAD},
    }
    assert verdict in allowed[quality.verdict]
    assert (int(GRADES[quality]) >> SHIFT == NONE) == (verdict in {GOOD, FENCED})


@pytest.mark.parametrize("quality", BADS)
def test_every_bad_reading_raises_a_rule_on_all_faults(quality: Quality) -> None:
    """Whatever makes a reading BAD is among the reasons, so one rule can be for all of them."""
    reasons = {REASONS.get(each, FAULT) for each in BADS}
    bank = one(Rule(ReasonParams(tuple(sorted(reasons))))).bank()
    (edge,) = feed(bank, [(0, START, START, 1.0, int(GRADES[quality]))])
    assert edge.began


def test_a_quality_that_nobody_knows_is_a_fault() -> None:
    """A byte that is no quality tells no value."""
    unknown = np.setdiff1d(np.arange(256), [int(quality) for quality in Quality])
    assert set(GRADES[unknown].tolist()) == {BAD | FAULT << SHIFT}
