/** The points of a site as tiles, by hazard class and area. Calm only where nothing is in doubt. */

import { css, html, nothing } from "lit";
import { repeat } from "lit-html/directives/repeat.js";
import { timeText } from "./clock.js";
import { t } from "./i18n.js";
import { alarmsByPoint, judge } from "./judging.js";
import { controls, mark, markStyle } from "./look.js";
import { pointKey } from "./picture.js";
import { gauge, gaugeStyle } from "./point-gauge.js";
import { isUnacknowledged, priorityOf } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { figure, levelOf, unitText } from "./words.js";

// Past this many tiles one site is shown at a time: nobody reads a thousand tiles.
const TOGETHER = 300;
const EVERYTHING = "";

/** The tiles; emits `pick-point` with {node, tag}. */
class PointTiles extends ScreenElement {
  static properties = { picture: {}, clock: {}, live: {}, point: {}, site: { state: true } };

  static styles = [
    controls,
    markStyle,
    gaugeStyle,
    css`
      :host { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px 10px; flex: none; }
      header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; }
      header p { margin: 0; font-size: 12px; color: var(--muted); flex: 1; min-width: 180px; }
      select { max-width: 220px; }
      h3 { font-size: 13px; line-height: 1.3; margin: 8px 0 4px; font-weight: 600; align-self: end; }
      h3 span { font-weight: 400; color: var(--muted); }
      /* Areas stand side by side on one grid: each takes as many columns as it has tiles, so that few rows are half empty. */
      .groups { container-type: inline-size; }
      .grid { display: grid; gap: 0 6px; grid-auto-flow: dense; grid-template-columns: repeat(4, minmax(0, 1fr)); align-items: end; }
      .tiles { display: grid; gap: 6px; grid-template-columns: subgrid; }
      .grid section { display: grid; grid-template-columns: subgrid; grid-column: span 4; }
      .grid section > * { grid-column: 1 / -1; }
      .grid .of-1 { grid-column: span 1; }
      .grid .of-2 { grid-column: span 2; }
      .grid .of-3 { grid-column: span 3; }
      @container (min-width: 620px) {
        .grid { grid-template-columns: repeat(5, minmax(0, 1fr)); }
        .grid .of-5, .grid .of-6 { grid-column: span 5; }
      }
      @container (min-width: 780px) {
        .grid { grid-template-columns: repeat(6, minmax(0, 1fr)); }
        .grid .of-5 { grid-column: span 5; }
        .grid .of-6 { grid-column: span 6; }
      }
      @container (max-width: 420px) {
        .grid { grid-template-columns: repeat(2, minmax(0, 1fr)); }
        .grid section[class] { grid-column: span 2; }
      }
      .tile { display: flex; align-items: flex-start; min-height: 100px; padding: 5px 8px 6px; text-align: left; white-space: normal;
        background: var(--raised); border: 1px solid var(--line); border-left: 5px solid #9aa4ad; border-radius: 4px; line-height: 1.25; }
      .tile:hover:not(:disabled) { background-color: #f0f3f5; }
      .tile .tag { font-weight: 600; font-size: 12.5px; overflow-wrap: anywhere; }
      .tile .body .name { font-size: 12px; color: var(--muted); overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
      .tile .value { font-size: 20px; font-weight: 700; white-space: nowrap; }
      .tile .value small { font-size: 12px; font-weight: 400; }
      .tile .why { font-size: 12px; color: var(--muted); }
      .tile .gauge { margin: 3px 0 2px; }
      .tile span { display: block; width: 100%; }
      .tile .body { display: flow-root; min-width: 0; }
      .tile .mark { float: right; width: 24px; height: 24px; margin: 0 -3px 0 3px; }
      .tile.doubt .why { color: var(--text); }
      .tile.doubt, .tile.alarm.old { background: repeating-linear-gradient(-45deg, #dde1e4 0 6px, #ebedef 6px 12px); border-left: 5px dashed #5d6871; }
      .tile.doubt .value, .tile.old .value { color: var(--muted); font-weight: 400; }
      .tile.old .value b { font-weight: 400; }
      .tile.old .value b[data-known] { text-decoration: line-through; }
      .tile.alarm { border-left-color: var(--ink); }
      .tile.alarm.critical { border-left-color: var(--critical); background-color: var(--critical-tint); }
      .tile.alarm.high { border-left-color: var(--high); background-color: var(--high-tint); }
      .tile.alarm.medium { border-left-color: var(--medium); background-color: var(--medium-tint); }
      .tile.alarm.low { border-left-color: var(--low); background-color: var(--low-tint); }
      .tile.alarm .why { font-weight: 600; color: var(--text); }
      .tile.chosen { box-shadow: 0 0 0 2px var(--bar); }
    `,
  ];

