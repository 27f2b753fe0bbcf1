-- The centre's own alarms about its children: where each stands (as at an edge). In the mirror, and
-- in the journal of a node, such an alarm stands under the child; `owner` is whose it is.
CREATE TABLE alarm (
    alarm TEXT PRIMARY KEY, state TEXT NOT NULL, suppression TEXT NOT NULL,
    suppressed_until_ns BIGINT NOT NULL, occurrence BIGINT NOT NULL, revision BIGINT NOT NULL,
    historical INTEGER NOT NULL, entry BLOB NOT NULL
);
CREATE INDEX alarm_suppressed ON alarm (suppressed_until_ns);
CREATE TABLE child_event (position BIGINT PRIMARY KEY, node TEXT NOT NULL, alarm TEXT NOT NULL);
CREATE INDEX child_event_node ON child_event (node, position);
ALTER TABLE mirror ADD COLUMN owner TEXT NOT NULL DEFAULT '';
UPDATE mirror SET owner = node;
CREATE INDEX mirror_owner ON mirror (owner, standing);
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
