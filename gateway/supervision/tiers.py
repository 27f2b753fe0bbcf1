"""Who sees what: `visible_nodes` is the only function that decides, and every query passes it.

Divisions are a tree of rows, each naming its parent. A code's digits mean nothing here: 331000
does not contain 331100 unless a row says so. A park may lie under a county and cross codes; a
grid cell is a child of a division and adds nobody from another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.db import Database, Row

CHUNK = 500
#: The class of what names an alarm or a point that is not known here. No department has it, so
#: only those in charge of everything are shown such a thing.
UNKNOWN_HAZARD = "?"


class Role(StrEnum):
    """What an account may do; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def includes(self, other: Role) -> bool:
        """Return whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: an account as it stands now.

    Parameters
    ----------
    division
        Code of the division whose nodes are seen, with all divisions under it; empty means every
        division for an administrator, and none for anybody else.
    departments
        Hazard classes the account is in charge of; empty means all of them.
    department
        The department it belongs to, as the file of departments names it: it gives the receipts of
        that one.
    """

    name: str
    role: Role
    division: str
    departments: tuple[str, ...] = ()
    language: str = "zh-CN"
    department: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The nodes and hazard classes of one subject at one instant."""

    nodes: frozenset[str]
    hazards: frozenset[str]

    def sees(self, node: str, hazard: str = "") -> bool:
        """Return whether a thing of this node and hazard class (empty: of none) may be shown."""
        return node in self.nodes and (not hazard or not self.hazards or hazard in self.hazards)

    def select(
        self,
        database: Database,
        sql: str,
        *,
        node: str = "",
        hazard: str = "",
        extra: tuple[Any, ...] = (),
    ) -> Iterator[Row]:
        """Run `sql`, whose ``{nodes}`` stands for the visible nodes, in pieces the store can take.

        Parameters
        ----------
        node
            Only this node (nothing, when it is not visible).
        hazard
            What a row's hazard class is in SQL, for the condition ``{hazards}`` that it may be
            shown; it stands after ``{nodes}``.
        extra
            Parameters that follow those of the nodes and hazard classes.
        """
        nodes = sorted(self.nodes) if not node else sorted(self.nodes & {node})
        shown = ("", *sorted(self.hazards)) if hazard and self.hazards else ()
        sql = sql.replace("{hazards}", f"{hazard} IN ({marks(shown)})" if shown else "1 = 1")
        for start in range(0, len(nodes), CHUNK):
            piece = nodes[start : start + CHUNK]
            yield from database.execute(
                sql.replace("{nodes}", marks(piece)), (*piece, *shown, *extra)
            )


def marks(values: Sequence[str]) -> str:
    """Return one SQL parameter mark for each value."""
    return ", ".join("?" * len(values))


def subtree(database: Database, code: str, *, at_ns: int) -> frozenset[str]:
    """Return the codes of a division and of everything under it that is valid at an instant."""
    rows = database.execute(
        "WITH RECURSIVE below (code) AS ("
        "SELECT code FROM division WHERE code = ? AND valid_from_ns <= ? AND valid_to_ns > ? "
        "UNION SELECT d.code FROM division d JOIN below b ON d.parent = b.code "
        "WHERE d.valid_from_ns <= ? AND d.valid_to_ns > ?) SELECT code FROM below",
        (code, at_ns, at_ns, at_ns, at_ns),
    )
    codes = {row[0] for row in rows}
    if not codes and not database.execute("SELECT 1 FROM division WHERE code = ?", (code,)):
        # A code that no row describes contains itself and nothing else.
        codes.add(code)
    return frozenset(codes)


def visible_nodes(database: Database, subject: Subject, *, at_ns: int) -> frozenset[str]:
    """Return the ids of the nodes a subject may see; nothing else in the centre decides this."""
    if not subject.division:
        if subject.role is not Role.ADMINISTRATOR:
            return frozenset()
        return frozenset(row[0] for row in database.execute("SELECT node FROM node"))
    codes = subtree(database, subject.division, at_ns=at_ns)
    return frozenset(_nodes_of(database, codes))


def scope_of(database: Database, subject: Subject, *, at_ns: int) -> Scope:
    """Return what a subject may see: its nodes, and the hazard classes of its departments."""
    return Scope(visible_nodes(database, subject, at_ns=at_ns), frozenset(subject.departments))


def governs(database: Database, subject: Subject, division: str, *, at_ns: int) -> bool:
    """Return whether an administrator's own division contains `division`."""
    if not subject.division:
        return subject.role is Role.ADMINISTRATOR
    return division in subtree(database, subject.division, at_ns=at_ns)


def may_give(subject: Subject, departments: tuple[str, ...]) -> bool:
    """Return whether all of these departments (empty: every one) are the subject's own."""
    own = set(subject.departments)
    return not own or (bool(departments) and own.issuperset(departments))


def governs_account(database: Database, subject: Subject, other: Subject, *, at_ns: int) -> bool:
    """Return whether an administrator rules over an account: it reaches nowhere beyond its own."""
    within = governs(database, subject, other.division, at_ns=at_ns)
    return within and may_give(subject, other.departments)


def _nodes_of(database: Database, codes: Iterable[str]) -> Iterator[str]:
    listed = sorted(codes)
    # A node states its grid cell itself, so the cell counts only inside the node's own division.
    for sql in (
        "SELECT node FROM node WHERE division IN ({codes})",
        (
            "SELECT n.node FROM node n JOIN division d ON d.code = n.grid "
            "AND d.parent = n.division WHERE n.grid IN ({codes})"
        ),
    ):
        for start in range(0, len(listed), CHUNK):
            piece = listed[start : start + CHUNK]
            for (node,) in database.execute(sql.replace("{codes}", marks(piece)), piece):
                yield node
