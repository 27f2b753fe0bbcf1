"""The store thread survives what it is asked, and says so when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.db import Database, StoreBrokenError
from gateway.roles.edge import untold
from gateway.roles.edge.committer import Committer
from gateway.roles.edge.work import Committed, Work
from tests.gateway.roles.edge.edge import until


class Storage:
    """A committer on a store in memory, and what it told."""

    def __init__(self) -> None:
        self.done: list[Committed] = []
        self.trouble: list[tuple[str, str]] = []
        self.committer = Committer(
            Database(None, "edge"),
            None,
            key=Ed25519PrivateKey.generate(),
            reserve=None,
            reserve_bytes=0,
            destinations=[],
            committed=self.done.append,
            troubled=lambda what, why: self.trouble.append((what, why)),
        )
        self.committer.start()


@pytest.fixture
async def storage() -> AsyncIterator[Storage]:
    made = Storage()
    yield made
    made.committer.finish()
    await until(lambda: made.committer.ended)
    made.committer.database.close()


def failing(error: Exception) -> Callable[[Database], None]:
    def act(_: Database) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    "error", [OverflowError("int too big"), ValueError("no"), KeyError("x"), TypeError("y")]
)
async def test_a_question_that_fails_fails_alone(storage: Storage, error: Exception) -> None:
    """Whoever asked something impossible is told; the thread goes on."""
    with pytest.raises(type(error)):
        await storage.committer.act(failing(error))
    assert await storage.committer.act(lambda _: 7) == 7
    assert storage.trouble == []


async def test_work_that_no_store_takes_is_a_lost_store(storage: Storage) -> None:
    """A thread that dies of what nobody foresaw tells that the store is lost, never nothing."""
    storage.committer.submit(Work(snapshot=b"", position=2**70))
    async with asyncio.timeout(20):
        while not storage.trouble:
            await asyncio.sleep(0.01)
    ((what, _),) = storage.trouble
    assert what == "lost"
    with pytest.raises(Exception, match="the store is lost"):
        await storage.committer.act(lambda _: 7)


@pytest.mark.parametrize("how", ["finish", "abandon"])
async def test_who_asks_a_store_that_nobody_writes_any_more_is_told_at_once(
    storage: Storage, how: str
) -> None:
    """No answer would ever come."""
    getattr(storage.committer, how)()
    async with asyncio.timeout(20):
        with pytest.raises(StoreBrokenError, match="the store is lost"):
            await storage.committer.act(lambda _: 7)


async def test_what_was_shed_is_counted_by_the_commit_that_speaks_of_it(storage: Storage) -> None:
    """Readings that the memory had no room for were acknowledged: a kill loses no count of them."""
    for _ in range(2):
        storage.committer.shed(7)
        await storage.committer.act(lambda _: None)
    assert await storage.committer.act(untold.left) == [(untold.SLOW, 14)]
