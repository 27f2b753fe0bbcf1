"""The log of a running store: folded beside the commits, and watched for who keeps it from that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.db import Database, StoreError, StoreFullError
from gateway.observe import log
from gateway.roles.edge.committer import Committer
from gateway.tasks import beside

#: A log of the store with more pages is folded into it; after a failure not before this, s.
LOG_PAGES: Final = 1000
FOLD_AGAIN_S: Final = 10.0
#: A log of so many pages (64 MiB) is not folded because somebody reads from its beginning on.
HELD_PAGES: Final = 16_384
LOG = log("roles.edge.storage")


class Folding:
    """Folds the log of the store that is written now.

    Parameters
    ----------
    committer
        Says who writes it.
    may_fold
        Says whether its disk answers.
    held
        Told whether somebody reads it without end, at each change.
    failed
        Told the committer and why its disk refused.
    """

    def __init__(
        self,
        *,
        committer: Callable[[], Committer],
        may_fold: Callable[[], bool],
        held: Callable[[bool], None],
        failed: Callable[[Committer, str], None],
    ) -> None:
        self._committer = committer
        self._may_fold = may_fold
        self._tell_held = held
        self._failed = failed
        self._held = False
        self._folding: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Fold the log when it has grown; tell of a reader until a commit finds it has ended."""
        committer = self._committer()
        pages = committer.database.log_pages
        free = self._folding is None or self._folding.done()
        if free and self._may_fold() and pages > LOG_PAGES:
            self._folding = asyncio.create_task(self._fold(committer), name="fold")
        held = pages > HELD_PAGES or (self._held and not 0 < pages <= LOG_PAGES)
        if held != self._held:
            self._held = held
            self._tell_held(held)

    def forget(self) -> None:
        """Begin with another store, whose log nobody holds."""
        self._held = False

    async def _fold(self, committer: Committer) -> None:
        try:
            await beside(committer.database.fold)
            # Under steady traffic something was committed meanwhile, and the log would only grow.
            await committer.act(Database.fold_rest)
        except StoreFullError as error:
            LOG.warning("the store's log was not folded; a commit will do it", reason=str(error))
            await asyncio.sleep(FOLD_AGAIN_S)
        except StoreError as error:
            # What a disk refuses here it would refuse the next commit.
            self._failed(committer, str(error))
