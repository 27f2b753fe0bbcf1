"""The alarms every node has about itself."""

from __future__ import annotations

from gateway.alarms.catalogue import Level, node_alarms
from gateway.model import Priority


def test_a_node_alarms_about_itself() -> None:
    """Storage and broker have alarms of stable identity, in both languages, and none sounds."""
    made = {definition.rule: definition for definition in node_alarms("gw1", "330106003000")}
    assert set(made) == {"storage_slow", "storage_full", "storage_lost", "broker_lost"}
    for rule, definition in made.items():
        assert definition.alarm == f"gw1/@node/{rule}"
        assert (definition.tag, definition.level) == ("@node", Level.NODE)
        assert definition.division == "330106003000"
        assert not definition.sounds
        assert definition.title_en
        assert definition.title_zh
    assert made["storage_lost"].priority == made["broker_lost"].priority == Priority.CRITICAL
