"""Declarative device types: what a device sends, and how each channel becomes a value with a quality."""
