-- The node itself, and its journal: the same three tables in every store.
CREATE TABLE node_self (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE journal (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash TEXT NOT NULL);
CREATE TABLE journal_segment (
    last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, before TEXT NOT NULL,
    head TEXT NOT NULL, signed_ns BIGINT NOT NULL, public_key TEXT NOT NULL, signature BLOB NOT NULL
);
CREATE TABLE journal_anchor (
    seq INTEGER PRIMARY KEY, head TEXT NOT NULL, anchored_ns BIGINT NOT NULL, parent TEXT NOT NULL
);
