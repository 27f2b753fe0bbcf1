"""deploy/tls/make-certificates.sh: what it makes is strict, what it is asked wrongly it refuses."""

from __future__ import annotations

import shutil
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.deploy.site_broker import make

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold an authority, a server and a client."""
    made = tmp_path_factory.mktemp("made") / "site-ca"
    for arguments in (
        ("authority", made, "冷库 Lake"),
        ("server", made, "broker", "broker.site", "127.0.0.1", "::1"),
        ("client", made, "gw1"),
    ):
        done = make(*arguments)
        assert done.returncode == 0, done.stderr
    return made


def shake(folder: Path, *, host: str, client: str = "", server: str = "broker") -> None:
    """Let a client and a server of these certificates shake hands in memory."""
    ours = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    # What Python 3.13 demands by itself.
    ours.verify_flags |= ssl.VERIFY_X509_STRICT
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / f"{server}.crt", folder / f"{server}.key")
    if client:
        ours.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
        theirs.load_verify_locations(folder / "ca.crt")
        theirs.verify_mode = ssl.CERT_REQUIRED
        theirs.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = ours.wrap_bio(back, there, server_hostname=host)
    far = theirs.wrap_bio(there, back, server_side=True)
    done = 0
    for _ in range(10):
        done = 0
        for end in (near, far):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
    assert done == 2


@pytest.mark.parametrize("host", ["broker.site", "127.0.0.1", "::1"])
def test_server_is_believed(folder: Path, host: str) -> None:
    """A client that checks strictly believes the server under each of its names and addresses."""
    shake(folder, host=host)


def test_server_of_another_name_is_not_believed(folder: Path) -> None:
    """Under a name it was not made for the server is refused."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(folder, host="centre.example")


def test_client_is_believed(folder: Path) -> None:
    """A server that demands a certificate takes a client's, whose common name is the user."""
    shake(folder, host="broker.site", client="gw1")
    found = x509.load_pem_x509_certificate((folder / "gw1.crt").read_bytes())
    assert [n.value for n in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["gw1"]


@pytest.mark.parametrize(("server", "client"), [("gw1", ""), ("broker", "broker")])
def test_purposes_are_kept_apart(folder: Path, server: str, client: str) -> None:
    """A device cannot pose as the broker, nor the broker's certificate as a user."""
    with pytest.raises(ssl.SSLError, match=r"(?i)unsuitable certificate purpose"):
        shake(folder, host="broker.site", server=server, client=client)


@pytest.mark.parametrize("name", ["broker", "gw1"])
def test_issuer_is_named_by_its_key(folder: Path, name: str) -> None:
    """A certificate tells the key that signed it: a renewed authority of the same name differs."""
    authority, found = (
        x509.load_pem_x509_certificate((folder / f"{each}.crt").read_bytes()).extensions
        for each in ("ca", name)
    )
    signed_by = found.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = authority.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert signed_by.key_identifier == own.digest


def test_keys_are_private(folder: Path) -> None:
    """Folder and keys are for their owner only, certificates can be read by everybody."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        wanted = 0o600 if path.suffix == ".key" else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_authority_is_never_replaced(folder: Path) -> None:
    """A second authority in the folder is refused: it would end every certificate there."""
    before = (folder / "ca.key").read_bytes()
    done = make("authority", folder, "Again")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (folder / "ca.key").read_bytes() == before


def test_renewal_keeps_the_key(folder: Path) -> None:
    """Made again a certificate is valid for longer, with a new number and the same key."""
    path = folder / "gw1.crt"
    old = x509.load_pem_x509_certificate(path.read_bytes())
    key = (folder / "gw1.key").read_bytes()
    assert make("client", folder, "gw1", days=60).returncode == 0
    new = x509.load_pem_x509_certificate(path.read_bytes())
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert 58 < (new.not_valid_after_utc - datetime.now(UTC)).days < 61
    assert new.serial_number != old.serial_number
    assert (folder / "gw1.key").read_bytes() == key
    shake(folder, host="broker.site", client="gw1")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["server", "broker"], 2),
        (["client"], 2),
        (["everything", "x"], 2),
        (["client", "../gw1"], 1),
        (["client", "ca"], 1),
        (["client", "g" * 65], 1),
        (["client", "a b"], 1),
        (["server", "b", "no host"], 1),
        (["server", "b", "10.0.0"], 1),
        (["server", "b", "x,email:copy"], 1),
    ],
)
def test_bad_requests_are_refused(folder: Path, arguments: list[str], status: int) -> None:
    """A wrong request is told, with 2 for its form and 1 for its content, and makes nothing."""
    before = {path.name for path in folder.glob("*.crt")}
    done = make(arguments[0], folder, *arguments[1:])
    assert done.returncode == status
    assert done.stderr.startswith("make-certificates.sh: ")
    assert {path.name for path in folder.glob("*.crt")} == before


def test_without_an_authority_nothing_is_issued(tmp_path: Path) -> None:
    """A certificate needs an authority first."""
    done = make("client", tmp_path, "gw1")
    assert done.returncode == 1
    assert "make the authority first" in done.stderr
