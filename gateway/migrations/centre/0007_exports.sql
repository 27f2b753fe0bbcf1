-- What an export of CAP alerts has said of each alarm that stands: an update must refer to it.
CREATE TABLE export_alert (
    destination TEXT NOT NULL, alarm TEXT NOT NULL, life TEXT NOT NULL, occurrence BIGINT NOT NULL,
    refs BLOB NOT NULL, PRIMARY KEY (destination, alarm)
);
-- Each event asks where its alarm stands; without this that reads all alarms of its owner.
CREATE INDEX mirror_owner_alarm ON mirror (owner, alarm);
-- What people decide about dead letters at the command line, as at an edge.
CREATE TABLE desk_order (
    id TEXT PRIMARY KEY, body BLOB NOT NULL, made_ns BIGINT NOT NULL, done INTEGER NOT NULL DEFAULT 0
);
