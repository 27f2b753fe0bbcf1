-- Child nodes, how they prove who they are, and what is known of each.
CREATE TABLE node (
    node TEXT PRIMARY KEY, name TEXT NOT NULL, enterprise TEXT NOT NULL, uscc TEXT NOT NULL,
    division TEXT NOT NULL, assigned INTEGER NOT NULL, grid TEXT NOT NULL, public_key TEXT NOT NULL,
    inventory TEXT NOT NULL, refused_division TEXT NOT NULL, fork TEXT NOT NULL,
    paired_ns BIGINT NOT NULL
);
CREATE INDEX node_division ON node (division);
CREATE INDEX node_grid ON node (grid);
CREATE TABLE credential (token_hash TEXT PRIMARY KEY, node TEXT NOT NULL, made_ns BIGINT NOT NULL);
CREATE INDEX credential_node ON credential (node);
CREATE TABLE pairing_code (
    code_hash TEXT PRIMARY KEY, node TEXT NOT NULL, division TEXT NOT NULL,
    expires_ns BIGINT NOT NULL, used_ns BIGINT
);

-- The tree of administrative units: by rows, never by a code's leading digits.
CREATE TABLE division (
    code TEXT PRIMARY KEY, parent TEXT NOT NULL, name TEXT NOT NULL, level TEXT NOT NULL,
    valid_from_ns BIGINT NOT NULL, valid_to_ns BIGINT NOT NULL
);
CREATE INDEX division_parent ON division (parent);

CREATE TABLE account (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, division TEXT NOT NULL,
    departments TEXT NOT NULL, language TEXT NOT NULL, made_ns BIGINT NOT NULL
);
CREATE TABLE session (
    id_hash TEXT PRIMARY KEY, account TEXT NOT NULL, expires_ns BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);

-- Events of the children, byte for byte, in the order they were committed here.
CREATE TABLE event (
    position INTEGER PRIMARY KEY, node TEXT NOT NULL, life TEXT NOT NULL, seq BIGINT NOT NULL,
    epoch TEXT NOT NULL, kind TEXT NOT NULL, alarm TEXT NOT NULL, hazard TEXT NOT NULL,
    hash TEXT NOT NULL, entry BLOB NOT NULL, received_ns BIGINT NOT NULL
);
CREATE UNIQUE INDEX event_identity ON event (node, life, seq);
CREATE INDEX event_node ON event (node, position);
CREATE INDEX event_alarm ON event (node, alarm, position);

-- Lives and epochs in the order in which they first spoke with a credential (0: never themselves).
CREATE TABLE life (
    node TEXT NOT NULL, life TEXT NOT NULL, place BIGINT NOT NULL, first_ns BIGINT NOT NULL,
    PRIMARY KEY (node, life)
);
CREATE TABLE epoch (
    node TEXT NOT NULL, epoch TEXT NOT NULL, place BIGINT NOT NULL, returns BIGINT NOT NULL,
    PRIMARY KEY (node, epoch)
);
-- Runs of sequence numbers that have arrived; what lies between two of them is a gap.
CREATE TABLE span (
    node TEXT NOT NULL, life TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
    PRIMARY KEY (node, life, first)
);

CREATE TABLE mirror (
    node TEXT NOT NULL, alarm TEXT NOT NULL, life TEXT NOT NULL, revision BIGINT NOT NULL,
    seq BIGINT NOT NULL, occurrence BIGINT NOT NULL, state TEXT NOT NULL,
    suppression TEXT NOT NULL, standing INTEGER NOT NULL, priority TEXT NOT NULL,
    tag TEXT NOT NULL, area TEXT NOT NULL, hazard TEXT NOT NULL, rule TEXT NOT NULL,
    raised_ns BIGINT NOT NULL, changed_ns BIGINT NOT NULL, received_ns BIGINT NOT NULL,
    value DOUBLE PRECISION, quality TEXT NOT NULL, entry BLOB NOT NULL, order_id TEXT NOT NULL,
    PRIMARY KEY (node, alarm)
);
CREATE INDEX mirror_standing ON mirror (standing, node);
CREATE INDEX mirror_tag ON mirror (node, tag);
CREATE INDEX mirror_changed ON mirror (changed_ns);

