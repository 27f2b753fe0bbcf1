-- Where the spool holds nothing, and an event has told of it: what else is missing there is damage.
CREATE TABLE spool_hole (position BIGINT PRIMARY KEY, size BIGINT NOT NULL);
