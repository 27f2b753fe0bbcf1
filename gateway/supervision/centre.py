"""A centre's parts, opened and closed together: store, feed, accounts and the watch."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from argon2 import PasswordHasher

from gateway.model import Clock
from gateway.supervision import divisions, own, pairing, routes
from gateway.supervision.accounts import Accounts
from gateway.supervision.departments import DepartmentFile
from gateway.supervision.divisions import Division
from gateway.supervision.feed import Hub
from gateway.supervision.metrics import CentreMetrics
from gateway.supervision.news import NOBODY, Receivers
from gateway.supervision.settings import WatchSettings
from gateway.supervision.store import Store
from gateway.supervision.throttle import Damper, Throttle
from gateway.supervision.watch import Watch

PAIRINGS_PER_ADDRESS = 10


class Centre:
    """Everything the API needs; entered, it is open and watching.

    Parameters
    ----------
    node, name
        Id of this centre, and what the screen calls it.
    folder
        Where the store lives.
    division
        Code of the division the centre serves; stated to people, decides nothing.
    secure
        Whether people reach it by TLS: then its cookies travel by nothing else.
    watch
        When it raises alarms of its own; the defaults when none are given.
    receivers
        The tier above and exports, for which events are kept until they have them.
    """

    def __init__(
        self,
        node: str,
        folder: Path,
        *,
        clock: Clock,
        name: str = "",
        division: str = "",
        secure: bool = False,
        receivers: Receivers = NOBODY,
        hasher: PasswordHasher | None = None,
        watch: WatchSettings | None = None,
    ) -> None:
        self.node = node
        self.name = name or node
        self.division = division
        self.clock = clock
        self.secure = secure
        self.hub = Hub()
        self.metrics = CentreMetrics()
        self.store = Store(folder, node, clock=clock, hub=self.hub, receivers=receivers)
        self.accounts = Accounts(self.store, clock, hasher=hasher)
        self.watch = Watch(self.store, clock, watch or WatchSettings())
        self.refusals = Damper(clock)
        self.pairings = Throttle(clock, allowed=PAIRINGS_PER_ADDRESS)
        self.first_password: str | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the store, make the first account, begin to watch."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.store)
            await self.store.write(
                lambda write: own.describe(write, name=self.name, division=self.division)
            )
            self.first_password = await self.accounts.first()
            await stack.enter_async_context(self.watch)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the streams and close everything, the last opened first."""
        self.hub.close()
        await self._stack.aclose()

    async def invite(
        self,
        node: str,
        *,
        operator: str = "operating system",
        division: str = "",
        relays: bool = False,
    ) -> str:
        """Make a one-time pairing code for a node id, of a centre that `relays` or of a gateway."""
        invitation = await self.store.write(
            lambda write: pairing.invite(
                write, node, operator=operator, division=division, relays=relays
            )
        )
        return invitation.code

    async def load_divisions(self, rows: list[Division]) -> bool:
        """Make these the divisions; return whether anything changed."""
        return await self.store.write(lambda write: divisions.load(write, rows))

    async def load_departments(self, content: DepartmentFile) -> bool:
        """Make these the departments and routes; return whether anything changed."""
        return await self.store.write(lambda write: routes.take(write, content))
