"""Exports: readings and alarms in the formats of other systems."""
