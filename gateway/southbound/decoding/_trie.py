"""The pointers of a plan as a trie over the keys of a document, or the finding that they form none.

They form none where one pointer leads into what another reads, or reads the whole document; and a
kernel follows no pointer that is absurdly deep. Such plans are decoded by the judge alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from device_profiles.decode import Plan
from device_profiles.pointer import Step, Steps
from gateway.southbound.decoding._layout import DEEPEST, INNER, LEAF, OBJECT, TIME

Fault = tuple[int, str | int | float]


class UnfitError(Exception):
    """A plan that no kernel decodes."""


@dataclass(slots=True, eq=False)
class Node:
    """A key of an object, or an index of a list, on the way to something wanted.

    Parameters
    ----------
    step
        The key and the index that lead here.
    channels, faults
        What is read here: numbers of channels, and for each of its flags the channel and the value
        that means a fault.
    role
        Bits of INNER, LEAF, TIME and OBJECT.
    """

    step: Step
    children: dict[str, Node] = field(default_factory=dict)
    channels: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    role: int = INNER

    def at(self, steps: Steps) -> Node:
        """Return the node that `steps` lead to, made where there is none."""
        if len(steps) > DEEPEST:
            raise UnfitError
        node = self
        for step in steps:
            node = node.children.setdefault(step[0], Node(step))
        return node


def grow(plan: Plan) -> Node:
    """Return the root of a plan's trie.

    Raises
    ------
    UnfitError
        Its pointers form none.
    """
    root = Node(("", -1))
    for number, bound in enumerate(plan.bound):
        leaf = root.at(bound.steps)
        leaf.role |= LEAF
        leaf.channels.append(number)
        if bound.fault_steps is not None:
            leaf = root.at(bound.fault_steps)
            leaf.role |= LEAF
            leaf.faults += [(number, value) for _, value in bound.faults]
    if plan.time is not None:
        root.at(plan.time).role |= LEAF | TIME
    if plan.payload == "chirpstack":
        root.at((("object", -1),)).role |= OBJECT
    if root.role & LEAF:
        raise UnfitError
    return root
