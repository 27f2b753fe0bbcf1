"""Leaks that are generated, so that it is known when each began and when it reached its limit."""
