"""Posts to the parent over HTTP: what it takes, what it refuses, and when it asks to wait."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx
import msgspec

from gateway.identity import Identity
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import wire

TIMEOUT_S: Final = 10.0
#: A parent may ask for this long a wait at most.
LONGEST_WAIT_S: Final = 300.0
#: Answers to a post that is not understood as a whole.
UNREADABLE: Final = frozenset({400, 422})
T = TypeVar("T")


class UplinkUnavailableError(Exception):
    """The parent cannot be reached or asks to wait: try again later."""

    def __init__(self, text: str, *, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class UplinkTurnError(UplinkUnavailableError):
    """The parent takes alarms but nothing of a backlog just now: its turn comes later."""


class UplinkTooLargeError(Exception):
    """The parent takes no post of this size: send less at once."""


class UplinkUnreadableError(Exception):
    """The parent does not understand this post: something in it, or the parent, is wrong."""


class UplinkRejectedError(Exception):
    """The parent refuses this node: its credential is wrong, trying again soon is of no use."""


class Posting:
    """An HTTP client of one parent; every method raises the errors above.

    Parameters
    ----------
    url, token
        Of the parent; the token is this node's credential.
    verify
        Whose certificates to trust.
    clock
        What a date is compared with that a parent asks to wait for.
    """

    def __init__(self, url: str, token: str, *, verify: ssl.SSLContext, clock: Clock) -> None:
        self._clock = clock
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            verify=verify,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def items(
        self, who: Identity, items: Sequence[wire.Item], *, urgency: wire.Urgency = "state"
    ) -> list[wire.Receipt]:
        """Post items; return a receipt for each that the parent names."""
        intake = wire.Intake(node=who.node, life=who.life, epoch=who.epoch, items=list(items))
        answer = await self.send(wire.INTAKE, wire.encode(intake), urgency=urgency)
        return decoded(answer, wire.Receipts).receipts

    async def heartbeat(self, beat: wire.Heartbeat) -> wire.HeartbeatAnswer:
        """Post how the node is; return what the parent has anchored."""
        return decoded(await self.send(wire.HEARTBEAT, wire.encode(beat)), wire.HeartbeatAnswer)

    async def send(self, path: str, body: bytes, *, urgency: wire.Urgency = "live") -> bytes:
        """Post a body; return that of the answer."""
        headers = {"Content-Type": "application/json", wire.PRIORITY: wire.URGENCIES[urgency]}
        try:
            answer = await self._client.post(path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise UplinkUnavailableError(f"{type(error).__name__}: {error}") from error
        if answer.status_code in {401, 403}:
            raise UplinkRejectedError(
                f"the parent refuses this node ({answer.status_code}): {answer.text[:200]}; "
                "pair it again with a new code"
            )
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise UplinkTooLargeError(f"{len(body)} bytes: {answer.text[:200]}")
        if answer.status_code in UNREADABLE:
            raise UplinkUnreadableError(
                f"the parent does not understand it ({answer.status_code}): {answer.text[:200]}"
            )
        if answer.status_code != httpx.codes.OK:
            turned = urgency == "backlog" and answer.status_code == httpx.codes.TOO_MANY_REQUESTS
            kind = UplinkTurnError if turned else UplinkUnavailableError
            raise kind(
                f"the parent answers {answer.status_code}: {answer.text[:200]}",
                wait_s=asked_to_wait(answer.headers, now_ns=self._clock.now_ns()),
            )
        return answer.content


def asked_to_wait(headers: Mapping[str, str], *, now_ns: int | None = None) -> float:
    """Return for how long an answer asks to wait, s: a number of seconds, or until a date.

    A date is compared with that of the answer: another machine's clock and ours need not agree. An
    answer without one is compared with `now_ns`; where that is not given either, nothing is asked.
    """
    stated = headers.get("Retry-After", "")
    if stated.isascii() and stated.isdecimal():
        return min(float(stated), LONGEST_WAIT_S)
    until = _instant(stated)
    if until is None:
        return 0.0
    now = _instant(headers.get("Date", ""))
    if now is None and now_ns is not None:
        now = now_ns / NANOSECONDS
    return 0.0 if now is None else min(max(0.0, until - now), LONGEST_WAIT_S)


def _instant(date: str) -> float | None:
    """Return the seconds since 1970 of a date of HTTP, None for what is none."""
    try:
        at = parsedate_to_datetime(date)
        # UTC written as "-0000" comes without a zone, and would be this machine's.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def decoded(body: bytes, kind: type[T]) -> T:
    """Decode a parent's answer; one that is none of ours is an unavailable parent."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise UplinkUnavailableError(f"the parent's answer is not understood: {error}") from error
