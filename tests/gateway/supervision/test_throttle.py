"""What counts as one and the same, and that the counting stays bounded."""

from __future__ import annotations

import pytest

from gateway.clock import ManualClock
from gateway.supervision import throttle
from gateway.supervision.throttle import Throttle, source


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_an_ipv6_network_is_one_source(address: str, counted: str) -> None:
    """An IPv6 client counts as its /64, an IPv4 one by itself, also as IPv6 writes it."""
    assert source(address) == counted


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the key that failed longest ago is forgotten, not the newest."""
    monkeypatch.setattr(throttle, "KEYS", 3)
    counted = Throttle(ManualClock(1), allowed=1)
    for number in range(5):
        counted.failed(str(number))
    assert len(counted) == 3
    assert [counted.blocked(str(number)) for number in range(5)] == [False, False, True, True, True]
