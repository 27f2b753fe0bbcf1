"""From readings to detections: points, the rules bound to them, the engine. Edge only."""
