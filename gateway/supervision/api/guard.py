"""What stands before every endpoint: security headers, size of bodies, origin of changes.

A change is taken from a browser only when it comes from our own page: the cookie is
SameSite=Strict, the Origin must be the host that was asked, and the body must be declared as
JSON, which no form can do.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.northbound.wire import HEARTBEAT, INTAKE, PAIR

CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
CHILD_BODIES: Mapping[str, int] = {INTAKE: 16 * 1024 * 1024, HEARTBEAT: 64 * 1024, PAIR: 4096}
PERSON_BODY = 64 * 1024
TOO_LARGE = 413

_IMPORT_MAP = re.compile(rb"<script\s+type=[\"']importmap[\"']\s*>(.*?)</script>", re.DOTALL)


def policy(index: bytes) -> str:
    """Return the content security policy for a page: own files, and its import map by its hash."""
    hashes = "".join(
        f" 'sha256-{base64.b64encode(hashlib.sha256(found).digest()).decode()}'"
        for found in _IMPORT_MAP.findall(index)
    )
    return (
        f"default-src 'self'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:; "
        "media-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


class Guard:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    content_policy
        Value of the Content-Security-Policy header.
    secure
        Whether people reach the centre by TLS: then browsers are told to use nothing else.
    """

    def __init__(self, app: ASGIApp, *, content_policy: str, secure: bool) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        limit = CHILD_BODIES.get(scope["path"], PERSON_BODY)
        refusal = _refusal(scope, headers, limit)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, _limited(receive, limit), send_guarded)


def _refusal(scope: Scope, headers: Headers, limit: int) -> JSONResponse | None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        return _problem(
            TOO_LARGE, "size", f"the body has {length} bytes; at most {limit} are taken: send less"
        )
    if scope["method"] not in CHANGES or scope["path"] in CHILD_BODIES:
        return None
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        return _problem(403, "origin", f"changes are taken from our own page, not from {origin}")
    if origin is None and headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return _problem(403, "origin", "changes are taken from our own page only")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = int(length) > 0 or "transfer-encoding" in headers
    if has_body and kind != "application/json":
        return _problem(415, "type", f"the body is {kind or 'of no type'}; send application/json")
    return None


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"detail": {"code": code, "message": message}}, status)


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(
                TOO_LARGE,
                f"at most {limit} bytes are taken: send less",
            )
        return message

    return receive_limited
