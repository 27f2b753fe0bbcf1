"""The departments and routes in the store, and which accounts may belong to a department."""

from __future__ import annotations

import json

from gateway.db import Database
from gateway.journal import digest
from gateway.supervision.departments import DepartmentFile, rows_of
from gateway.supervision.tiers import Subject, subtree
from gateway.supervision.write import Write


def take(write: Write, content: DepartmentFile) -> bool:
    """Make these the departments; return whether anything changed (then it is journalled)."""
    departments = sorted(
        (each.id, each.name, each.division, json.dumps(each.hazards)) for each in content.department
    )
    routes = list(rows_of(content))
    known = write.execute(
        "SELECT department, name, division, hazards FROM department ORDER BY department"
    )
    known_routes = write.execute(
        "SELECT department, hazard, division, rank, receipt_ns, steps FROM route ORDER BY number"
    )
    if departments == known and routes == known_routes:
        return False
    write.execute("DELETE FROM department")
    write.execute("DELETE FROM route")
    write.database.execute_many(
        "INSERT INTO department (department, name, division, hazards) VALUES (?, ?, ?, ?)",
        departments,
    )
    write.database.execute_many(
        "INSERT INTO route (department, hazard, division, rank, receipt_ns, steps) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        routes,
    )
    hashed = digest(repr((departments, routes)).encode())
    write.journal(
        "departments",
        detail={"departments": len(departments), "routes": len(routes), "digest": hashed},
    )
    return True


def why_not(database: Database, subject: Subject, *, at_ns: int) -> str:
    """Return why an account cannot belong to the department it names; empty where it can.

    It sees no more than the department is in charge of, and stands in its division or under it.
    """
    if not subject.department:
        return ""
    where = f"account {subject.name}: department {subject.department}"
    rows = database.execute(
        "SELECT division, hazards FROM department WHERE department = ?", (subject.department,)
    )
    if not rows:
        return f"{where} is not in the file of departments; name one of it"
    division, hazards = rows[0][0], set(json.loads(rows[0][1]))
    if subject.division not in subtree(database, division, at_ns=at_ns):
        return f"{where} stands in division {division}; give the account that or one under it"
    own = set(subject.departments)
    if hazards and not (own and own <= hazards):
        return f"{where} is in charge of {', '.join(sorted(hazards))}; give departments of these"
    return ""
