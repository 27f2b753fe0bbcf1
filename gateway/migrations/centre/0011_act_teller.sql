-- By whom alone an act is told that nothing here bears out: the site; empty for a true one. What a
-- site tells never takes the place of what the maker does.
ALTER TABLE act ADD COLUMN teller TEXT NOT NULL DEFAULT '';
DROP INDEX act_identity;
CREATE UNIQUE INDEX act_identity ON act (origin, id, teller);
-- Of acts that are known already: those whose maker sent no event about the alarm, and whose order
-- did not pass here.
UPDATE act SET teller = node WHERE origin <> '' AND origin <> node
AND NOT EXISTS (SELECT 1 FROM site_order o WHERE o.id = act.id AND o.node = act.node)
AND NOT EXISTS (
    SELECT 1 FROM event e WHERE e.node = act.origin AND e.alarm = act.alarm AND e.kind = 'act'
);
