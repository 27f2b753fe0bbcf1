"""What a site file may say of its parent and its store."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.northbound.settings import ParentSettings, StoreSettings


@pytest.mark.parametrize(
    "url",
    ["https://centre.example", "https://10.0.0.5:8443/", "http://127.0.0.1:8080", "http://[::1]:1"],
)
def test_sound_addresses(url: str) -> None:
    """Another machine is reached by TLS; loopback may go without."""
    assert ParentSettings(url=url).url == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://centre.example", "not encrypted; write https://"),
        ("http://127.0.0.1.evil.example", "not encrypted"),
        ("ftp://centre.example", "is no address"),
        ("centre.example", "is no address"),
        ("https://", "is no address"),
        ("", "is no address"),
    ],
)
def test_addresses_that_are_refused(url: str, told: str) -> None:
    """Credentials and alarms never leave the machine in the clear."""
    with pytest.raises(ValidationError, match=told):
        ParentSettings(url=url)


@pytest.mark.parametrize(
    "table", [{"reserve_mib": 0}, {"spool_mib": 15}, {"history_days": 0}, {"folders": "x"}]
)
def test_a_store_has_bounds(table: dict[str, object]) -> None:
    """Reserve, spool and history have a size, and an unknown key is none."""
    with pytest.raises(ValidationError):
        StoreSettings.model_validate(table)
