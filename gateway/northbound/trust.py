"""Whom a node takes orders from: the key of the parent it was paired with, and of those above.

The parent's id and public key come with the pairing; to a node that was paired before there were
any, with the first heartbeat that is answered on its authenticated connection. From then on they
stand: a parent that names another key is not believed. The way to accept one is to pair again.

Centres above the parent are not paired with this node. The key with which such a one signs its
first act stands from then on as well; what it may do with it changes no alarm. Where a site lets it
do more, the site file states its key.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.identity import write_secret
from gateway.northbound import wire
from gateway.observe import log

#: Centres above the parent that a node remembers; more tiers there are not, nor departments.
ABOVE_KEPT: Final = 64
LOG = log("northbound.trust")

News = Literal["pinned", "another key", "known again"]


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """The centre at the other end of a credential, and the keys of those above it, by their ids."""

    centre: str
    public_key: str
    above: dict[str, str] = {}


def pin_path(token: Path) -> Path:
    """Return the file that stands beside a token and says whose it is."""
    return token.with_name(token.name + ".centre")


def pin_of(said: wire.PairAnswer | wire.HeartbeatAnswer) -> Pin | None:
    """Return who a parent says it is; None for one before signatures."""
    if isinstance(said.centre, str) and isinstance(said.public_key, str) and said.public_key:
        return Pin(centre=said.centre, public_key=said.public_key)
    return None


def read_pin(token: Path) -> Pin | None:
    """Return what stands beside a token; None where nothing does, or nothing that can be read."""
    path = pin_path(token)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pin)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        LOG.warning("cannot be read; the parent's next answer is believed", file=str(path),
                    reason=str(error))  # fmt: skip
        return None


def keep_pin(token: Path, pin: Pin | None) -> None:
    """Put what is known beside a token, or take away what was."""
    if pin is None:
        pin_path(token).unlink(missing_ok=True)
    else:
        write_secret(pin_path(token), msgspec.json.encode(pin))


class Trust:
    """What is pinned for each receiver of a node; used on the event loop alone.

    Parameters
    ----------
    told
        Called with a receiver's name, what is new about it, and who it says it is.
    keep
        Called with a receiver's name and what shall stand beside its token; it may take its time.
    """

    def __init__(
        self, *, told: Callable[[str, News, Pin], None], keep: Callable[[str, Pin], None]
    ) -> None:
        self._told = told
        self._keep = keep
        self._pins: dict[str, Pin] = {}
        self._strange: dict[str, Pin] = {}
        self._met: set[str] = set()

    def begin(self, receiver: str, pin: Pin | None) -> None:
        """Note what stands beside a receiver's token."""
        if pin is not None:
            self._pins[receiver] = pin

    def pin(self, receiver: str) -> Pin | None:
        """Return who a receiver is, as far as that is known."""
        return self._pins.get(receiver)

    @property
    def strange(self) -> bool:
        """Whether some receiver names another key than the one that stands."""
        return bool(self._strange)

    def answered(self, receiver: str, answer: wire.HeartbeatAnswer) -> None:
        """Compare who a receiver says it is with what stands; the first to say so is believed."""
        said, known = pin_of(answer), self._pins.get(receiver)
        first = receiver not in self._met
        self._met.add(receiver)
        if said is None:
            return
        if known is None:
            self._pins[receiver] = said
            self._keep(receiver, said)
            self._told(receiver, "pinned", said)
        elif (known.centre, known.public_key) == (said.centre, said.public_key):
            if self._strange.pop(receiver, None) is not None or first:
                self._told(receiver, "known again", said)
        elif self._strange.get(receiver) != said:
            self._strange[receiver] = said
            self._told(receiver, "another key", said)

    def remember(self, receiver: str, centre: str, public_key: str) -> bool:
        """Let the first key of a centre above the parent stand; False where there is no room."""
        pin = self._pins[receiver]
        if len(pin.above) >= ABOVE_KEPT:
            return False
        pin = msgspec.structs.replace(pin, above={**pin.above, centre: public_key})
        self._pins[receiver] = pin
        self._keep(receiver, pin)
        return True
