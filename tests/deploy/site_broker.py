"""A real Mosquitto with the configuration, access list and certificates that deploy/ ships."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import aiomqtt

from gateway.simulation.broker import free_port, mosquitto
from gateway.southbound.settings import BrokerSettings
from tests.deploy.shipped import ACL, CERTIFICATES, MOSQUITTO, acl

GATEWAY = "lake-cold-store-gw1"
HOST = "127.0.0.1"


def make(*arguments: str | Path, days: int = 30) -> subprocess.CompletedProcess[str]:
    """Run deploy/tls/make-certificates.sh."""
    return subprocess.run(
        ["sh", str(CERTIFICATES), *map(str, arguments)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DAYS": str(days)},
        capture_output=True,
        text=True,
        check=False,
    )


def password(user: str) -> str:
    """Return the password of a user of the access list."""
    return f"of {user}"


class SiteBroker:
    """The shipped broker with paths and ports of a test.

    Parameters
    ----------
    folder
        Stands for /etc/mosquitto, and for the state folder below it.
    certificates
        Made by the script: authority, broker, and a client each.
    without
        Options that are left out, to see what they are for.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Path,
        *,
        without: Sequence[str] = (),
        access: str | None = None,
    ) -> None:
        self.folder = folder
        self.certificates = certificates
        self.password_port = free_port()
        self.certificate_port = free_port()
        self._without = tuple(without)
        self._access = access if access is not None else ACL.read_text(encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        state = self.folder / "state"
        state.mkdir(parents=True)
        shutil.copytree(self.certificates, self.folder / "tls")
        for user in acl():
            (self.folder / f"{user}.password").write_text(password(user), encoding="utf-8")
        (self.folder / "acl").write_text(self._access, encoding="utf-8")
        (self.folder / "acl").chmod(0o600)
        passwords = self.folder / "passwords"
        passwords.write_text("".join(f"{user}:{password(user)}\n" for user in acl()))
        passwords.chmod(0o600)
        program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
        subprocess.run([program, "-U", str(passwords)], check=True, capture_output=True)
        self.configuration.write_text(self.rewritten(), encoding="utf-8")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def configuration(self) -> Path:
        """Where its configuration lies."""
        return self.folder / "mosquitto.conf"

    def rewritten(self) -> str:
        """Return the shipped configuration with paths, ports and user of the test."""
        lines = [
            line
            for line in MOSQUITTO.read_text(encoding="utf-8").splitlines()
            if line.split(" ")[0] not in self._without
        ]
        text = "\n".join(lines) + "\n"
        for shipped, here in (
            ("/etc/mosquitto/", f"{self.folder}/"),
            ("/var/lib/mosquitto/", f"{self.folder}/state/"),
            ("listener 8883", f"listener {self.password_port} {HOST}"),
            ("listener 8884", f"listener {self.certificate_port} {HOST}"),
            ("user mosquitto", f"user {getpass.getuser()}"),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        return text

    def start(self) -> None:
        """Start it and return when both listeners answer."""
        with (self.folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                [str(mosquitto()), "-c", str(self.configuration)], stdout=output, stderr=output
            )
        deadline = time.monotonic() + 30
        for port in (self.password_port, self.certificate_port):
            while True:
                try:
                    socket.create_connection((HOST, port), timeout=1).close()
                except OSError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise ConnectionError(self.log()) from None
                    time.sleep(0.02)
                else:
                    break

    def stop(self) -> None:
        """Stop it cleanly and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def reload(self) -> None:
        """Let it read access list and passwords again, as systemctl reload does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        """Return what it said."""
        return (self.folder / "broker.log").read_text(encoding="utf-8", errors="replace")

    def settings(self, user: str = GATEWAY, **more: object) -> BrokerSettings:
        """Return what a site file would say for a user with a password."""
        said: dict[str, object] = {
            "url": f"mqtts://{HOST}:{self.password_port}",
            "username": user,
            "password_file": str(self.folder / f"{user}.password"),
            "ca_file": str(self.folder / "tls" / "ca.crt"),
        }
        return BrokerSettings.model_validate({**said, **more})

    def certified(self, user: str = GATEWAY, *, folder: Path | None = None) -> BrokerSettings:
        """Return what a site file would say for a user with a client certificate."""
        tls = folder or self.certificates
        return BrokerSettings(
            url=f"mqtts://{HOST}:{self.certificate_port}",
            ca_file=str(self.folder / "tls" / "ca.crt"),
            cert_file=str(tls / f"{user}.crt"),
            key_file=str(tls / f"{user}.key"),
        )

    def client(self, user: str, **more: object) -> aiomqtt.Client:
        """Return a device or panel that logs in with its password."""
        said: dict[str, object] = {
            "username": user,
            "password": password(user),
            "identifier": f"{user}-at-test",
            "tls_context": ssl.create_default_context(cafile=str(self.folder / "tls" / "ca.crt")),
        }
        return aiomqtt.Client(HOST, self.password_port, **{**said, **more})


def certificates_in(folder: Path, users: Sequence[str] = ()) -> Path:
    """Make an authority, a broker's certificate and one for each user."""
    for arguments in (
        ("authority", folder, "Lake Cold Store"),
        ("server", folder, "broker", "broker.site", HOST),
        *(("client", folder, user) for user in users),
    ):
        done = make(*arguments)
        assert done.returncode == 0, done.stderr
    return folder
