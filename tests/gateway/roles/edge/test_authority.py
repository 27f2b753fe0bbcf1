"""Who decides: what each maker may order of a site, and what is refused, each for its reason."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms.requests import RefusedError
from gateway.identity import public_hex
from gateway.model import NANOSECONDS, Act
from gateway.northbound.signing import sign
from gateway.northbound.trust import Pin, Trust
from gateway.northbound.wire import Order
from gateway.roles.edge.authority import ACTIONS, LONGEST_NS, Authority
from gateway.roles.edge.parent_time import OWN, Told
from gateway.roles.edge.settings import DelegateSettings

NOW = 1_790_000_000 * NANOSECONDS
MINUTE = 60 * NANOSECONDS
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, name in enumerate(("county", "gw-screen", "lake-centre", "city"), start=1)
}


def made(origin: str, action: str, *, key: str = "", **changes: object) -> Order:
    """An order that its maker signed; what is changed in `changes` it signed too."""
    stated = {
        "id": "o1",
        "node": "gw",
        "origin": origin,
        "action": action,
        "alarm": "gw/A/h",
        "revision": 1,
        "operator": "li",
        "expires_ns": NOW + MINUTE,
        **changes,
    }
    return sign(msgspec.convert(stated, Order), KEYS[key or origin])


class Site:
    """A site paired to the county, with a screen, and whom it lets act."""

    def __init__(self, *delegates: DelegateSettings, paired: bool = True) -> None:
        self.kept: list[Pin] = []
        self.trust = Trust(told=lambda *_: None, keep=lambda _, pin: self.kept.append(pin))
        if paired:
            for receiver, centre in (("parent", "county"), ("screen", "gw-screen")):
                key = public_hex(KEYS[centre])
                self.trust.begin(receiver, Pin(centre=centre, public_key=key))
        self.authority = Authority("gw", delegates, self.trust)

    def judged(self, order: Order, receiver: str = "parent", *, now_ns: int = NOW) -> str:
        """The word for the refusal; empty where it is allowed."""
        try:
            self.authority.prove(order, receiver)
            self.authority.allow(order, receiver, now=Told(now_ns, OWN))
        except RefusedError as error:
            self.text = str(error)
            return error.reason
        return ""


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_what_the_enterprise_decides_it_alone_decides(action: str) -> None:
    """Without delegation its own screen may do it and its parent may not, and people read why."""
    site = Site()
    assert site.judged(made("gw-screen", action), "screen") == ""
    assert site.judged(made("county", action)) == "not_delegated"
    assert "the enterprise decides that at its site" in site.text
    assert "nothing to county" in site.text


@pytest.mark.parametrize("action", sorted({*Act, "readings"}))
def test_a_tier_above_may_look_and_act_on_its_own(action: str) -> None:
    """Its own acts, and a question for readings, need no delegation."""
    assert Site().judged(made("county", action)) == ""


def test_the_paired_parent_needs_no_key() -> None:
    """Named in the site file, the parent may do what it is named for by the key it is known by."""
    site = Site(DelegateSettings(to="county"))
    assert {site.judged(made("county", action)) for action in ACTIONS} == {""}


def test_a_subset_is_a_subset() -> None:
    """What is delegated is allowed, and nothing beside it; the refusal names what is."""
    site = Site(DelegateSettings(to="county", actions=("acknowledge", "reset")))
    allowed = {action for action in ACTIONS if site.judged(made("county", action)) == ""}
    assert allowed == {"acknowledge", "reset"}
    assert site.judged(made("county", "shelve")) == "not_delegated"
    assert "only acknowledge, reset to county" in site.text


def test_a_centre_further_up_acts_by_the_key_that_the_file_states() -> None:
    """Its order counts by that key through whatever parent it came, and by no other key."""
    key = public_hex(KEYS["lake-centre"])
    site = Site(DelegateSettings(to="lake-centre", key=key))
    assert site.judged(made("lake-centre", "acknowledge")) == ""
    assert site.judged(made("lake-centre", "acknowledge", key="city")) == "other_key"
    assert site.judged(made("county", "acknowledge")) == "not_delegated"
    # Also where nothing is known of the parent itself.
    assert Site(DelegateSettings(to="lake-centre", key=key), paired=False).judged(
        made("lake-centre", "acknowledge")
    ) == ""  # fmt: skip


def test_a_name_without_a_key_is_the_parents_or_nobodys() -> None:
    """A delegate without a key that is not the paired parent may do nothing, not even be new."""
    site = Site(DelegateSettings(to="lake-centre"))
    assert site.judged(made("lake-centre", "acknowledge")) == "not_delegated"
    assert "without a key" in site.text
    assert site.judged(made("lake-centre", "urged")) == "not_delegated"


@pytest.mark.parametrize("action", ["acknowledge", "urged", "readings"])
def test_a_key_believed_on_first_use_never_serves_a_delegate(action: str) -> None:
    """Who signed a harmless act first under a name may not decide when the name is delegated to."""
    site = Site(DelegateSettings(to="lake-centre"))
    pinned = Pin(
        centre="county",
        public_key=public_hex(KEYS["county"]),
        above={"lake-centre": public_hex(KEYS["city"])},
    )
    site.trust.begin("parent", pinned)
    assert site.judged(made("lake-centre", action, key="city")) == "not_delegated"
    assert "state its key" in site.text
    stated = DelegateSettings(to="lake-centre", key=public_hex(KEYS["lake-centre"]))
    site.authority = Authority("gw", [stated], site.trust)
    assert site.judged(made("lake-centre", action, key="city")) == "other_key"
    assert site.judged(made("lake-centre", action)) == ""


def test_the_name_of_the_screen_opens_nothing_elsewhere() -> None:
    """Who calls itself the screen and comes from the parent is not the screen."""
    site = Site()
    assert site.judged(made("gw-screen", "acknowledge")) == "not_delegated"
    assert site.judged(made("county", "acknowledge"), "screen") == "not_delegated"
    site.trust.begin("parent", Pin(centre="gw-screen", public_key=public_hex(KEYS["county"])))
    assert site.judged(made("gw-screen", "acknowledge", key="county")) == "not_delegated"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "o2"},
        {"action": "reset"},
        {"alarm": "gw/B/h"},
        {"revision": 2},
        {"operator": "wu"},
        {"comment": "x"},
        {"expires_ns": NOW + 2 * MINUTE},
        {"to_ns": 1},
        {"from_ns": 1},
        {"tag": "A"},
        {"occurrence": 2},
        {"life": "ab"},
        {"node": "gw2"},
    ],
)
def test_what_was_altered_on_its_way_is_refused(change: dict[str, object]) -> None:
    """A relay that changes any field makes an order that nobody gave."""
    site = Site(DelegateSettings(to="county"))
    altered = msgspec.structs.replace(made("county", "acknowledge"), **change)
    assert site.judged(altered) == "bad_signature"
    assert "altered on its way" in site.text


def test_a_forged_signature_is_refused() -> None:
    """Another key under the parent's name, told or not told, and no signature at all."""
    site = Site(DelegateSettings(to="county"))
    forged = made("county", "acknowledge", key="city")
    assert site.judged(forged) == "other_key"
    assert "pair again" in site.text
    hidden = msgspec.structs.replace(forged, key=public_hex(KEYS["county"]))
    assert site.judged(hidden) == "bad_signature"
    unsigned = msgspec.structs.replace(forged, signature="")
    assert site.judged(unsigned) == "not_signed"


