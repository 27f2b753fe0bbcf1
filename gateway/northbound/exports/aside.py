"""A thread of an export's own, for files, names and ciphers: the event loop waits for none of them.

It is begun once: beginning a thread for each post would hold up the loop, and with it detection, on
a busy machine for milliseconds each time. It is not joined when the process ends or executes itself
anew: a name server or a disk that hangs holds up nothing but this export.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

R = TypeVar("R")


class Aside:
    """Runs one thing after the other.

    Parameters
    ----------
    name
        Of the export, for the thread's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[..., R], *arguments: object) -> R:
        """Run a function there and return its result, or raise its error."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=f"export {self._name}", daemon=True
            )
            self._thread.start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if answer.cancelled():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        def job() -> None:
            if answer.cancelled():  # whoever asked has not waited for what hung before it
                return
            result, failed = None, None
            try:
                result = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                failed = error
            with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
                loop.call_soon_threadsafe(settle, result, failed)

        self._queue.put(job)
        return await answer

    def close(self) -> None:
        """Let the thread end when it has done what it does; nothing waits for it."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread = None

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job()
