"""What a site file says of the broker."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.config import WrittenPath

PORTS = {"mqtt": 1883, "mqtts": 8883}


def _broker_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("write username and password_file, no secret in the address")
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(
            f'{url!r} is no broker address; write "mqtts://host:8883", or '
            '"mqtt://127.0.0.1:1883" without TLS'
        )
    if parts.port == 0:  # reading it also refuses what is no port
        raise ValueError(f"{url!r} has port 0; leave the port out, or write the broker's")
    return url


class BrokerSettings(BaseModel):
    """The MQTT broker the devices speak to; secrets stand in files of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_broker_address)]
    version: Literal["3.1.1", "5"] = "5"
    client_id: str | None = None
    username: str | None = None
    password_file: WrittenPath | None = None
    ca_file: WrittenPath | None = None
    cert_file: WrittenPath | None = None
    key_file: WrittenPath | None = None
    keep_alive_s: Annotated[int, Field(strict=True, ge=5, le=3600)] = 30
    #: Messages the broker may have in flight to us (MQTT 5 Receive Maximum). A queue that fits is
    #: delivered in its order after a restart; in a longer one Mosquitto lets new messages overtake.
    receive_maximum: Annotated[int, Field(strict=True, ge=1, le=65535)] = 10_000
    session_expiry_s: Annotated[int, Field(strict=True, ge=60)] = 7 * 24 * 3600

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; give both or none")
        return self

    def client_of(self, node: str) -> str:
        """Return the client id of a node's session: the stated one, else one of its own."""
        return self.client_id or f"hazgate-{node}"

    @property
    def host(self) -> str:
        """Host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port, with the scheme's default."""
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"
