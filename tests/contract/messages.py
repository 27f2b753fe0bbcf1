"""One message of every sort of wire v1, every field stated, as its golden file holds it."""

from __future__ import annotations

import msgspec

from gateway.model import AlarmEvent, Contribution, encode_event
from gateway.northbound import wire

LIFE, EPOCH = "5f1c0a2b3d4e6f70", "0123456789abcdef"
NOON_NS = 1_790_000_000_000_000_000

ALARM_EVENT = AlarmEvent(
    kind="alarm",
    node="lake-cold-store-gw1",
    life=LIFE,
    epoch=EPOCH,
    seq=42,
    prev="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    alarm="lake-cold-store-gw1/AR1-AT-101/ammonia.machine_room.h",
    cause="acknowledge",
    occurrence=3,
    revision=7,
    tag="AR1-AT-101",
    area="AR1",
    division="330106003000",
    hazard="ammonia_refrigeration",
    rule="ammonia.machine_room.h",
    before="UNACK",
    after="ACKED",
    suppression="SHLVD",
    priority="high",
    quality="GOOD",
    historical=True,
    test=True,
    source_ns=NOON_NS,
    received_ns=NOON_NS + 250_000_000,
    clock_source="ntp",
    clock_offset_ns=-1500,
    value=120.5,
    unit="ppm",
    limit=100.0,
    predicted_ns=NOON_NS + 60_000_000_000,
    standard="GB 28009",
    clause="6.4.2",
    operator="李雷",
    comment="已派人查看",
    detail={"order": "00112233aabbccdd", "count": 2, "share": 0.5, "done": True, "none": None},
)
ANOMALY_EVENT = msgspec.structs.replace(
    ALARM_EVENT,
    alarm="lake-cold-store-gw1/R1-UX-101/anomaly",
    tag="R1-UX-101",
    rule="anomaly",
    value=3.25,
    unit="1",
    limit=1.0,
    contributions=(
        Contribution("R1-TT-101", 0.8125, 4.25),
        Contribution("R1-PT-201", 0.25, -0.5),
    ),
)
NODE_EVENT = AlarmEvent(kind="start", node="lake-cold-store-gw1", life=LIFE, epoch=EPOCH, seq=1)
PRESENT = wire.Present(life=LIFE, seq=42, alarms=[msgspec.Raw(encode_event(ALARM_EVENT))])
SUMMARY = wire.Summary(
    from_ns=NOON_NS - 10_000_000_000,
    to_ns=NOON_NS,
    points=[
        wire.SummaryPoint(
            tag="AR1-AT-101",
            last=12.5,
            min=11.0,
            max=14.0,
            mean=12.25,
            count=10,
            quality=66,
            source_ns=NOON_NS - 1,
        ),
        wire.SummaryPoint(
            tag="AR1-AT-102",
            last=None,
            min=None,
            max=None,
            mean=None,
            count=0,
            quality=129,
            source_ns=NOON_NS - 2,
        ),
    ],
)
INVENTORY = wire.Inventory(
    node="lake-cold-store-gw1",
    name="湖畔冷库",
    enterprise="Lake Cold Store",
    uscc="91350100M000100Y43",
    division="330106003000",
    grid="330106003-07",
    areas=[wire.InventoryArea(id="AR1", name="Machine room", hazard="ammonia_refrigeration")],
    points=[
        wire.InventoryPoint(
            tag="AR1-AT-101",
            area="AR1",
            device="nh3-01",
            channel="nh3",
            unit="ppm",
            low=0.0,
            high=500.0,
            interval_s=1.0,
            name="Machine room NH3",
            rules=[
                wire.InventoryRule(
                    rule="ammonia.machine_room.h",
                    alarm="lake-cold-store-gw1/AR1-AT-101/ammonia.machine_room.h",
                    level="h",
                    limit=100.0,
                    priority="high",
                    standard="GB 28009",
                    clause="6.4.2",
                    title_zh="氨浓度高",
                    title_en="Ammonia high",
                )
            ],
        )
    ],
)
READINGS = wire.Readings(
    order="00112233aabbccdd",
    tag="AR1-AT-101",
    time_ns=[NOON_NS - 2, NOON_NS - 1],
    value=[12.5, None],
    quality=[0, 129],
    thinned=True,
)
ORDER = wire.Order(
    id="00112233aabbccdd",
    action="shelve",
    alarm="lake-cold-store-gw1/AR1-AT-101/ammonia.machine_room.h",
    revision=7,
    operator="李雷",
    comment="calibration",
    expires_ns=NOON_NS + 60_000_000_000,
    tag="AR1-AT-101",
    from_ns=NOON_NS - 600_000_000_000,
    to_ns=NOON_NS,
)
#: Made with the key of 32 zero bytes: the signature pins what is signed, byte for byte.
SIGNED_ORDER = wire.Order(
    id="00112233aabbccdd",
    action="urged",
    alarm="lake-cold-store-gw1/AR1-AT-101/ammonia.machine_room.h",
    revision=7,
    operator="李雷",
    comment="请立即\n核实",
    expires_ns=NOON_NS + 60_000_000_000,
    tag="AR1-AT-101",
    from_ns=NOON_NS - 600_000_000_000,
    to_ns=NOON_NS,
    occurrence=3,
    life=LIFE,
    node="lake-cold-store-gw1",
    origin="city-centre",
    key="3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    signature=(
        "edc90279c31baff6a6871decce5d2445076f09489adf8546ebb1576db55aae2c"
        "ca1c32043c177d9d89f88a5232c807c4be53e3de73427c010b1f5a39bdc98d0b"
    ),
)
HEARTBEAT = wire.Heartbeat(
    node="lake-cold-store-gw1",
    life=LIFE,
    epoch=EPOCH,
    last_seq=42,
    head="2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    lag=3,
    coverage=0.975,
    clock_ns=NOON_NS,
    version="0.1.0",
    trouble=["storage_slow"],
)
HEARTBEAT_ANSWER = wire.HeartbeatAnswer(
    clock_ns=NOON_NS + 5,
    anchored_seq=40,
    anchored_head="fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
)
NAMED_HEARTBEAT_ANSWER = msgspec.structs.replace(
    HEARTBEAT_ANSWER,
    centre="county-centre",
    public_key="3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
)
NODES = wire.Nodes(
    clock_ns=NOON_NS + 1_000_000_000,
    life=EPOCH,
    seq=812,
    head="fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
    nodes=[
        wire.NodeFacts(
            node="lake-cold-store-gw1",
            name="湖边冷库",
            division="330106003000",
            link="unknown",
            behind="lake-town-centre",
            life=LIFE,
            epoch=EPOCH,
            last_seq=42,
            head="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            lag=3,
            coverage=0.96875,
            clock_ns=NOON_NS,
            offset_ns=-250_000_000,
            version="0.1.0",
            fork="life 5f1c0a2b3d4e6f70 entry 41 came a second time with other bytes",
            trouble=["storage_slow"],
        )
    ],
)
RELAYED_INTAKE = wire.Intake(
    node="lake-town-centre",
    life=EPOCH,
    epoch=LIFE,
    items=[
        wire.item("nodes", f"{LIFE}/1/n1", wire.encode(NODES)),
        wire.item("event", f"{EPOCH}/977", encode_event(ALARM_EVENT), node="lake-cold-store-gw1"),
    ],
)
INTAKE = wire.Intake(
    node="lake-cold-store-gw1",
    life=LIFE,
    epoch=EPOCH,
    items=[
        wire.item("present", f"{EPOCH}/p1", wire.encode(PRESENT)),
        wire.item("event", f"{LIFE}/42", encode_event(ALARM_EVENT)),
    ],
)
RECEIPTS = wire.Receipts(
    receipts=[
        wire.Receipt(id=f"{LIFE}/41", status="stored"),
        wire.Receipt(id=f"{LIFE}/42", status="duplicate"),
        wire.Receipt(id=f"{LIFE}/43", status="rejected", reason="event: not readable"),
    ]
)
PAIR_REQUEST = wire.PairRequest(
    code="7KQ2M-3XW9C",
    public_key="d75a980182b10ab7",
    token_hash="18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4",
)
PAIR_ANSWER = wire.PairAnswer(node="lake-cold-store-gw1")
NAMED_PAIR_ANSWER = wire.PairAnswer(
    node="lake-cold-store-gw1",
    centre="county-centre",
    public_key="3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
)
DELEGATING_INVENTORY = msgspec.structs.replace(
    INVENTORY, delegates={"lake-centre": ["acknowledge", "reset"]}
)

#: Name of the golden file -> what it holds.
MESSAGES: dict[str, msgspec.Struct] = {
    "alarm_event": ALARM_EVENT,
    "anomaly_event": ANOMALY_EVENT,
    "node_event": NODE_EVENT,
    "intake": INTAKE,
    "receipts": RECEIPTS,
    "order": ORDER,
    "signed_order": SIGNED_ORDER,
    "heartbeat": HEARTBEAT,
    "heartbeat_answer": HEARTBEAT_ANSWER,
    "named_heartbeat_answer": NAMED_HEARTBEAT_ANSWER,
    "summary": SUMMARY,
    "present": PRESENT,
    "inventory": INVENTORY,
    "delegating_inventory": DELEGATING_INVENTORY,
    "readings": READINGS,
    "pair_request": PAIR_REQUEST,
    "pair_answer": PAIR_ANSWER,
    "named_pair_answer": NAMED_PAIR_ANSWER,
    "nodes": NODES,
    "relayed_intake": RELAYED_INTAKE,
}
