"""The centre role: settings, and the wiring of store, API and listener under one roof.

A file has this shape; the loader that turns it into `CentreSettings` lives in `gateway.config`::

    [node]
    id = "county-centre"
    name = "County supervision centre"
    division = "330106000000"
    [listen]
    address = "127.0.0.1:8080"
    cert = "centre.crt"
    key = "centre.key"
    [store]
    folder = "/var/lib/hazgate/centre"
    [divisions]
    file = "divisions.csv"
    [pairing]
    nodes = ["lake-cold-store-gw1"]
    centres = [{ id = "lake-town-centre", division = "330106003000" }]
    [parent]
    url = "https://city.example:8443"
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import uvicorn
from argon2 import PasswordHasher
from pydantic import ConfigDict, Field, model_validator

from gateway.config import ConfigError, Written, WrittenPath
from gateway.model import Clock
from gateway.northbound.exports.settings import Exports
from gateway.northbound.settings import ParentSettings, UplinkSettings
from gateway.observe import log
from gateway.roles.inviting import NodeId, PairingSettings, invite
from gateway.roles.patience import CONNECTIONS, PatientProtocol
from gateway.roles.reporting import receivers_of, reporting
from gateway.supervision import departments, divisions
from gateway.supervision.api.app import create_app
from gateway.supervision.centre import Centre
from gateway.supervision.settings import DepartmentSettings, WatchSettings

ADDRESS = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"
MAX_PORT = 65535
DRAIN_S = 5
SWITCH_S = 0.0005
#: A child keeps its connection for 5 s between two posts. It is never we who close one into which
#: it is just writing; and it is closed before the patience with its next request ends.
KEEP_ALIVE_S = 15
#: The third is the first as a listener on all of IPv6 sees it.
LOOPBACK = ["127.0.0.1", "::1", "::ffff:127.0.0.1"]


class NodeSettings(Written):
    """Who this centre is."""

    id: NodeId
    name: str = ""
    division: str = ""


class ListenSettings(Written):
    """Where it listens; port 0 takes a free one. With `cert` and `key` it speaks TLS.

    Other machines reach it by TLS only: its own, or that of a proxy before it. What the proxy says
    of whom it speaks for is believed from this machine, and only where `behind_tls` says so.
    """

    address: Annotated[str, Field(pattern=f"^{ADDRESS}$")] = "127.0.0.1:8080"
    cert: WrittenPath | None = None
    key: WrittenPath | None = None
    behind_tls: bool = False

    @model_validator(mode="after")
    def _sound(self) -> ListenSettings:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together: give both for TLS, or neither")
        if self.port > MAX_PORT:
            raise ValueError(f"port {self.port} is above {MAX_PORT}; choose another, or 0")
        if not (self.secure or self.local):
            raise ValueError(
                f"{self.address} is reached by other machines without TLS; give cert and key, "
                "listen on 127.0.0.1, or say behind_tls = true where a TLS proxy stands before it"
            )
        return self

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def secure(self) -> bool:
        """Whether people reach it by TLS."""
        return self.cert is not None or self.behind_tls

    @property
    def host(self) -> str:
        """The host part of the address, without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of the address."""
        return int(self.address.rpartition(":")[2])


class StoreSettings(Written):
    """Where it keeps its store and key."""

    # Also the default folder is relative to the file that leaves this table out.
    model_config = ConfigDict(extra="forbid", frozen=True, revalidate_instances="always")

    folder: Annotated[WrittenPath, Field(validate_default=True)] = "centre-data"


class DivisionSettings(Written):
    """The table of divisions; without one every code contains only itself."""

    file: WrittenPath | None = None


class CentreSettings(Written):
    """Everything a centre is told."""

    node: NodeSettings
    listen: ListenSettings = ListenSettings()
    store: Annotated[StoreSettings, Field(validate_default=True)] = StoreSettings()
    divisions: DivisionSettings = DivisionSettings()
    pairing: PairingSettings = PairingSettings()
    watch: WatchSettings = WatchSettings()
    departments: DepartmentSettings = DepartmentSettings()
    parent: ParentSettings | None = None
    uplink: UplinkSettings = UplinkSettings()
    export: Exports = ()


@dataclass(frozen=True, slots=True)
class RunningCentre:
    """A centre that answers.

    Parameters
    ----------
    port
        The one it listens on, also where the settings said 0.
    first_password
        Of the account "admin", at the very first start only.
    """

    centre: Centre
    host: str
    port: int
    url: str
    first_password: str | None

    async def invite(self, node: str, *, division: str = "", relays: bool = False) -> str:
        """Make a one-time pairing code for a node id, of a centre that `relays` or of a gateway."""
        return await self.centre.invite(node, division=division, relays=relays)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the role and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def open_centre(
    settings: CentreSettings, *, clock: Clock, hasher: PasswordHasher | None = None
) -> AsyncIterator[RunningCentre]:
    """Run a centre for the duration of a block: it answers from the first line to the last.

    Parameters
    ----------
    hasher
        argon2id with its cost; the library's default when none is given.

    Raises
    ------
    ConfigError
        The certificate or its key cannot be used.
    OSError
        The address is taken or not ours.
    DivisionsError
        The table of divisions has problems.
    """
    table = settings.divisions.file
    rows = divisions.read(Path(table)) if table is not None else []
    named = settings.departments.file
    beside = departments.DepartmentFile()
    if named is not None:
        beside = departments.read(Path(named), rows)
        for spot in departments.blind_spots(beside, rows, division=settings.node.division):
            log("departments").warning("blind spot", file=named, what=spot)
    listen = settings.listen
    # Before the store: a first password must not be made by a start that then fails.
    _check_certificate(listen)
    with _bound(listen) as listener:
        port = listener.getsockname()[1]
        async with Centre(
            settings.node.id,
            Path(settings.store.folder),
            clock=clock,
            name=settings.node.name,
            division=settings.node.division,
            secure=listen.secure,
            receivers=receivers_of(settings.parent, settings.export),
            hasher=hasher,
            watch=settings.watch,
        ) as centre:
            await centre.load_divisions(rows)
            await centre.load_departments(beside)
            await invite(centre, settings.pairing, folder=Path(settings.store.folder))
            server = _Server(
                uvicorn.Config(
                    create_app(centre),
                    http=PatientProtocol,
                    limit_concurrency=CONNECTIONS,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=listen.behind_tls,
                    forwarded_allow_ips=LOOPBACK,
                    timeout_graceful_shutdown=DRAIN_S,
                    timeout_keep_alive=KEEP_ALIVE_S,
                    ssl_certfile=listen.cert,
                    ssl_keyfile=listen.key,
                )
            )
            async with (
                _serving(server, centre, listener),
                reporting(centre, settings.parent, uplink=settings.uplink, exports=settings.export),
            ):
                host = f"[{listen.host}]" if ":" in listen.host else listen.host
                url = f"{'https' if listen.cert else 'http'}://{host}:{port}"
                log("centre").info("listens", node=centre.node, url=url)
                yield RunningCentre(centre, listen.host, port, url, centre.first_password)
    log("centre").info("stopped", node=settings.node.id)


async def run_centre(
    settings: CentreSettings,
    *,
    clock: Clock,
    ready: Callable[[RunningCentre], None] | None = None,
    renew: str = "",
) -> None:
    """Run a centre until SIGTERM, SIGINT or cancellation; print the first password once.

    Parameters
    ----------
    ready
        Called when the centre answers.
    renew
        An account that gets a new password, printed once: for one that was forgotten.

    Raises
    ------
    ConfigError
        There is no account to renew.
    """
    # The writer's thread gives up the interpreter at each statement; it has it back soon.
    sys.setswitchinterval(SWITCH_S)
    stop = asyncio.Event()
    with _signals(stop):
        async with open_centre(settings, clock=clock) as running:
            if running.first_password is not None:
                sys.stdout.write(
                    f"first start: log in at {running.url} as admin with password "
                    f"{running.first_password} (shown once; change it)\n"
                )
                sys.stdout.flush()
            if renew:
                password = await running.centre.accounts.renew(renew)
                if password is None:
                    raise ConfigError([f"reset-password: there is no account {renew}"])
                sys.stdout.write(f"account {renew}: new password {password} (shown once)\n")
                sys.stdout.flush()
            if ready is not None:
                ready(running)
            await stop.wait()


@asynccontextmanager
async def _serving(server: _Server, centre: Centre, listener: socket.socket) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve(sockets=[listener]), name="centre-http")
    listening = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield
    finally:
        listening.cancel()
        # Streams never end by themselves: they go first, then uvicorn has nothing to wait for.
        centre.hub.close()
        server.should_exit = True
        await task


def _check_certificate(listen: ListenSettings) -> None:
    if listen.cert is None or listen.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(listen.cert, listen.key)
    except (OSError, ssl.SSLError) as error:
        reason = (
            f"listen: cert {listen.cert} with key {listen.key} cannot be used: {error}; give the "
            "PEM files of a certificate and its own key, readable by this user"
        )
        raise ConfigError([reason]) from error


@contextmanager
def _bound(listen: ListenSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # Named as TCP, or asyncio leaves small answers to wait for an acknowledgement (TCP_NODELAY).
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((listen.host, listen.port))
        yield listener


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
