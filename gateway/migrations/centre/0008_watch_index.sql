-- What the watch looks for each second is found by an index: values that seem to come from the
-- future, and copies that nobody has received after the last step of their route.
CREATE INDEX latest_received ON latest (fresh, received_ns);
CREATE INDEX copy_escalated ON copy (escalated_to, receipt_ns, escalated_ns, node);
