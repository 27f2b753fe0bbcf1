-- Which alarm a row of the outbox speaks for, so that one that moves now can send what it has waiting
-- first; and how much waits for each receiver, so that nobody has to count it.
ALTER TABLE outbox ADD COLUMN alarm TEXT NOT NULL DEFAULT '';
UPDATE outbox SET alarm = COALESCE(json_extract(CAST(entry AS TEXT), '$.alarm'), '');
CREATE INDEX outbox_alarm ON outbox (destination, alarm, seq);
CREATE TABLE outbox_size (
    destination TEXT PRIMARY KEY, events BIGINT NOT NULL, bytes BIGINT NOT NULL, shed BIGINT NOT NULL
);
INSERT INTO outbox_size (destination, events, bytes, shed)
SELECT destination, COUNT(*), SUM(LENGTH(entry)), 0 FROM outbox GROUP BY destination;
