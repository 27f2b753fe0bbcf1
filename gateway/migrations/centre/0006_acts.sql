-- Who made an order: empty for this centre itself, else a centre above, for which it is passed down.
ALTER TABLE site_order ADD COLUMN origin TEXT NOT NULL DEFAULT '';
-- Which actions a site has delegated to this centre, JSON; empty where it does not say.
ALTER TABLE node ADD COLUMN delegated TEXT NOT NULL DEFAULT '';
-- An act is known by its maker and its id, however often and on whatever way it is told.
ALTER TABLE act ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE act ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE act ADD COLUMN life TEXT NOT NULL DEFAULT '';
UPDATE act SET id = CAST(number AS TEXT);
CREATE UNIQUE INDEX act_identity ON act (origin, id);
CREATE INDEX act_alarm ON act (node, alarm, number);
