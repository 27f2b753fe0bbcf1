"""Webhooks: what is posted, how it is signed, and who can read it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path

import jsonschema
import pytest

from gateway.northbound.exports.envelope import encode_one, instant
from gateway.northbound.exports.port import ReceiverAwayError
from gateway.northbound.exports.settings import WebhookExport
from gateway.northbound.exports.signing import headers, read_secret
from gateway.northbound.exports.webhook import Webhook
from tests.gateway.northbound.exports.receiving import Address, Node, Posted, Said
from tests.gateway.northbound.site import until

KEY = bytes(range(32))
OLD = bytes(range(1, 33))


def secret(path: Path, key: bytes) -> str:
    path.write_text(f"whsec_{b64encode(key).decode()}\n", encoding="ascii")
    return str(path)


def export(address: Address, folder: Path, **more: object) -> WebhookExport:
    return WebhookExport.model_validate(
        {
            "name": "city", "kind": "webhook", "url": f"{address.url}/hook",
            "allow": ["127.0.0.1"], "secret_file": secret(folder / "secret", KEY), **more,
        }
    )  # fmt: skip


def verified(post: Posted, key: bytes) -> bool:
    """Verify as a receiver does, by the text of Standard Webhooks and nothing of ours."""
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode()
    good = b64encode(hmac.new(key, signed + post.body, hashlib.sha256).digest()).decode()
    given = [each.partition(",") for each in post.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(each, good) for version, _, each in given)


def test_the_signature_is_that_of_the_standards_example() -> None:
    """The vector that libraries of Standard Webhooks are tested with."""
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, [key], at_ns=1614265330 * 10**9)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_events_arrive_signed_in_order_and_once(
    node: Node, address: Address, tmp_path: Path
) -> None:
    """A batch of CloudEvents, signed over what was sent; each event's bytes as journalled."""
    made = node.tell_many(30)
    parcels = node.parcels()
    async with node.courier(Webhook(export(address, tmp_path, batch=20), clock=node.clock)):
        await until(lambda: node.left == 0)
    events = [event for post in address.posts for event in json.loads(post.body)]
    assert [event["id"] for event in events] == [f"gw1/{e.life}/{e.seq}" for e in made]
    assert all(verified(post, KEY) for post in address.posts)
    assert not any(verified(post, OLD) for post in address.posts)
    types = {post.headers["content-type"] for post in address.posts}
    assert types == {"application/cloudevents-batch+json"}
    assert all(parcel.entry in b"".join(p.body for p in address.posts) for parcel in parcels)


async def test_a_body_that_was_changed_does_not_verify(
    node: Node, address: Address, tmp_path: Path
) -> None:
    """Negative control: of another body, another id and another time the signature is wrong."""
    node.tell()
    async with node.courier(Webhook(export(address, tmp_path), clock=node.clock)):
        await until(lambda: node.left == 0)
    (post,) = address.posts
    assert verified(post, KEY)
    assert not verified(Posted(post.path, post.headers, post.body + b" "), KEY)
    for name in ("webhook-id", "webhook-timestamp"):
        assert not verified(Posted("", {**post.headers, name: "1"}, post.body), KEY)


async def test_while_a_secret_is_changed_both_sign(
    node: Node, address: Address, tmp_path: Path
) -> None:
    """A receiver that knows the old or the new one verifies; a file that changes is read anew."""
    settings = export(address, tmp_path, old_secret_file=secret(tmp_path / "old", OLD))
    async with node.courier(Webhook(settings, clock=node.clock)) as courier:
        node.tell()
        courier.wake()
        await until(lambda: node.left == 0)
        secret(tmp_path / "secret", bytes(32))
        node.tell()
        courier.wake()
        await until(lambda: node.left == 0)
    assert [verified(address.posts[0], key) for key in (KEY, OLD)] == [True, True]
    assert [verified(address.posts[1], key) for key in (KEY, OLD, bytes(32))] == [False, True, True]


async def test_one_at_a_time_for_receivers_without_batches(
    node: Node, address: Address, tmp_path: Path
) -> None:
    """With batch = 1 a post is one CloudEvent, and the same event has the same webhook-id."""
    node.tell_many(2)
    address.script.append(Said(503))
    async with node.courier(Webhook(export(address, tmp_path, batch=1), clock=node.clock)):
        await until(lambda: node.left == 0)
    ids = [post.headers["webhook-id"] for post in address.posts]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]
    assert json.loads(address.posts[0].body)["type"] == "org.hazgate.alarm.v1"
    assert address.posts[0].headers["content-type"] == "application/cloudevents+json"


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_AAAA", "hunter2-hunter2-hunter2", "\xff" * 40]
)
async def test_a_secret_that_is_none_sends_nothing_and_is_not_told(
    node: Node, address: Address, tmp_path: Path, text: str
) -> None:
    """What the file holds stands in no message, and no event leaves unsigned."""
    settings = export(address, tmp_path)
    (tmp_path / "secret").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="holds no secret") as caught:
        read_secret(settings.secret_file)
    held = text.removeprefix("whsec_")
    assert not held or held not in str(caught.value)
    node.tell()
    with pytest.raises(ReceiverAwayError, match="secret_file"):
        await Webhook(settings, clock=node.clock).deliver(node.parcels())
    assert address.posts == []


def test_what_is_sent_is_a_cloud_event(node: Node) -> None:
    """The envelope is valid by the schema of CloudEvents, for times of every kind."""
    folder = os.environ.get("HAZGATE_SCHEMAS")
    if not folder:
        pytest.skip("HAZGATE_SCHEMAS names no folder with cloudevents.json")
    schema = json.loads((Path(folder) / "cloudevents.json").read_text(encoding="utf-8"))
    check = jsonschema.validators.validator_for(schema)(
        schema, format_checker=jsonschema.FormatChecker()
    )
    for at_ns in (1, 2**63 - 1, -(2**63), 1_767_225_600_123_456_789):
        node.tell(source_ns=at_ns, comment="\u202e]]>\x00", alarm="gw1/燃气/h")
    for parcel in node.parcels():
        event = json.loads(encode_one(parcel))
        check.validate(event)
        assert event["data"] == json.loads(parcel.entry)
    broken = json.loads(encode_one(node.parcels()[0]))
    del broken["source"]
    with pytest.raises(jsonschema.ValidationError):
        check.validate(broken)


def test_an_instant_is_exact() -> None:
    """Nanoseconds are kept, before 1970 too."""
    assert instant(1_767_225_600_123_456_789) == "2026-01-01T00:00:00.123456789Z"
    assert instant(-1) == "1969-12-31T23:59:59.999999999Z"
