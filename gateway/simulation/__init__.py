"""A plant that does not exist: points, payloads, incidents. For demo, tests and benches."""
