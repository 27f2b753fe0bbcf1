"""From a batch of readings to detections: points, the rules bound to them, and the engine. Edge only."""
