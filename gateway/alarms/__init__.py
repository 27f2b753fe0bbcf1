"""Alarms after ISA-18.2 / IEC 62682: what may alarm, its life, and who moved it, for every tier."""
