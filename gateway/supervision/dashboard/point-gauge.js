/**
 * A value among its limits, seen before it is read: where the pointer stands says how far the limit is.
 *
 * Drawn in attributes only, since the content security policy forbids styles in markup. Without a limit
 * there is no gauge: a scale that means nothing would look like one that does.
 */

import { css, nothing, svg, html } from "lit";

const WIDTH = 100;
// The part of the scale that lies beyond an outermost limit, as a share of what lies within.
const BEYOND = 0.3;

const isFigure = (value) => Number.isFinite(value);

/**
 * The scale of a point: from its lowest limit to its highest, with room beyond, within what it can measure.
 *
 * @param {object} point its row
 * @returns {{from: number, to: number, low: number|undefined, high: number|undefined}|null} the innermost limits stand in `low` and `high`
 */
export function scaleOf({ limits, low, high }) {
  const above = [limits.h, limits.hh].filter(isFigure);
  const below = [limits.l, limits.ll].filter(isFigure);
  if (!above.length && !below.length) return null;
  const top = above.length ? Math.max(...above) : high;
  const bottom = below.length ? Math.min(...below) : Math.min(low ?? 0, top);
  if (!isFigure(top) || !isFigure(bottom) || top <= bottom) return null;
  const room = (top - bottom) * BEYOND;
  return {
    from: below.length ? Math.max(bottom - room, low ?? -Infinity) : bottom,
    to: above.length ? Math.min(top + room, high ?? Infinity) : top,
    low: below.length ? Math.max(...below) : undefined,
    high: above.length ? Math.min(...above) : undefined,
  };
}

/**
 * The gauge of a point.
 *
 * @param {object} point its row
 * @param {boolean} current whether the value may be trusted; an old one has no pointer
 */
export function gauge(point, current) {
  const scale = scaleOf(point);
  if (!scale || scale.to <= scale.from) return nothing;
  const place = (value) => (Math.min(Math.max((value - scale.from) / (scale.to - scale.from), 0), 1) * WIDTH).toFixed(2);
  const start = scale.low === undefined ? "0" : place(scale.low);
  const end = scale.high === undefined ? String(WIDTH) : place(scale.high);
  const ticks = ["hh", "h", "l", "ll"].map((level) => point.limits[level]).filter(isFigure);
  return html`<svg class="gauge" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
    <rect class="beyond" x="0" y="3" width="100" height="4"/>
    <rect class="within" x=${start} y="3" width=${(end - start).toFixed(2)} height="4"/>
    ${ticks.map((value) => svg`<rect class="tick" x=${place(value) - 0.5} y="1" width="1" height="8"/>`)}
    ${current && isFigure(point.last) ? svg`<rect class="pointer" x=${Math.min(Math.max(place(point.last) - 1.5, 0), WIDTH - 3)} y="0" width="3" height="10"/>` : nothing}
  </svg>`;
}

/** Styles for gauges. */
export const gaugeStyle = css`
  .gauge { display: block; width: 100%; height: 10px; }
  .gauge .within { fill: #d3d9de; }
  .gauge .beyond { fill: #9aa4ad; }
  .gauge .tick { fill: #5d6871; }
  .gauge .pointer { fill: var(--text); }
`;
