"""Towards the parent and the history: outbox, wire, uplink, downlink, spool, history."""
