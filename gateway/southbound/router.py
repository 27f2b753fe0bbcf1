"""Topic to device: exact topics by a table, single-level wildcards (+) by a small trie. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Where a filter ends in the trie: no level can be called so.
HERE: Final = "/"


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
        self.filters: list[str] = []
        for topic, device in topics:
            self.filters.append(topic)
            if "+" not in topic:
                self._exact[topic] = device
                continue
            node = self._tree
            for level in topic.split("/"):
                node = node.setdefault(level, {})
            node[HERE] = device  # type: ignore[assignment]

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
