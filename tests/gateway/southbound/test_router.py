"""Topics to devices: exact ones by a table, single-level wildcards by a trie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.southbound.router import Router

LEVELS = st.lists(st.sampled_from(["a", "b", "x y"]), min_size=1, max_size=4)
FILTERS = st.lists(st.sampled_from(["a", "b", "+", "x y"]), min_size=1, max_size=4)


def matches(pattern: list[str], topic: list[str]) -> bool:
    """What MQTT says of a filter with single-level wildcards."""
    return len(pattern) == len(topic) and all(
        p in {"+", t} for p, t in zip(pattern, topic, strict=True)
    )


def test_an_exact_topic_wins_over_a_wildcard() -> None:
    """The device named by its own topic is found, whatever wildcard would fit as well."""
    router = Router([("plant/+/v", 0), ("plant/a/v", 1)])
    assert router.find("plant/a/v") == 1
    assert router.find("plant/b/v") == 0


def test_a_wildcard_stands_for_exactly_one_level() -> None:
    """Neither none nor two; an empty level is a level."""
    router = Router([("plant/+", 0), ("+/+/deep", 1)])
    assert router.find("plant") is None
    assert router.find("plant/a/b") is None
    assert router.find("plant/") == 0
    assert router.find("//deep") == 1
    assert router.find("") is None


def test_the_more_exact_branch_is_left_when_it_ends_nowhere() -> None:
    """A level that fits by name must not hide a wildcard beside it."""
    router = Router([("a/b/c", 0), ("a/+/d", 1), ("+/b/e", 2)])
    assert router.find("a/b/d") == 1
    assert router.find("a/b/e") == 2
    assert router.find("a/b/f") is None


def test_filters_are_what_was_given() -> None:
    """The session subscribes exactly these."""
    topics = ["plant/+/v", "plant/a", "厂区/氨"]
    assert Router((topic, n) for n, topic in enumerate(topics)).filters == topics


@given(st.lists(FILTERS, max_size=6, unique_by=tuple), LEVELS)
def test_it_agrees_with_the_rule_of_mqtt(patterns: list[list[str]], topic: list[str]) -> None:
    """A device is found where a filter matches, and none where none does."""
    router = Router(("/".join(pattern), n) for n, pattern in enumerate(patterns))
    fitting = {n for n, pattern in enumerate(patterns) if matches(pattern, topic)}
    found = router.find("/".join(topic))
    assert found in fitting if fitting else found is None
