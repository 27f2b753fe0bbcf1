/**
 * Alarms, points and figures in words: what a row, a tile, a dialog and a screen reader all say alike.
 */

import { ageText, timeText } from "./clock.js";
import { either, known, t } from "./i18n.js";
import { isActive, isSuppressed, priorityOf } from "./ranking.js";

const UNITS = new Map([["1", ""], ["degC", "°C"], ["mg/m3", "mg/m³"], ["g/m3", "g/m³"], ["m3/h", "m³/h"], ["ug/m3", "µg/m³"]]);
const TEXT_DIGITS = 4;

/** A unit as people write it. */
export const unitText = (unit) => UNITS.get(unit) ?? unit ?? "";

/** A figure with four significant digits at most, or a dash. */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  if (Math.abs(value) >= 10 ** TEXT_DIGITS) return String(Math.round(value));
  return String(Number(value.toPrecision(TEXT_DIGITS)));
}

/** A figure with its unit. */
export const withUnit = (value, unit) => `${figure(value)} ${unitText(unit)}`.trim();

/** Whether an alarm or a choice concerns a gateway itself and none of its points. */
export const isOwn = (row) => row.tag?.startsWith("@") ?? false;

/** Whether a centre, and not the gateway, says it: then it is true also while the link is lost. */
export const isOfCentre = (row) => isOwn(row) && row.tag !== "@node";

/** A gateway's own trouble in words; it is told by the name of its rule, and what has no words here stays as it is. */
export const troubleText = (rule) => known(`own.${rule}`) || rule;

/** What the alarm is about: the rule's title, or what its level means, or its name. */
export const titleOf = (row) =>
  either(row.title_zh, row.title_en) || (row.level && known(`title.${row.level}`)) || (isOwn(row) ? troubleText(row.rule) : row.rule);

/** Which kind of condition: HH, high, trend, no data … */
export function levelOf(row) {
  if (row.level) return t(`level.${row.level}`);
  return isOwn(row) ? t("level.node") : "";
}

/** Where: tag, point, area. */
export const placeOf = (row) =>
  [isOfCentre(row) ? t("gateway.seen") : isOwn(row) ? t("gateway.itself") : row.tag, row.point_name, row.area_name || row.area].filter(Boolean).join(" · ");

/** Whose. */
export const siteOf = (row) => [row.enterprise, row.node_name].filter((name, i, all) => name && all.indexOf(name) === i).join(" · ");

/** The process state, in words. */
export const stateOf = (row) => t(`state.${row.state}`);

/** What stands beside the state, in words, or "". */
export const suppressionOf = (row) => (isSuppressed(row) ? t(`suppression.${row.suppression}`) : "");

/** Value against limit, or the time to the limit. */
export function figuresOf(row, nowMs) {
  const limit = withUnit(row.limit, row.unit);
  if (row.level === "no_data") return isActive(row) ? t("what.no_data", { age: ageText(nowMs - row.raised_ms) }) : "";
  const value = row.value === null ? "" : withUnit(row.value, row.unit);
  if (row.level === "trend" && row.predicted_ms && isActive(row)) {
    const ahead = row.predicted_ms - nowMs;
    const reach =
      ahead > 0
        ? t("what.trend", { age: about(ahead), limit })
        : t("what.trend.due", { time: timeText(row.predicted_ms, nowMs), limit });
    return [value, reach].filter(Boolean).join(t("comma"));
  }
  if (row.limit === null) return value;
  return t("what.limit", { value: value || "—", limit });
}

/** Whom an anomaly of many points owes most to, the greatest first, or "" where it is none. */
export const owesOf = (row) =>
  (row.contributions ?? [])
    .map(({ tag, offset }) => (offset === null ? tag : t("row.owes.one", { tag, offset: `${offset < 0 ? "" : "+"}${offset.toFixed(1)}` })))
    .join(t("comma"));

function about(ms) {
  const minutes = ms / 60_000;
  if (minutes < 1) return t("about.s", { n: Math.max(10, Math.round(ms / 10_000) * 10) });
  if (minutes < 90) return t("about.m", { n: Math.round(minutes) });
  return t("about.h", { n: Math.round(minutes / 60) });
}

/** One sentence for a screen reader. */
export const sentenceOf = (row) =>
  t("list.announce", {
    priority: t(`priority.${priorityOf(row.priority)}`),
    what: [titleOf(row), levelOf(row)].filter(Boolean).join(" "),
    where: [placeOf(row), siteOf(row)].filter(Boolean).join(" · "),
  });

/** Everything of a row that a filter may look for, in lower case. */
export const haystackOf = (row) =>
  [row.alarm, row.tag, row.point_name, row.area, row.area_name, row.node, row.node_name, row.enterprise,
    row.title_zh, row.title_en, titleOf(row), row.rule, row.standard, t(`hazard.${row.hazard}`)].join("\n").toLowerCase();
