"""To a broker that somebody else runs: address, TLS and login, as a command line states them."""

from __future__ import annotations

import argparse
import socket
import ssl
from pathlib import Path
from typing import Final

import pydantic

from bench import BenchError
from bench.frames import open_session
from gateway.southbound.settings import BrokerSettings

TIMEOUT_S: Final = 20.0


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what tells which broker is meant."""
    parser.add_argument("--broker", required=True, metavar="URL", help="mqtt:// or mqtts://")
    parser.add_argument("--username")
    parser.add_argument("--password-file", metavar="FILE")
    parser.add_argument("--ca-file", metavar="FILE", help="whom to trust, with mqtts://")


def broker_of(arguments: argparse.Namespace) -> BrokerSettings:
    """Return the broker that is meant.

    Raises
    ------
    BenchError
        The address is none.
    """
    try:
        return BrokerSettings(
            url=arguments.broker,
            username=arguments.username,
            password_file=arguments.password_file,
            ca_file=arguments.ca_file,
        )
    except pydantic.ValidationError as error:
        raise BenchError("; ".join(each["msg"] for each in error.errors())) from error


def password(broker: BrokerSettings) -> bytes:
    """Return the broker's password, empty where none is stated."""
    if broker.password_file is None:
        return b""
    try:
        return Path(broker.password_file).read_bytes().strip()
    except OSError as error:
        raise BenchError(f"{broker.password_file}: cannot be read: {error}") from error


def connect_to(broker: BrokerSettings, client: str) -> socket.socket:
    """Return a connection with a session of its own.

    Raises
    ------
    BenchError
        The broker cannot be reached, or refuses.
    """
    try:
        sock = socket.create_connection((broker.host, broker.port), timeout=TIMEOUT_S)
        if broker.tls:
            trusted = ssl.create_default_context(cafile=broker.ca_file)
            sock = trusted.wrap_socket(sock, server_hostname=broker.host)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        login = (broker.username, password(broker)) if broker.username else None
        open_session(sock, client, login=login)
    except OSError as error:
        raise BenchError(f"{broker.url}: {error}") from error
    return sock
