-- While the outbox of a new parent is filled with what came before: what was put into it ahead of
-- its turn, and alarms whose past is wanted first since they moved meanwhile.
CREATE TABLE outbox_ahead (
    position BIGINT PRIMARY KEY, node TEXT NOT NULL, alarm TEXT NOT NULL
);
CREATE INDEX outbox_ahead_alarm ON outbox_ahead (node, alarm, position);
CREATE TABLE outbox_owed (
    node TEXT NOT NULL, alarm TEXT NOT NULL, PRIMARY KEY (node, alarm)
);
