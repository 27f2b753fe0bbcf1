"""One set of certificates for the whole folder, and a broker for each test that asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.site_broker import GATEWAY, SiteBroker, certificates_in


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once by deploy/tls/make-certificates.sh."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return certificates_in(tmp_path_factory.mktemp("certificates") / "tls", [GATEWAY, "nh3-01"])


@pytest.fixture
def broker(tmp_path: Path, certificates: Path) -> Iterator[SiteBroker]:
    """Mosquitto as shipped."""
    with SiteBroker(tmp_path / "mosquitto", certificates) as running:
        yield running
