"""What the screens are shown, as rows of plain values; every time is in milliseconds.

A row is made from one committed state, for the answer of a request and for the feed alike, so
that what a screen loads and what it is told later are the same thing.
"""
