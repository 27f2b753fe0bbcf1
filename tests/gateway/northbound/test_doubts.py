"""Doubts: what a parent cannot read is set aside, and never because the parent is broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.doubts import BACKLOG, IN_A_ROW, LIVE, PASSED_OVER, TRIES, Doubts


def deliver(
    waiting: set[int], poison: set[int], *, broken: bool = False, fresh: int = 0
) -> tuple[set[int], set[int], int]:
    """Deliver as the uplink does; return what was taken, what was set aside, and the posts."""
    doubts, taken, aside, posts = Doubts(), set[int](), set[int](), 0
    newest = 10_000  # what comes in meanwhile can be read
    for _ in range(10_000):
        if not waiting:
            break
        found = sorted(waiting - doubts.skip)[: doubts.most[BACKLOG]]
        due = doubts.due()
        if not found and due is None:
            # Nothing else is to be sent: what was passed over has its turn, beside what is new.
            doubts.again()
            if not fresh:
                break
            fresh, newest = fresh - 1, newest + 1
            waiting.add(newest)
            continue
        for post in (found, [] if due is None else [due]):
            if not post:
                continue
            posts += 1
            if broken or poison & set(post):
                if not doubts.refused(post, "400"):
                    doubts.again()
                    if broken and posts > 200:
                        return taken, aside, posts
            else:
                taken |= set(post)
                waiting -= set(post)
                doubts.taken(post)
                hopeless = {seq for seq, _ in doubts.hopeless()}
                aside |= hopeless
                waiting -= hopeless
    return taken, aside, posts


@given(
    count=st.integers(1, 400),
    poison=st.sets(st.integers(1, 400), max_size=12),
)
def test_what_cannot_be_read_is_set_aside_and_nothing_else(count: int, poison: set[int]) -> None:
    """Every event that the parent reads is taken, every other one becomes a dead letter."""
    everything = set(range(1, count + 1))
    taken, aside, _ = deliver(set(everything), poison, fresh=3 * TRIES + 2 * len(poison))
    assert everything - poison <= taken
    assert aside == poison & everything


@given(count=st.integers(1, 1200))
def test_a_broken_parent_sets_nothing_aside(count: int) -> None:
    """A parent that refuses every event makes no dead letter, however long it does."""
    taken, aside, posts = deliver(set(range(1, count + 1)), set(), broken=True)
    assert (taken, aside) == (set(), set())
    assert posts <= 200 + 2 * IN_A_ROW


def test_one_bad_event_costs_few_posts() -> None:
    """Among 500 events one that cannot be read is found with a score of posts."""
    _, aside, posts = deliver(set(range(1, 501)), {250}, fresh=20)
    assert aside == {250}
    assert posts < 60


def test_a_parent_that_refuses_one_by_one_is_left_alone() -> None:
    """After some refusals in a row it does not pay to go on."""
    doubts = Doubts()
    results = [doubts.refused([seq], "400") for seq in range(IN_A_ROW)]
    assert results == [True] * (IN_A_ROW - 1) + [False]


def test_what_was_doubted_before_ends_no_connection() -> None:
    """Eight unreadable events and nothing else: they are refused again, and it pays to go on."""
    doubts = Doubts()
    for seq in range(IN_A_ROW):
        doubts.refused([seq], "400")
    for _ in range(3):
        doubts.again()
        again = []
        while (due := doubts.due()) is not None:
            again.append(due)
            assert doubts.refused([due], "400")
        assert sorted(again) == list(range(IN_A_ROW))


def test_what_is_sent_once_more_is_bounded_and_goes_round() -> None:
    """Of many doubtful events a few are sent once more at a time, and each has its turn."""
    doubts = Doubts()
    for seq in range(3 * IN_A_ROW):
        doubts.refused([seq], "400")
    again = []
    for _ in range(3):
        doubts.again()
        while (due := doubts.due()) is not None:
            again.append(due)
            doubts.refused([due], "400")
    assert again == list(range(3 * IN_A_ROW))


def test_an_event_that_is_read_after_all_is_no_longer_doubtful() -> None:
    """What was refused twice and then taken is not set aside later."""
    doubts = Doubts()
    for _ in range(2):
        doubts.refused([7], "400")
        doubts.taken([1])
        assert doubts.hopeless() == []
    doubts.taken([7])
    for _ in range(5):
        doubts.taken([1])
    assert doubts.hopeless() == []
    assert doubts.skip == set()


def test_live_events_do_not_hide_a_bad_one_of_the_backlog() -> None:
    """However many live events are taken between, posts of the backlog become smaller."""
    doubts = Doubts()
    post = list(range(500))
    while len(post) > 1:
        doubts.refused(post, "400")
        doubts.taken(list(range(1_000, 1_500)), of=LIVE)
        assert doubts.most[BACKLOG] == len(post) // 2
        post = post[: doubts.most[BACKLOG]]


def test_receipts_that_are_missing_have_an_end() -> None:
    """Events without receipts are passed over for a while; a parent that names none is wrong."""
    doubts = Doubts()
    assert doubts.unnamed([1, 2])
    assert doubts.skip == {1, 2}
    doubts.again()
    assert doubts.skip == set()
    assert not doubts.unnamed(list(range(PASSED_OVER)))