def test_an_order_for_another_node_is_refused() -> None:
    """What was signed for another site counts there alone."""
    site = Site(DelegateSettings(to="county"))
    assert site.judged(made("county", "acknowledge", node="gw2")) == "other_node"
    assert "made for gw2" in site.text


def test_expiry_is_judged_by_this_clock_and_says_both_times() -> None:
    """Too late is refused with the end and the present; a clock that is wrong is seen by it."""
    site = Site(DelegateSettings(to="county"))
    order = made("county", "acknowledge")
    assert site.judged(order, now_ns=NOW + MINUTE) == ""
    assert site.judged(order, now_ns=NOW + MINUTE + 1) == "expired"
    assert "2026-09-21 14:14:20 UTC" in site.text
    assert site.judged(order, now_ns=NOW + 3600 * MINUTE) == "expired"
    assert "2026-09-21 14:14:20 UTC" in site.text
    assert "2026-09-24 02:13:20 UTC by this gateway's clock" in site.text


@pytest.mark.parametrize("ends_ns", [0, NOW + LONGEST_NS + 1, 2**63 - 1])
def test_an_order_without_an_end_in_sight_is_refused(ends_ns: int) -> None:
    """One that could come again when its id is forgotten is not carried out at all."""
    site = Site(DelegateSettings(to="county"))
    assert site.judged(made("county", "acknowledge", expires_ns=ends_ns)) == "bad_end"


def test_what_a_newer_parent_orders_is_refused_by_name() -> None:
    """An action that this version does not know is no action, whoever orders it."""
    site = Site(DelegateSettings(to="county"))
    assert site.judged(made("county", "detonate")) == "not_an_order"
    assert "'detonate'" in site.text
    assert site.judged(made("gw-screen", "clear"), "screen") == "not_an_order"


def test_a_parent_before_signatures_may_still_look() -> None:
    """Unsigned readings are given to it; everything else waits for its update."""
    site = Site(paired=False)
    unsigned = Order(id="o1", action="readings", tag="A", expires_ns=NOW + MINUTE)
    assert site.judged(unsigned) == ""
    assert site.judged(msgspec.structs.replace(unsigned, action="urged")) == "not_signed"
    assert "older than this gateway" in site.text
    assert Site().judged(unsigned) == "not_signed"


def test_the_first_key_of_a_centre_above_stands() -> None:
    """An act of the city is taken by the key it is signed with, from then on by that alone."""
    site = Site()
    assert site.judged(made("city", "urged")) == ""
    assert site.kept[-1].above == {"city": public_hex(KEYS["city"])}
    assert site.judged(made("city", "closed")) == ""
    assert site.judged(made("city", "urged", key="lake-centre")) == "other_key"
    assert len(site.kept) == 1


def test_a_key_that_signs_nothing_is_not_remembered() -> None:
    """A forged first act pins no key; a first act for another node does not either."""
    site = Site()
    forged = msgspec.structs.replace(made("city", "urged"), comment="altered")
    assert site.judged(forged) == "bad_signature"
    assert site.judged(made("city", "urged", node="gw2")) == "other_node"
    assert site.kept == []


def test_a_centre_that_is_not_known_may_not_decide() -> None:
    """Neither before nor after it was heard of does the city acknowledge here."""
    site = Site()
    assert site.judged(made("city", "acknowledge")) == "not_delegated"
    assert site.kept == []
    assert site.judged(made("city", "urged")) == ""
    assert site.judged(made("city", "acknowledge")) == "not_delegated"
