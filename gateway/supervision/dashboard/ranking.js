/**
 * In which order alarms stand, and when that order holds still.
 *
 * Unacknowledged first, then priority, then the newest. A list that re-sorts under the pointer makes an
 * operator acknowledge the wrong alarm, so while it is being used rows keep their places: new ones
 * join at the end (and are announced above), ended ones stay as a grey remainder until the hold ends.
 */

/** The priorities, the gravest first. */
export const PRIORITIES = ["critical", "high", "medium", "low"];

// What this version does not know is treated as the gravest there is: it must not sink in the list.
const rankOf = (priority) => Math.max(0, PRIORITIES.indexOf(priority));

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

/** Compare two alarms for the list. */
export function byUrgency(a, b) {
  return (
    group(a) - group(b) ||
    rankOf(a.priority) - rankOf(b.priority) ||
    b.raised_ms - a.raised_ms ||
    (keyOf(a) < keyOf(b) ? -1 : 1)
  );
}

/** The gravest of some alarms, or undefined. */
export const gravest = (rows) => rows.reduce((worst, row) => (!worst || byUrgency(row, worst) < 0 ? row : worst), undefined);

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
