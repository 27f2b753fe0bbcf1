"""The application: every router, the screen's files, and what failures look like from outside."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from gateway import __version__
from gateway.db import StoreError
from gateway.observe import log
from gateway.supervision.api import (
    acts,
    alarms,
    child,
    copies,
    health,
    nodes,
    online,
    points,
    session,
    stream,
)
from gateway.supervision.api.deps import problem
from gateway.supervision.api.guard import Guard, policy
from gateway.supervision.centre import Centre
from gateway.supervision.writer import BusyError

DASHBOARD = Path(__file__).parent.parent / "dashboard"


def create_app(centre: Centre, *, dashboard: Path = DASHBOARD) -> FastAPI:
    """Build the application of an entered centre.

    Parameters
    ----------
    dashboard
        Folder of the screen's files; its ``index.html`` is read once, here.
    """
    app = FastAPI(
        title="hazgate centre",
        version=__version__,
        description="Alarms, points and gateways of the divisions an account is in charge of.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.centre = centre
    app.state.seats = {}
    # A path is looked for in this order: what all gateways ask for each few seconds stands first.
    for part in (child, session, alarms, acts, copies, points, nodes, online, stream, health):
        app.include_router(part.router)
    index = _read(dashboard / "index.html")
    icon = _read(dashboard / "favicon.ico")
    _serve_screen(app, dashboard, index, icon=icon)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(StoreError, _broken)
    app.add_middleware(Guard, content_policy=policy(index), secure=centre.secure)
    return app


def _serve_screen(app: FastAPI, dashboard: Path, index: bytes, *, icon: bytes) -> None:
    @app.get("/", include_in_schema=False)
    async def screen() -> Response:
        if not index:
            raise problem(404, "screen", "this build has no screen; the API is under /api/v1")
        return Response(
            index, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"}
        )

    @app.get("/favicon.ico", include_in_schema=False)
    async def favicon() -> Response:
        return Response(icon, media_type="image/x-icon") if icon else Response(status_code=204)

    if dashboard.is_dir():
        app.mount("/static", _Files(directory=dashboard), name="static")


class _Files(StaticFiles):
    """Files a browser asks about each time: an updated centre never runs beside an old screen."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _gone(_: Request, __: Exception) -> Response:
    # Whoever asked has left in the middle of the request; nobody reads this.
    return Response(status_code=400)


async def _invalid(_: Request, error: Exception) -> Response:
    # What was sent is not sent back: it may be a password, or a thing that JSON cannot hold.
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in problems]
    # ASCII, since also a key that was sent may be no text: a lone surrogate cannot be encoded.
    return Response(json.dumps({"detail": told}), 422, media_type="application/json")


async def _busy(_: Request, __: Exception) -> Response:
    # The error names the store's folder: that is nobody's business outside.
    message = "more waits to be written than the disk keeps up with; try again soon"
    return JSONResponse({"detail": {"code": "busy", "message": message}}, 429, {"Retry-After": "2"})


async def _broken(_: Request, error: Exception) -> Response:
    log("centre").error("the store refused", error=str(error))
    return JSONResponse(
        {
            "detail": {
                "code": "store",
                "message": "the store is in trouble; try again later",
            }
        },
        503,
        {"Retry-After": "5"},
    )


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
