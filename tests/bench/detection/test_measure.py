"""The bench of detection: what it says where a folder is missing, and what it proves."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from bench.detection import measure


def test_without_the_files_their_keys_are_null_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Tennessee Eastman is not measured; the others are, and too few of them prove nothing."""
    monkeypatch.delenv(measure.TEP, raising=False)
    drawn = tmp_path / "all.svg"
    small = {"seeds": 1, "instrument": "pressure, loop, 10 s", "picture": drawn}
    found = measure.run(Namespace(months=1, events=4, **small))
    assert [found[key] for key in measure.TEP_KEYS] == [None] * 4
    assert found["trend_median_lead"] > 0
    assert found["fault_detect_rate"] == 1.0
    assert found["fault_cleared"] == 0
    assert found["fault_false_alarms"] == 0
    assert found["sound"] is False
    assert json.loads(json.dumps(found)) == found
    assert "not measured" in drawn.read_text()
    assert "HAZGATE_TEP names no folder" in capsys.readouterr().out
