"""Declarative device types: what a device sends, and the value and quality of each channel."""
