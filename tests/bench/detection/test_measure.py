"""The bench of detection: what it says where a folder is missing, and what it proves."""

from __future__ import annotations

from argparse import Namespace

import pytest

from bench.detection import measure


def test_without_the_files_their_keys_are_null_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tennessee Eastman is not measured; leaks are, and too few of them prove nothing."""
    monkeypatch.delenv(measure.TEP, raising=False)
    found = measure.run(Namespace(months=2, events=8))
    assert [found[key] for key in measure.TEP_KEYS] == [None] * 4
    assert found["trend_median_lead"] > 0
    assert found["sound"] is False
    assert "HAZGATE_TEP names no folder" in capsys.readouterr().out
