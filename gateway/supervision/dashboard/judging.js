/**
 * How a point may be shown. Unknown is not normal: a point is shown as normal only when everything that is needed
 * to say so was said, and recently.
 */

import { foremost, isActive, isSuppressed } from "./ranking.js";
import { pointKey } from "./picture.js";
import { withUnit } from "./words.js";

// The server says when a value stops being fresh; this is for the case that it can no longer say so.
const SILENT_MS = 60_000;

/**
 * @typedef {object} Judgement
 * @property {"normal"|"doubt"|"alarm"} look
 * @property {"normal"|"alarm"|"suppressed"|"stale"|"link"|"never"|"no_data"|"bad"|"uncertain"|"beyond"} why
 * @property {boolean} current whether the value shown is a current one
 * @property {object} [alarm] the foremost alarm of the point
 */

/**
 * Judge one point.
 *
 * @param {object} point its row
 * @param {object} picture {nodes, live} and what is known around it
 * @param {object[]} alarms the alarms of this point
 * @param {number} nowMs the server's time
 * @returns {Judgement}
 */
export function judge(point, { nodes, live }, alarms, nowMs) {
  const doubt = doubtOf(point, nodes.get(point.node), live, nowMs) ?? (alarms.some(saysSilent) ? "no_data" : null);
  const alarm = foremost(alarms.filter((row) => !isSuppressed(row)));
  if (alarm) return { look: "alarm", why: doubt ?? "alarm", current: !doubt, alarm };
  if (doubt) return { look: "doubt", why: doubt, current: false };
  if (alarms.length) return { look: "doubt", why: "suppressed", current: true };
  if (isBeyond(point)) return { look: "doubt", why: "beyond", current: true };
  return { look: "normal", why: "normal", current: true };
}

function doubtOf(point, node, live, nowMs) {
  if (point.received_ms === null || point.received_ms === undefined) return "never";
  if (!live) return "stale";
  if (node?.link !== "up") return "link";
  if (point.quality === "BAD") return "bad";
  if (!point.fresh || nowMs - point.received_ms > SILENT_MS) return "no_data";
  if (point.quality !== "GOOD") return "uncertain";
  if (point.last === null) return "no_data";
  return null;
}

// Past its limit and no alarm: an on-delay runs, or the alarm is still on its way. Either way not normal.
function isBeyond({ last, limits }) {
  const { hh, h, l, ll } = limits;
  const past = (limit, test) => limit !== null && limit !== undefined && test(limit);
  return past(hh, (x) => last >= x) || past(h, (x) => last >= x) || past(l, (x) => last <= x) || past(ll, (x) => last <= x);
}

// The site says so at once; the last value here may be some seconds younger than its silence.
const saysSilent = (alarm) => alarm.level === "no_data" && isActive(alarm);

/**
 * The value of an alarm's point now, with its unit, or "" where no value may be called present.
 *
 * @param {object} alarm its row
 * @param {object} picture
 * @param {object[]} alarms the alarms of this point
 * @param {number} nowMs the server's time
 */
export function presentOf(alarm, { nodes, points, live }, alarms, nowMs) {
  const point = points.get(pointKey(alarm));
  if (!point) return "";
  return judge(point, { nodes, live }, alarms, nowMs).current ? withUnit(point.last, point.unit) : "";
}

/** Alarms by the point they belong to. */
export function alarmsByPoint(alarms) {
  const found = new Map();
  for (const row of alarms) {
    const key = pointKey(row);
    const list = found.get(key);
    if (list) list.push(row);
    else found.set(key, [row]);
  }
  return found;
}
