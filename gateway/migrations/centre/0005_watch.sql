-- The centre's own alarms about its children: where each stands (as at an edge), and which entries of
-- the own journal are theirs. In the mirror they stand under the child; `owner` is whose they are.
CREATE TABLE alarm (
    alarm TEXT PRIMARY KEY, state TEXT NOT NULL, suppression TEXT NOT NULL,
    suppressed_until_ns BIGINT NOT NULL, occurrence BIGINT NOT NULL, revision BIGINT NOT NULL,
    historical INTEGER NOT NULL, entry BLOB NOT NULL
);
CREATE INDEX alarm_suppressed ON alarm (suppressed_until_ns);
CREATE TABLE child_event (seq BIGINT PRIMARY KEY, node TEXT NOT NULL, alarm TEXT NOT NULL);
CREATE INDEX child_event_node ON child_event (node, seq);
ALTER TABLE mirror ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN rewritten TEXT NOT NULL DEFAULT '';

-- On-line time: when the centre itself was watching, and when links went up and down meanwhile.
CREATE TABLE watched (
    number INTEGER PRIMARY KEY AUTOINCREMENT, from_ns BIGINT NOT NULL, until_ns BIGINT NOT NULL
);
CREATE INDEX watched_until ON watched (until_ns);
CREATE TABLE link_change (
    number INTEGER PRIMARY KEY AUTOINCREMENT, watched BIGINT NOT NULL, node TEXT NOT NULL,
    at_ns BIGINT NOT NULL, up INTEGER NOT NULL
);
CREATE INDEX link_change_node ON link_change (node, watched, number);
