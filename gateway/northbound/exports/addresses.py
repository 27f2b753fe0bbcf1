"""Where an export may send: judged by the form of the address, then by what its name leads to.

Whoever may write an address could else let the gateway ask for things inside the plant's own
network, or of a cloud's metadata service, and read the answer from a log. So an address is refused
in every form but the usual one (decimal, hexadecimal and short forms, user names, blanks, line
ends), and what a name leads to is judged at each post: public addresses are reached, private ones
and loopback where the file names their network, and link-local, multicast and reserved ones never.
An IPv6 address that carries an IPv4 one is judged by both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
HOST: Final = re.compile(rf"{LABEL}(\.{LABEL})*", re.ASCII)
LONGEST_HOST: Final = 253
#: A last label like this makes a browser, and getaddrinfo, read the whole as an IPv4 address.
NUMBER: Final = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)", re.ASCII)
#: Blanks, controls, and what parsers disagree about.
STRANGE: Final = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\\"<>^`{|}]")
NAT64: Final = IPv6Network("64:ff9b::/96")
COMPATIBLE: Final = IPv6Network("::/96")
NEVER: Final = (
    IPv4Network("169.254.0.0/16"), IPv4Network("0.0.0.0/8"), IPv4Network("240.0.0.0/4"),
    IPv4Network("224.0.0.0/4"), IPv6Network("fe80::/10"), IPv6Network("fec0::/10"),
    IPv6Network("ff00::/8"), IPv6Network("::/128"),
    # Where clouds answer with credentials.
    IPv4Network("100.100.100.200/32"), IPv6Network("fd00:ec2::254/128"),
)  # fmt: skip


class AddressError(ValueError):
    """An address that nothing may be sent to; the text says why, and what is allowed."""


def judge_network(text: str) -> Network:
    """Return the network that an entry of `allow` names.

    Raises
    ------
    ValueError
        It is none, needs no allowing, or is never reached.
    """
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(
            f'{text!r} is no network; write one as in "10.20.0.0/16", or an address'
        ) from None
    if any(network.version == never.version and network.overlaps(never) for never in NEVER):
        raise ValueError(
            f"{text} holds addresses that are never reached (link-local, multicast, reserved, "
            "metadata of a cloud); name a smaller network"
        )
    if network.is_global:
        raise ValueError(f"{text} is public: it needs no allowing; leave it out")
    return network


def judge_url(
    url: str,
    allow: Sequence[Network],
    *,
    schemes: Sequence[str] = ("https", "http"),
    anywhere: bool = False,
) -> SplitResult:
    """Return the parts of an address that something may be sent to, as far as its form tells.

    Parameters
    ----------
    allow
        Private networks that may be reached.
    schemes
        The encrypted one, and the other, for networks of `allow` alone.
    anywhere
        Judge the form alone: a site's broker is where the site is.

    Raises
    ------
    AddressError
        It is none.
    """
    secure, plain = schemes
    if STRANGE.search(url):
        raise AddressError(
            f"{url!r} holds a blank, a line end or a sign that is no part of an address"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError(f"{url!r} is no address: {error}") from None
    host = parts.hostname or ""
    if parts.scheme not in schemes or not host:
        raise AddressError(f'{url!r} is no address; write it as in "{secure}://platform.example"')
    if "@" in parts.netloc:
        raise AddressError("no user name and no secret in the address; secrets stand in files")
    if parts.fragment or port == 0:
        raise AddressError(f"{url!r}: leave out the part after #, and port 0")
    found = _literal(host)
    if found is not None and not anywhere:
        judge(found, allow)
    if parts.scheme == plain and not anywhere and not allow:
        raise AddressError(
            f"{url!r} is not encrypted; write {secure}://, or name the network it lies in "
            "under allow"
        )
    return parts


def judge(address: Address, allow: Sequence[Network]) -> None:
    """Let an address pass, or say why it may not be reached.

    Raises
    ------
    AddressError
        It is link-local, multicast, reserved, or private and not allowed.
    """
    for each in (address, *_within(address)):
        if any(each.version == never.version and each in never for never in NEVER):
            raise AddressError(
                f"{address} is link-local, multicast, reserved or a cloud's own; it is never "
                "reached"
            )
        allowed = any(each.version == own.version and each in own for own in allow)
        if not (each.is_global or allowed):
            raise AddressError(
                f"{address} is on this machine or in a private network; name its network under "
                "allow if it is meant"
            )


def is_allowed(address: Address, allow: Sequence[Network]) -> bool:
    """Whether it lies in a network that the file names: only there goes anything unencrypted."""
    return any(address.version == own.version and address in own for own in allow)


def is_own_machine(host: str) -> bool:
    """Whether a host is written as this machine itself; a name is not followed."""
    found = _literal(host)
    return found is not None and found.is_loopback


def _literal(host: str) -> Address | None:
    """Return the address that a host is written as, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    if host == "localhost" or host.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    if (
        not HOST.fullmatch(host)
        or len(host) > LONGEST_HOST
        or NUMBER.fullmatch(host.rpartition(".")[2])
    ):
        raise AddressError(
            f"{host!r} is no host; write a name, or an address in its usual form, as in "
            '"192.0.2.1" (other scripts as xn--)'
        )
    return None


def _within(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
