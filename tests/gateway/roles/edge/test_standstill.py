"""What moves is waited for, what stands is left alone."""

from __future__ import annotations

import threading
import time

import pytest

from gateway.roles.edge import standstill
from gateway.roles.edge.standstill import LeftAlone, Stillness
from tests.gateway.roles.edge.edge import until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "STILL_S", 0.3)


async def test_work_that_takes_long_and_moves_is_waited_for() -> None:
    """A long recovery is not cut short: each thing it does counts."""

    def recover() -> str:
        began = time.monotonic()
        while time.monotonic() - began < 4 * standstill.STILL_S:
            sum(range(1000))
        return "recovered"

    alone = LeftAlone()
    assert await alone.run(recover) == "recovered"
    assert not alone.any


async def test_work_that_stands_is_left_alone_and_what_it_brings_late_is_given_back() -> None:
    """It is told as a disk that does not answer, and noted until it has come back."""
    answers, late = threading.Event(), list[str]()

    def read() -> str:
        answers.wait(60)
        return "late"

    alone = LeftAlone()
    with pytest.raises(TimeoutError, match="the disk has not answered"):
        await alone.run(read, late=late.append)
    assert alone.any
    assert late == []
    answers.set()
    await until(lambda: not alone.any)
    assert late == ["late"]


async def test_what_work_dies_of_is_told() -> None:
    """A disk that refuses is no disk that hangs."""

    def read() -> None:
        raise OSError(5, "Input/output error")

    alone = LeftAlone()
    with pytest.raises(OSError, match="Input/output"):
        await alone.run(read)
    assert not alone.any


def test_a_process_that_was_stopped_has_left_nothing_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looks count, and not the time between them: nothing moves in a process that is stopped."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stillness = Stillness()
    assert stillness.look(7) == 0.0
    now += 3600.0
    assert stillness.look(7) == standstill.MOST_S
    assert stillness.look(8) == 0.0
