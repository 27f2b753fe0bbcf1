"""What an export may send to, by the form of an address and by what it leads to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.exports.addresses import (
    AddressError,
    is_allowed,
    judge,
    judge_network,
    judge_url,
)

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
HOSTILE = [
    "https://127.0.0.1/", "https://localhost/", "https://a.localhost/", "https://2130706433/",
    "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
    "https://127.0.0.1./", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/", "https://169.254.169.254/latest/meta-data/",
    "https://[::ffff:169.254.169.254]/", "https://[fd00:ec2::254]/", "https://100.100.100.200/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://10.0.0.1/", "https://172.16.0.1/",
    "https://192.168.1.1/", "https://100.64.0.1/", "https://[fd00::1]/", "https://224.0.0.1/",
    "https://[ff02::1]/", "https://0.0.0.0/", "https://[::]/", "https://255.255.255.255/",
    "file:///etc/passwd", "gopher://platform.example/", "ftp://platform.example/", "//platform",
    "https://platform.example@127.0.0.1/", "https://user:secret@platform.example/",
    "https://@platform.example/", "https://platform.example/\r\nX-Evil: 1",
    "https://platform.example/ x", "https://platform.example\t.evil/", "https://plat\\form.example/",
    "https://platform.example:0/", "https://platform.example:99999/", "https://platform.example/#a",
    "https://１２７.0.0.1/", "https://127。0。0。1/", "https://", "https:///path", "",
    "http://platform.example/",
]  # fmt: skip
GOOD = [
    "https://platform.example/hooks/alarms?site=1", "https://platform.example:8443/",
    "https://93.184.216.34/", "https://[2606:2800:220:1:248:1893:25c8:1946]/x",
    "https://xn--fiq228c.example/", "https://a_b.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_by_its_form(url: str) -> None:
    """Loopback, private, link-local and metadata in every form, and what is no plain address."""
    with pytest.raises(AddressError):
        judge_url(url, ())


@pytest.mark.parametrize("url", GOOD)
def test_a_public_address_is_taken(url: str) -> None:
    """What is meant to be reached is."""
    assert judge_url(url, ()).hostname


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "0.0.0.0/0", "::/0", "fe80::/10", "224.0.0.0/4", "100.64.0.0/10",
     "fd00::/8", "8.8.8.8", "10.0.0.1/8", "platform.example"],
)  # fmt: skip
def test_what_is_never_reached_cannot_be_allowed(text: str) -> None:
    """An entry of `allow` holds no metadata service, no multicast, nothing public, and is a net."""
    with pytest.raises(ValueError, match=r"allowing|never reached|network"):
        judge_network(text)


def test_what_the_file_names_is_reached_and_nothing_beside_it() -> None:
    """A private network of `allow` is reached; its neighbour, and what maps onto it, are not."""
    allow = (judge_network("10.20.0.0/16"),)
    judge(ip_address("10.20.3.4"), allow)
    assert judge_url("http://10.20.3.4/x", allow).port is None
    for other in ("10.21.0.1", "::ffff:10.21.0.1", "169.254.169.254", "127.0.0.1", "fe80::1"):
        with pytest.raises(AddressError):
            judge(ip_address(other), allow)
    assert is_allowed(ip_address("10.20.3.4"), allow)
    assert not is_allowed(ip_address("93.184.216.34"), allow)


@given(st.ip_addresses())
def test_only_public_addresses_pass_without_being_allowed(address: object) -> None:
    """Whatever passes is global unicast; link-local and multicast never pass, allowed or not."""
    found = ip_address(str(address))
    for allow in ((), LOOPBACK):
        try:
            judge(found, allow)
        except AddressError:
            continue
        assert not any((found.is_multicast, found.is_link_local, found.is_unspecified))
        assert found.is_global or is_allowed(found, allow)
