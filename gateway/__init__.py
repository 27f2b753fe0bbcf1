"""hazgate: an edge gateway for high-hazard sites, and the supervision tiers above it."""

__version__ = "0.1.0"
