-- Where each alarm stands, what the parent has not yet received, and what orders wait for the edge.
CREATE TABLE alarm (
    alarm TEXT PRIMARY KEY, state TEXT NOT NULL, suppression TEXT NOT NULL,
    suppressed_until_ns BIGINT NOT NULL, occurrence BIGINT NOT NULL, revision BIGINT NOT NULL,
    historical INTEGER NOT NULL, entry BLOB NOT NULL
);
CREATE TABLE outbox (
    destination TEXT NOT NULL, seq BIGINT NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (destination, seq)
);
CREATE TABLE dead_letter (
    destination TEXT NOT NULL, seq BIGINT NOT NULL, entry BLOB NOT NULL, reason TEXT NOT NULL,
    at_ns BIGINT NOT NULL, PRIMARY KEY (destination, seq)
);
CREATE TABLE desk_order (
    id TEXT PRIMARY KEY, body BLOB NOT NULL, made_ns BIGINT NOT NULL, done INTEGER NOT NULL DEFAULT 0
);
-- Spool position and alarm state move in one transaction; the snapshot says where a replay starts.
CREATE TABLE position (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY, position BIGINT NOT NULL, body BLOB NOT NULL, made_ns BIGINT NOT NULL
);
