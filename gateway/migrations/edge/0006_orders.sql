-- Orders that have ended in an event, by their maker: none is carried out a second time.
CREATE TABLE ended_order (
    origin TEXT NOT NULL, id TEXT NOT NULL, ended_ns BIGINT NOT NULL, PRIMARY KEY (origin, id)
);
CREATE INDEX ended_order_time ON ended_order (ended_ns);
