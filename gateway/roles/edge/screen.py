"""The local screen: a centre of the site's own, beside the edge, fed by an ordinary uplink."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from gateway import folders
from gateway.northbound.settings import ParentSettings
from gateway.observe import log
from gateway.roles.edge.child import keep_running
from gateway.roles.edge.settings import ScreenSettings
from gateway.roles.edge.site import Site
from gateway.roles.edge.standstill import LeftAlone
from gateway.roles.upward import PARENT, Above
from gateway.tasks import Tasks, beside

SCREEN: Final = "screen"
#: A disk that refuses the screen's file is asked again after so long, s.
AGAIN_S: Final = 5.0
LOG = log("roles.edge")


def screen_id(node: str) -> str:
    """Return the id of a node's own screen."""
    return f"{node}-screen"


class LocalScreen:
    """A centre of the site's own, as a child process, kept running.

    No start waits for its file: where the disk refuses it, or does not answer, the screen comes
    when that has changed.

    Parameters
    ----------
    settings
        Where it listens.
    node, name, division
        Of the gateway it shows.
    folder
        The node's store; the screen's own store lies in ``screen`` below it.
    alone
        Says whether the end may wait for that folder's disk.
    """

    def __init__(
        self,
        settings: ScreenSettings,
        *,
        node: str,
        name: str,
        division: str,
        folder: Path,
        alone: LeftAlone,
    ) -> None:
        self._settings = settings
        self._node = node
        self._name = name
        self._division = division
        self._folder = folder.absolute() / "screen"
        self._alone = alone
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.begin("screen", self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    @property
    def above(self) -> Above:
        """The screen as a receiver of events."""
        settings = ParentSettings(
            url=f"http://{self._settings.listen}",
            token_file=str(self._folder / "gateway.token"),
            code_file=str(self._folder / f"pairing-{self._node}.code"),
        )
        return Above(SCREEN, settings)

    async def _run(self) -> NoReturn:
        told = ""
        while reason := await self._refusal():
            if reason != told:
                LOG.warning("the screen cannot be started yet", reason=reason)
            told = reason
            await asyncio.sleep(AGAIN_S)
        config = str(self._folder / "centre.toml")
        command = (sys.executable, "-m", "gateway", "centre", "--config", config)
        await keep_running("screen", *command, alone=self._alone)

    async def _refusal(self) -> str:
        try:
            await beside(self._write)
        except OSError as error:
            return str(error)
        return ""

    def _write(self) -> None:
        folders.make(self._folder, mode=0o700)
        text = (
            f'[node]\nid = "{screen_id(self._node)}"\nname = "{self._name}"\n'
            f'division = "{self._division}"\n[listen]\naddress = "{self._settings.listen}"\n'
            f'[store]\nfolder = "{self._folder}"\n[pairing]\nnodes = ["{self._node}"]\n'
        )
        (self._folder / "centre.toml").write_text(text, encoding="utf-8")


async def receivers_of(site: Site, stack: AsyncExitStack, alone: LeftAlone) -> list[Above]:
    """Return parent and screen, as far as the site has them; the screen runs until `stack` ends."""
    settings = site.settings
    receivers = [Above(PARENT, settings.parent)] if settings.parent else []
    if settings.screen is not None:
        screen = LocalScreen(
            settings.screen,
            node=settings.node.id,
            name=settings.node.name or settings.node.id,
            division=settings.node.division,
            folder=site.folder,
            alone=alone,
        )
        receivers.append((await stack.enter_async_context(screen)).above)
    return receivers
