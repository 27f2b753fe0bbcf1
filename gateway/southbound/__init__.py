"""The front door to the sensors: broker session, topics, payloads, silence. Edge only."""
