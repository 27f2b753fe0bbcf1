"""Topics with empty levels: rare, allowed by MQTT, and no reason to fall over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.southbound.router import Router
from tests.gateway.southbound.test_router import matches

LEVELS = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4)
FILTERS = st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4)


@given(st.lists(FILTERS, max_size=6, unique_by=tuple), LEVELS)
def test_an_empty_level_is_a_level_like_any_other(
    patterns: list[list[str]], topic: list[str]
) -> None:
    """A device is found where a filter matches, and none where none does."""
    router = Router(("/".join(pattern), n) for n, pattern in enumerate(patterns))
    fitting = {n for n, pattern in enumerate(patterns) if matches(pattern, topic)}
    found = router.find("/".join(topic))
    assert found in fitting if fitting else found is None
