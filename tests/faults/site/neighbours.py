"""Who lives on the other side of a division's border, and what a centre lets them read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from gateway.supervision.tiers import Role
from tests.faults.site.bench import NODE, Bench

#: The gateway's own; a sibling; what looks like its parent, where no table says so; a beginning.
OWN: Final = "330106003000"
OTHERS: Final = ("330106004000", "330106000000", "330106")
PASSWORD: Final = "correct horse battery"
FIRST: Final = re.compile(r"as admin with password (\S+) ")
READS: Final = (
    "/api/v1/alarms",
    "/api/v1/alarms?history=1",
    "/api/v1/points",
    "/api/v1/nodes",
    f"/api/v1/journal?node={NODE}",
    f"/api/v1/readings?node={NODE}&tag=T03",
    "/api/v1/tiers",
)
#: What only the gateway's own division may see.
WORDS: Final = (NODE, "T03", "Machine room", OWN)


async def seen_abroad(bench: Bench) -> list[str]:
    """Return what accounts of other divisions see of the gateway at the running centre.

    Raises
    ------
    RuntimeError
        Its own division sees nothing of it either: then nothing is shown by this.
    """
    found = FIRST.search(bench.centre.log.read_text(encoding="utf-8"))
    assert found is not None
    async with visitor(bench, "admin", found[1]) as admin:
        for division in (OWN, *OTHERS):
            body = {"name": f"of{division}", "password": PASSWORD, "role": Role.OPERATOR.value,
                    "division": division}  # fmt: skip
            (await admin.post("/api/v1/accounts", json=body)).raise_for_status()
    if not await seen(bench, OWN):
        raise RuntimeError("the gateway's own division sees nothing of it")
    return [
        f"{division} sees {word} of {OWN} at {path}"
        for division in OTHERS
        for path, word in await seen(bench, division)
    ]


async def seen(bench: Bench, division: str) -> list[tuple[str, str]]:
    """Return where an account of a division sees which word."""
    async with visitor(bench, f"of{division}", PASSWORD) as client:
        answers = [(path, await client.get(path)) for path in READS]
    return [
        (path, word)
        for path, answer in answers
        if answer.status_code == httpx.codes.OK
        for word in WORDS
        if word in answer.text
    ]


@asynccontextmanager
async def visitor(bench: Bench, name: str, password: str) -> AsyncIterator[httpx.AsyncClient]:
    """Log in at the centre for the length of a block."""
    url = f"http://127.0.0.1:{bench.back_target}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        login = await client.post("/api/v1/session", json={"name": name, "password": password})
        login.raise_for_status()
        yield client
