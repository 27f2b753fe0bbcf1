"""Topic to device: exact topics by a table, single-level wildcards (+) by a small trie. Pure.

A topic that a wildcard matched is then known exactly: the trie is walked once for each topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.southbound.arrivals import Arrivals
from gateway.southbound.topics import NOBODY, TopicTable

#: Where a filter ends in the trie: no level can be called so.
HERE: Final = "/"
#: Topics remembered of those that wildcards matched; a hostile device may name any number.
LEARNED: Final = 65_536


class Router:
    """Finds the device that owns a topic.

    Parameters
    ----------
    topics
        Topic filter and device number; `+` stands for one level.
    """

    def __init__(self, topics: Iterable[tuple[str, int]]) -> None:
        self._exact: dict[str, int] = {}
        self._tree: dict[str, dict] = {}  # type: ignore[type-arg]
        self._table = TopicTable()
        self.filters: list[str] = []
        for topic, device in topics:
            self.filters.append(topic)
            if "+" not in topic:
                self._exact[topic] = device
                self._table.add(topic.encode(), device)
                continue
            node = self._tree
            for level in topic.split("/"):
                node = node.setdefault(level, {})
            node[HERE] = device  # type: ignore[assignment]
        self._most = len(self._table) + LEARNED

    def route(self, arrivals: Arrivals) -> npt.NDArray[np.int32]:
        """Return the device of each message; `topics.NOBODY` or `topics.OURS` where it has none."""
        found, strange = self._table.route(arrivals.buffer, arrivals.spans)
        if strange and self._tree:
            for index in np.flatnonzero(found == NOBODY).tolist():
                topic = arrivals.topic(index)
                device = self.find(topic)
                if device is None:
                    continue
                found[index] = device
                if len(self._table) < self._most:
                    self._table.add(topic.encode(), device)
        return found

    def find(self, topic: str) -> int | None:
        """Return the device's number, or None for a topic nobody owns; an exact topic wins."""
        device = self._exact.get(topic)
        if device is not None or not self._tree:
            return device
        return self._match(self._tree, topic.split("/"), 0)

    def _match(self, node: dict, levels: list[str], at: int) -> int | None:  # type: ignore[type-arg]
        if at == len(levels):
            found = node.get(HERE)
            return found if isinstance(found, int) else None
        for key in (levels[at], "+"):
            if key in node and isinstance(node[key], dict):
                device = self._match(node[key], levels, at + 1)
                if device is not None:
                    return device
        return None
