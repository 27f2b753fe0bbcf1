"""The pointers of a plan as a trie over the keys of a document, or the finding that they form none.

They form none where one pointer leads into what another reads, or reads the whole document; and a
kernel follows no pointer that is absurdly deep. Such plans are decoded by the judge alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from device_profiles.decode import Plan
from device_profiles.pointer import Step, Steps
from device_profiles.quality import Quality
from device_profiles.schema import Said
from gateway.southbound.decoding._layout import DEEPEST, INNER, LEAF, OBJECT, TIME, UNIT

#: A channel, the quality that a device says it has, and the value that says so.
SaidOf = tuple[int, Quality, Said]


class UnfitError(Exception):
    """A plan that no kernel decodes."""


@dataclass(slots=True, eq=False)
class Node:
    """A key of an object, or an index of a list, on the way to something wanted.

    Parameters
    ----------
    step
        The key and the index that lead here.
    channels, sayings
        What is read here: numbers of channels, and what each value here says of one.
    role
        Bits of INNER, LEAF, TIME, OBJECT and UNIT.
    """

    step: Step
    children: dict[str, Node] = field(default_factory=dict)
    channels: list[int] = field(default_factory=list)
    sayings: list[SaidOf] = field(default_factory=list)
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
        for saying, means in (
            (bound.fault, Quality.DEVICE_FAULT),
            (bound.warming, Quality.WARMING_UP),
        ):
            if saying is not None:
                leaf = root.at(saying.steps)
                leaf.role |= LEAF
                leaf.sayings += [(number, means, value) for _, value in saying.values]
    _grow_units(root, plan)
    if plan.time is not None:
        root.at(plan.time).role |= LEAF | TIME
    if plan.payload == "chirpstack":
        root.at((("object", -1),)).role |= OBJECT
    if root.role & LEAF:
        raise UnfitError
    return root


def _grow_units(root: Node, plan: Plan) -> None:
    """Add what every channel with its unit at a place takes there; the judge sees to the rest."""
    shared: dict[Steps, frozenset[tuple[bool, Said]]] = {}
    for bound in plan.bound:
        if bound.unit is not None:
            steps, values = bound.unit.steps, bound.unit.values
            shared[steps] = shared.get(steps, values) & values
    for steps, values in shared.items():
        if not values:
            raise UnfitError
        leaf = root.at(steps)
        leaf.role |= LEAF | UNIT
        leaf.sayings += [(0, Quality.GOOD, value) for _, value in values]
