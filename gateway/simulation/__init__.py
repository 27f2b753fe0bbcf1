"""A plant that does not exist: its points, its devices' payloads, its incidents. For demo, tests, benches."""
