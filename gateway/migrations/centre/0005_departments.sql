-- Departments beside this tier, and to which of them an alarm is copied: a row for each department,
-- hazard class ('*': every one, and what is of none) and division, with everything under it.
CREATE TABLE department (
    department TEXT PRIMARY KEY, name TEXT NOT NULL, division TEXT NOT NULL, hazards TEXT NOT NULL
);
CREATE TABLE route (
    number INTEGER PRIMARY KEY, department TEXT NOT NULL, hazard TEXT NOT NULL,
    division TEXT NOT NULL, rank INTEGER NOT NULL, receipt_ns BIGINT NOT NULL, steps TEXT NOT NULL
);
CREATE INDEX route_division ON route (division, hazard);

-- One copy per occurrence of an alarm and department. `steps` are who hears of it next when no
-- receipt comes; 0 stands for what has not happened.
CREATE TABLE copy (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, node TEXT NOT NULL,
    alarm TEXT NOT NULL, life TEXT NOT NULL, occurrence BIGINT NOT NULL, department TEXT NOT NULL,
    hazard TEXT NOT NULL, priority TEXT NOT NULL, tag TEXT NOT NULL, rule TEXT NOT NULL,
    made_ns BIGINT NOT NULL, due_ns BIGINT NOT NULL, receipt_allowed_ns BIGINT NOT NULL,
    steps TEXT NOT NULL, sent_by TEXT NOT NULL, receipt_ns BIGINT NOT NULL,
    account TEXT NOT NULL, comment TEXT NOT NULL, escalated_ns BIGINT NOT NULL,
    escalated_to TEXT NOT NULL
);
CREATE UNIQUE INDEX copy_identity ON copy (node, alarm, life, occurrence, department);
CREATE INDEX copy_due ON copy (receipt_ns, escalated_ns, due_ns);
ALTER TABLE account ADD COLUMN department TEXT NOT NULL DEFAULT '';
