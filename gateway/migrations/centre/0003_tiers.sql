-- A node may speak through a child of this centre: `via` is that child, empty where it speaks here
-- itself, and its own id for the centre's own row. A child `relays` when it was invited as a centre.
ALTER TABLE node ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN relays INTEGER NOT NULL DEFAULT 0;
-- The life and the number up to which the last present state told everything.
ALTER TABLE node ADD COLUMN present_life TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN present_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX node_via ON node (via);
ALTER TABLE pairing_code ADD COLUMN relays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN via TEXT NOT NULL DEFAULT '';

-- What a relaying child says of a node's link (empty for one that is heard here), behind whom it is
-- unknown, and the time by the node's own clock of its last heartbeat.
ALTER TABLE heartbeat ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE heartbeat ADD COLUMN behind TEXT NOT NULL DEFAULT '';
ALTER TABLE heartbeat ADD COLUMN beat_ns BIGINT NOT NULL DEFAULT 0;

-- Inventories as they came, to be passed on.
CREATE TABLE inventory (node TEXT PRIMARY KEY, body BLOB NOT NULL);
-- Nodes that a child may not speak for, and why: what it sends of them is refused, not awaited.
CREATE TABLE relay_refusal (
    via TEXT NOT NULL, node TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (via, node)
);

-- What this centre's own parent has not yet received.
CREATE TABLE outbox (
    destination TEXT NOT NULL, seq BIGINT NOT NULL, entry BLOB NOT NULL,
    alarm TEXT NOT NULL DEFAULT '', PRIMARY KEY (destination, seq)
);
CREATE INDEX outbox_alarm ON outbox (destination, alarm, seq);
CREATE TABLE outbox_size (
    destination TEXT PRIMARY KEY, events BIGINT NOT NULL, bytes BIGINT NOT NULL, shed BIGINT NOT NULL
);
CREATE TABLE dead_letter (
    destination TEXT NOT NULL, seq BIGINT NOT NULL, entry BLOB NOT NULL, reason TEXT NOT NULL,
    at_ns BIGINT NOT NULL, PRIMARY KEY (destination, seq)
);

-- Who answers for a division, above all for a grid cell.
ALTER TABLE division ADD COLUMN responsible TEXT NOT NULL DEFAULT '';
ALTER TABLE division ADD COLUMN telephone TEXT NOT NULL DEFAULT '';
