-- Where the spool holds nothing, and an event tells of it, or will: what else is missing is damage.
CREATE TABLE spool_hole (position BIGINT PRIMARY KEY, size BIGINT NOT NULL);
-- An older program kept no such list: what lies before is not judged.
INSERT INTO spool_hole (position, size)
    SELECT 0, value FROM position WHERE name = 'spool' AND value > 0;
-- Readings that were shed and that no event has told of yet, by reason.
CREATE TABLE shed_untold (why TEXT PRIMARY KEY, readings BIGINT NOT NULL);
