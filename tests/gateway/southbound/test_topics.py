"""Topics to devices in bulk: the same answer as a dictionary gives, however many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.southbound import router as module
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.router import Router
from gateway.southbound.topics import NOBODY, OURS, TopicTable

LEVEL = st.sampled_from(["a", "b", "厂区", "", "d0001", "d0002"])
TOPICS = st.lists(LEVEL, min_size=1, max_size=4).map("/".join)


def arrived(*topics: str, own: str = "hazgate/gw/fence") -> Arrivals:
    said = [Message(topic, b"x", own=topic == own) for topic in topics]
    return Arrivals.of(said, received_ns=0)


@given(st.dictionaries(TOPICS, st.integers(0, 1000), max_size=60), st.lists(TOPICS, max_size=20))
def test_the_table_agrees_with_a_dictionary(known: dict[str, int], asked: list[str]) -> None:
    """Known topics have their device, the others none, and nobody's are counted."""
    table = TopicTable()
    for topic, device in known.items():
        table.add(topic.encode(), device + 1)
        table.add(topic.encode(), device)
    arrivals = arrived(*asked, own="no topic")
    found, strange = table.route(arrivals.buffer, arrivals.spans)
    assert found.tolist() == [known.get(topic, NOBODY) for topic in asked]
    assert strange == sum(topic not in known for topic in asked)
    assert len(table) == len(known)


def test_ten_thousand_topics_are_all_found() -> None:
    """The table grows with what it holds."""
    topics = [f"plant/d{number}/v" for number in range(10_000)]
    router = Router((topic, number) for number, topic in enumerate(topics))
    assert router.route(arrived(*topics)).tolist() == list(range(10_000))


def test_our_own_topic_is_nobody_elses() -> None:
    """A device whose wildcard fits the gateway's own topic does not get its markers."""
    router = Router([("hazgate/+/fence", 3)])
    assert router.route(arrived("hazgate/gw/fence", "hazgate/b/fence")).tolist() == [OURS, 3]


def test_what_a_wildcard_matched_is_known_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The trie is walked once for each topic, and only so many are remembered."""
    monkeypatch.setattr(module, "LEARNED", 2)
    router = Router([("plant/+/v", 0), ("plant/a/v", 1)])
    walks: list[str] = []
    find = router.find

    def counted(topic: str) -> int | None:
        walks.append(topic)
        return find(topic)

    monkeypatch.setattr(router, "find", counted)
    topics = ["plant/a/v", "plant/b/v", "plant/c/v", "plant/d/v", "other"]
    for _ in range(2):
        assert router.route(arrived(*topics)).tolist() == [1, 0, 0, 0, NOBODY]
    assert walks == ["plant/b/v", "plant/c/v", "plant/d/v", "other", "plant/d/v", "other"]
