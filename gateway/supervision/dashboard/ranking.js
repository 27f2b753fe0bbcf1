/**
 * In which order alarms stand, and when that order holds still.
 *
 * Unacknowledged first, then priority, then what is still true before what is over, then the newest. A list
 * that re-sorts under the pointer makes an operator acknowledge the wrong alarm, so while it is being used
 * rows keep their places: new ones join at the end (and are announced above), ended ones stay as a grey
 * remainder until the hold ends.
 */

/** The priorities, the gravest first. */
export const PRIORITIES = ["critical", "high", "medium", "low"];

/** A priority that this version knows: any other counts as the gravest, and must not sink, fall silent or pale. */
export const priorityOf = (name) => (PRIORITIES.includes(name) ? name : PRIORITIES[0]);

const rankOf = (priority) => PRIORITIES.indexOf(priorityOf(priority));

const SETTLED = new Set(["NORM", "ACKED", "LACKED"]);
const ACTIVE = new Set(["UNACK", "ACKED"]);

/** One name for one alarm of one node. */
export const keyOf = (row) => `${row.node}\n${row.alarm}`;

/** Whether something stands beside the state that keeps the alarm from being annunciated. */
export const isSuppressed = (row) => row.suppression !== "NONE";

/** Whether an operator still has to acknowledge it. */
export const isUnacknowledged = (row) => !SETTLED.has(row.state) && !isSuppressed(row);

/** Whether the condition itself is true. */
export const isActive = (row) => ACTIVE.has(row.state);

const group = (row) => (isSuppressed(row) ? 2 : isUnacknowledged(row) ? 0 : 1);

const over = (row) => (isActive(row) ? 0 : 1);
const byPriority = (a, b) => rankOf(a.priority) - rankOf(b.priority);
const byAge = (a, b) => b.raised_ms - a.raised_ms || (keyOf(a) < keyOf(b) ? -1 : 1);

/** Compare two alarms for the list: what asks for a hand comes first. */
export const byUrgency = (a, b) => group(a) - group(b) || byPriority(a, b) || over(a) - over(b) || byAge(a, b);

/** Compare two alarms of one point for its tile: what is true now is never hidden by what is over. */
export const byDanger = (a, b) => over(a) - over(b) || byPriority(a, b) || group(a) - group(b) || byAge(a, b);

const first = (rows, order) => rows.reduce((best, row) => (!best || order(row, best) < 0 ? row : best), undefined);

/** The gravest of some alarms, or undefined. */
export const gravest = (rows) => first(rows, byUrgency);

/** Of the alarms of one point the one that says most of its present state, or undefined. */
export const foremost = (rows) => first(rows, byDanger);

/** An order of rows that can be held still. */
export class HeldOrder {
  #rows = [];

  /**
   * Bring rows into order.
   *
   * @param {object[]} alarms what there is now
   * @param {boolean} held whether rows must keep their places
   * @returns {{rows: object[], fresh: object[]}} the rows (ended ones with `gone`), and those not yet in their place
   */
  arrange(alarms, held) {
    if (!held) {
      this.#rows = [...alarms].sort(byUrgency);
      return { rows: this.#rows, fresh: [] };
    }
    const present = new Map(alarms.map((row) => [keyOf(row), row]));
    const placed = new Set(this.#rows.map(keyOf));
    const kept = this.#rows.map((row) => present.get(keyOf(row)) ?? { ...row, gone: true });
    const fresh = alarms.filter((row) => !placed.has(keyOf(row))).sort(byUrgency);
    return { rows: [...kept, ...fresh], fresh };
  }
}
