"""Other programs under the same load: one module a peer, `measure` puts them beside the edge.

What runs inside a peer's own environment (`tally`, the three clients) imports the standard library
and that peer alone.
"""


class PeerError(Exception):
    """A peer could not be installed, started or made to work; the message says why."""
