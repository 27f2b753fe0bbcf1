/** What all components share in looks: buttons, focus, hidden text, the mark of a priority. */

import { css, html, svg } from "lit";
import { t } from "./i18n.js";
import { priorityOf } from "./ranking.js";

const SHAPES = {
  critical: svg`<rect x="2" y="2" width="20" height="20" rx="2"/>`,
  high: svg`<path d="M12 1.5 23 21.5H1Z"/>`,
  medium: svg`<path d="M12 .8 23.2 12 12 23.2.8 12Z"/>`,
  low: svg`<circle cx="12" cy="12" r="10.4"/>`,
};
const BASELINE = 16.4;
// A triangle's middle lies lower than that of its box.
const LOW_BASELINE = 19.4;

/**
 * The mark of a priority: a shape, a colour and a letter each, so that none of them is needed alone.
 *
 * @param {string} priority
 * @param {"full"|"hollow"|"quiet"} fill full: unacknowledged, hollow: acknowledged, quiet: suppressed
 * @param {boolean} blinks
 */
export function mark(priority, fill = "full", blinks = false) {
  const name = priorityOf(priority);
  return html`<svg
    class="mark ${name} ${fill} ${blinks ? "blinks" : ""}"
    viewBox="0 0 24 24"
    role="img"
    aria-label=${t(`priority.${name}`)}
    >${SHAPES[name]}<text x="12" y=${name === "high" ? LOW_BASELINE : BASELINE}>${t(`letter.${name}`)}</text></svg
  >`;
}

/** Styles for `mark`. */
export const markStyle = css`
  .mark {
    width: 28px;
    height: 28px;
    flex: none;
    stroke: var(--ink);
    stroke-width: 1.4;
  }
  .mark text {
    font: 700 12.5px/1 var(--font);
    text-anchor: middle;
    stroke: none;
  }
  .mark.high text {
    font-size: 10.5px;
  }
  .mark.critical { fill: var(--critical); }
  .mark.high { fill: var(--high); }
  .mark.medium { fill: var(--medium); }
  .mark.low { fill: var(--low); }
  .mark.critical text { fill: var(--critical-text); }
  .mark.high text { fill: var(--high-text); }
  .mark.medium text { fill: var(--medium-text); }
  .mark.low text { fill: var(--low-text); }
  .mark.hollow, .mark.quiet { fill: var(--raised); }
  .mark.hollow text, .mark.quiet text { fill: var(--text); }
  .mark.hollow.critical { stroke: var(--critical); stroke-width: 3; }
  .mark.hollow.high { stroke: #b9600b; stroke-width: 3; }
  .mark.hollow.medium { stroke: #8a7400; stroke-width: 3; }
  .mark.hollow.low { stroke: var(--low); stroke-width: 3; }
  .mark.quiet { stroke: var(--muted); stroke-dasharray: 3 2; }
  /* Hollow for a third of each second: far below what harms anybody, and a glance finds the colour. */
  @keyframes blink {
    67%, 100% { fill: var(--raised); }
  }
  @keyframes blink-letter {
    67%, 100% { fill: var(--text); }
  }
  .mark.blinks { animation: blink 1s steps(1) infinite; }
  .mark.blinks text { animation: blink-letter 1s steps(1) infinite; }
  @media (prefers-reduced-motion: reduce) {
    .mark.blinks, .mark.blinks text { animation: none; }
    .mark.blinks { outline: 3px double var(--ink); outline-offset: 1px; }
  }
`;

/** Styles for a dialog: its frame, its form, what it says under and beside the fields. */
export const dialogs = css`
  dialog { max-height: calc(100dvh / var(--zoom) - 16px); padding: 0; border: 1px solid var(--ink); border-radius: 8px; background: var(--panel); color: var(--text); }
  dialog::backdrop { background: #171c2199; }
  form { display: grid; gap: 12px; padding: 16px; margin: 0; }
  label { display: grid; gap: 4px; font-weight: 600; }
  .note { margin: 0; font-size: 12.5px; color: var(--muted); }
  .failure { margin: 0; padding: 8px 10px; background: var(--critical-tint); border-left: 4px solid var(--critical); }
  .end { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 10px; }
  .end button { min-width: 96px; min-height: 38px; }
`;

/** Styles for everything that is pressed or typed into, and for text only heard. */
export const controls = css`
  :host { display: block; }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  button, input, select, textarea {
    font: inherit;
    color: var(--text);
    background: var(--raised);
    border: 1px solid #6d7780;
    border-radius: 4px;
    padding: 4px 10px;
    min-height: 32px;
  }
  button { cursor: pointer; white-space: nowrap; }
  button:hover:not(:disabled) { background: #e7ebee; }
  button:disabled { color: var(--muted); background: #e1e4e7; border-style: dashed; cursor: default; }
  button.main { background: var(--bar); color: var(--bar-text); border-color: var(--bar); font-weight: 600; }
  button.main:hover:not(:disabled) { background: #34485a; }
  button.main:disabled { background: #5a6670; color: #ffffff; }
  button[aria-pressed="true"] { background: var(--bar); color: var(--bar-text); border-color: var(--bar); }
  :focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  h2 { font-size: 15px; margin: 0; }
  .heard {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (max-width: 760px) {
    button, input, select { min-height: 40px; }
  }
`;
