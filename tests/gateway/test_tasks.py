"""What is begun beside an owner ends with it, and never dies unseen."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from gateway.tasks import Tasks


async def test_all_end_with_their_owner() -> None:
    """Whatever they wait for is given up, and its last lines have run when `end` returns."""
    ended = []

    async def waits(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    tasks = Tasks()
    tasks.begin("first", waits("first"))
    tasks.keep("second", lambda: waits("second"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await tasks.end()
    assert sorted(ended) == ["first", "second"]
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_one_that_dies_is_told_and_still_found() -> None:
    """Its owner may wait for its death, however early it was, and its end holds up no other's."""

    async def dies() -> None:
        raise LookupError("nobody foresaw it")

    tasks = Tasks()
    with capture_logs() as logs:
        task = tasks.begin("frail", dies())
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert [(each["event"], each["task"]) for each in logs] == [("a task died", "frail")]
    assert list(tasks) == [task]
    await tasks.end()


async def test_one_that_is_done_is_forgotten() -> None:
    """Ten thousand short ones leave nothing behind."""

    async def answer() -> int:
        return 42

    tasks = Tasks()
    assert await tasks.begin("short", answer()) == 42
    await asyncio.sleep(0)
    assert list(tasks) == []
    await tasks.end()