  constructor() {
    super();
    this.site = null;
  }

  sources() {
    return [[this.picture, "change"], [this.clock, "tick"]];
  }

  /** The site whose tiles are shown: chosen, or all where they fit, or that of the trend. */
  #shownSite() {
    const { points } = this.picture;
    if (this.site !== null && (this.site !== EVERYTHING || points.size <= TOGETHER)) return this.site;
    if (points.size <= TOGETHER) return EVERYTHING;
    return this.point?.node ?? points.values().next().value?.node;
  }

  #groups(site) {
    const groups = new Map();
    for (const point of this.picture.points.values()) {
      if (site !== EVERYTHING && point.node !== site) continue;
      const key = [point.node, point.hazard, point.area].join("\n");
      const group = groups.get(key);
      if (group) group.push(point);
      else groups.set(key, [point]);
    }
    return [...groups.entries()];
  }

  render() {
    const site = this.#shownSite();
    const alarms = alarmsByPoint(this.picture.alarms.values());
    const groups = this.#groups(site);
    return html`
      <header>
        <h2>${t("points.title")}</h2>
        <p>${t("points.key")}</p>
        ${this.#choice(site)}
      </header>
      <div class="groups"><div class="grid">
        ${repeat(groups, ([key]) => key, ([, points]) => html`<section class="of-${Math.min(6, points.length)}">
          <h3>${t(`hazard.${points[0].hazard}`)} · ${points[0].area_name || points[0].area}
            ${this.picture.nodes.size > 1 ? html`<span>${points[0].node_name}</span>` : nothing}</h3>
          <div class="tiles">${repeat(points, pointKey, (point) => this.#tile(point, alarms.get(pointKey(point)) ?? []))}</div>
        </section>`)}
      </div></div>
      ${groups.length ? nothing : html`<p>${t("points.none")}</p>`}
    `;
  }

  #choice(site) {
    const nodes = [...this.picture.nodes.values()];
    if (nodes.length < 2) return nothing;
    const all = this.picture.points.size <= TOGETHER;
    return html`<select aria-label=${t("points.site")} @change=${(event) => (this.site = event.target.value)}>
      ${all ? html`<option value=${EVERYTHING} ?selected=${site === EVERYTHING}>${t("points.all")}</option>` : nothing}
      ${nodes.map((node) => html`<option value=${node.node} ?selected=${site === node.node}>${node.name}</option>`)}
    </select>`;
  }

  #tile(point, alarms) {
    const now = this.clock.now();
    const { look, why, current, alarm } = judge(point, { nodes: this.picture.nodes, live: this.live }, alarms, now);
    const chosen = this.point && pointKey(this.point) === pointKey(point);
    const classes = ["tile", look, alarm ? priorityOf(alarm.priority) : "", current ? "" : "old", chosen ? "chosen" : ""].join(" ");
    const reason = alarm && why === "alarm" ? t("points.alarm", { level: levelOf(alarm), state: t(`brief.${alarm.state}`) }) : reasonText(point, why, now);
    return html`<button class=${classes} data-testid="point-tile" data-tag=${point.tag} data-node=${point.node} data-look=${look} data-why=${why}
      @click=${() => this.dispatchEvent(new CustomEvent("pick-point", { detail: { node: point.node, tag: point.tag } }))}>
      <span class="body">
        ${alarm ? mark(alarm.priority, isUnacknowledged(alarm) ? "full" : "hollow") : nothing}<span class="tag">${point.tag}</span>
        <span class="name" title=${point.name}>${point.name || " "}</span>
        <span class="value"><b ?data-known=${point.last !== null && point.last !== undefined}>${figure(point.last)}</b> <small>${unitText(point.unit)}</small></span>
        ${gauge(point, current)}
        <span class="why">${reason}</span>
      </span>
    </button>`;
  }
}

function reasonText(point, why, now) {
  const since = timeText(point.source_ms ?? point.received_ms, now);
  return t(`points.${why}`, { time: since });
}

customElements.define("hz-point-tiles", PointTiles);
