-- What an export of CAP alerts has said of each alarm that stands: an update must refer to it.
CREATE TABLE export_alert (
    destination TEXT NOT NULL, alarm TEXT NOT NULL, life TEXT NOT NULL, occurrence BIGINT NOT NULL,
    refs BLOB NOT NULL, PRIMARY KEY (destination, alarm)
);
-- Each event asks where its alarm stands; without this that reads all alarms of its owner.
CREATE INDEX mirror_owner_alarm ON mirror (owner, alarm);
