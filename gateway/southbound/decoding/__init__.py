"""Payloads to values in bulk: JSON bytes straight into arrays, with `Plan.decode` as the judge."""
