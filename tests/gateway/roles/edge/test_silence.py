"""Silence as the line tells it: not what a fence held back, and not a whole plant at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import plant_of


def test_what_a_fence_held_back_is_no_silence(tmp_path: Path) -> None:
    """A queue that outlasts a point's patience blames nobody; who stays silent is told."""
    wired = Wired(plant_of(tmp_path, "1s", "1s"))
    wired.held = True
    for number in range(1, 11):
        wired.second(number)
    wired.held = False
    for number in range(11, 20):
        wired.second(number, b'{"x": 1.0}')
    assert {(tag, cause) for tag, cause, _ in wired.told} == {("T1", "raise")}


@pytest.mark.parametrize("most", [3, None])
def test_a_whole_plant_is_told_with_the_second_it_fell_silent(
    tmp_path: Path, most: int | None
) -> None:
    """However many are told a second, every point is, once, and its event says when it was."""
    wired = Wired(plant_of(tmp_path, *["1s"] * 10), most=most)
    for number in range(1, 12):
        before = len(wired.told)
        wired.second(number)
        assert len(wired.told) - before <= (most or 10)
    assert wired.told == [(f"T{n}", "raise", 3) for n in range(10)]