CREATE TABLE area (
    node TEXT NOT NULL, area TEXT NOT NULL, name TEXT NOT NULL, hazard TEXT NOT NULL,
    PRIMARY KEY (node, area)
);
CREATE TABLE point (
    node TEXT NOT NULL, tag TEXT NOT NULL, place BIGINT NOT NULL, area TEXT NOT NULL,
    name TEXT NOT NULL, unit TEXT NOT NULL, low DOUBLE PRECISION, high DOUBLE PRECISION,
    interval_s DOUBLE PRECISION NOT NULL, rules BLOB NOT NULL,
    PRIMARY KEY (node, tag)
);
CREATE TABLE rule (
    node TEXT NOT NULL, alarm TEXT NOT NULL, level TEXT NOT NULL, title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL, PRIMARY KEY (node, alarm)
);

-- A ring of summaries per point: the slot is overwritten when its time comes round again.
CREATE TABLE summary (
    node TEXT NOT NULL, tag TEXT NOT NULL, slot BIGINT NOT NULL, to_ns BIGINT NOT NULL,
    last DOUBLE PRECISION, min DOUBLE PRECISION, max DOUBLE PRECISION, mean DOUBLE PRECISION,
    count BIGINT NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY (node, tag, slot)
);
CREATE TABLE latest (
    node TEXT NOT NULL, tag TEXT NOT NULL, last DOUBLE PRECISION, quality INTEGER NOT NULL,
    source_ns BIGINT NOT NULL, received_ns BIGINT NOT NULL, to_ns BIGINT NOT NULL,
    stale_ns BIGINT NOT NULL, fresh INTEGER NOT NULL,
    PRIMARY KEY (node, tag)
);
CREATE INDEX latest_fresh ON latest (fresh, stale_ns);
CREATE TABLE raw_answer (
    node TEXT NOT NULL, tag TEXT NOT NULL, order_id TEXT NOT NULL, answered_ns BIGINT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (node, tag)
);

CREATE TABLE site_order (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, node TEXT NOT NULL,
    action TEXT NOT NULL, alarm TEXT NOT NULL, tag TEXT NOT NULL, operator TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, created_ns BIGINT NOT NULL,
    expires_ns BIGINT NOT NULL, closed_ns BIGINT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX site_order_node ON site_order (node, status, number);
CREATE INDEX site_order_expiry ON site_order (status, expires_ns);

CREATE TABLE heartbeat (
    node TEXT PRIMARY KEY, life TEXT NOT NULL, epoch TEXT NOT NULL, last_seq BIGINT NOT NULL,
    head TEXT NOT NULL, lag BIGINT NOT NULL, coverage DOUBLE PRECISION NOT NULL,
    clock_ns BIGINT NOT NULL, version TEXT NOT NULL, trouble TEXT NOT NULL,
    received_ns BIGINT NOT NULL, link TEXT NOT NULL
);
CREATE TABLE anchor (
    node TEXT NOT NULL, life TEXT NOT NULL, seq BIGINT NOT NULL, head TEXT NOT NULL,
    anchored_ns BIGINT NOT NULL, PRIMARY KEY (node, life, seq)
);

-- What this tier did itself about a child's alarm: received, questioned, urged, escalated, closed.
CREATE TABLE act (
    number INTEGER PRIMARY KEY AUTOINCREMENT, node TEXT NOT NULL, alarm TEXT NOT NULL,
    occurrence BIGINT NOT NULL, act TEXT NOT NULL, account TEXT NOT NULL, comment TEXT NOT NULL,
    made_ns BIGINT NOT NULL
);

-- What screens are told, in commit order; the position is the id of the event stream.
CREATE TABLE feed (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, node TEXT NOT NULL,
    hazard TEXT NOT NULL, body BLOB NOT NULL
);
