/** The trend of one point: band of minimum and maximum, mean, single readings once the site sends them. */

import { css, html, nothing } from "lit";
import uPlot from "uplot";
import * as api from "./api.js";
import { timeText } from "./clock.js";
import { language, t } from "./i18n.js";
import { controls } from "./look.js";
import { pointKey } from "./picture.js";
import { ScreenElement } from "./screen-element.js";
import { COLUMN, columns, drawLimits, drawSpans, isolated, limitLines, nameSpans, spans, valueRange } from "./trend-plot.js";
import { figure, isOwn, withUnit } from "./words.js";

const WINDOWS = [5, 15, 60, 120];
const USUAL_MINUTES = 15;
const REFRESH_MS = 9_000;
const MINUTE = 60_000;

/** The trend; shows the point it is given. */
class TrendView extends ScreenElement {
  static properties = {
    picture: {}, clock: {}, live: {}, point: {},
    minutes: { state: true }, answer: { state: true }, failure: { state: true }, readout: { state: true }, raw: { state: true },
  };

  static styles = [
    controls,
    css`
      :host { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
      header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; padding: 6px 10px; }
      h2 { flex: 1; min-width: 150px; line-height: 1.25; }
      h2 small { display: block; font-weight: 400; font-size: 12.5px; color: var(--muted); }
      .now { font-size: 20px; font-weight: 700; white-space: nowrap; }
      .now.old { color: var(--muted); font-weight: 400; text-decoration: line-through; }
      .pair { display: flex; }
      .pair button { border-radius: 0; margin-left: -1px; padding: 2px 9px; }
      .readout { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; min-height: 20px; padding: 0 10px; font-size: 12.5px; color: var(--muted); }
      .key i { display: inline-block; width: 16px; height: 9px; margin: 0 4px 0 10px; vertical-align: 0; }
      .key .band { background: #b5c6d6; }
      .key .mean { border-top: 2px solid #1f4f7d; height: 4px; }
      .key .raw { border-top: 1px solid #4b5560; height: 4px; }
      .plot { height: 206px; margin: 2px 4px 4px; background: var(--raised); position: relative; }
      .say { position: absolute; inset: 0; display: grid; place-items: center; color: var(--muted); pointer-events: none; padding: 12px; margin: 0; text-align: center; }
      .say.whole { background: var(--raised); z-index: 1; }
      @media (max-width: 760px) {
        .plot { height: 46dvh; }
        .pair { width: 100%; }
        .pair button { flex: 1; }
      }
    `,
  ];
  #plot = null;
  #from = 0;
  #to = 1;
  #data = [[], [], [], [], []];
  #lines = [];
  #spans = [];
  #round = 0;
  #readAt = 0;
  #watch = new ResizeObserver(() => this.#resize());

  constructor() {
    super();
    this.minutes = USUAL_MINUTES;
    this.readout = "";
    this.raw = "";
  }

  sources() {
    return [[this.picture, "change"]];
  }

  connectedCallback() {
    super.connectedCallback();
    this.follow(language, "change", () => this.#plot?.redraw());
    this.follow(this.clock, "tick", () => this.#follow());
    this.follow(this.picture, "readings", ({ detail }) => {
      if (this.point && pointKey(detail) === pointKey(this.point)) this.#read(false, true);
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#watch.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  willUpdate(changed) {
    const before = changed.get("point");
    const moved = changed.has("point") && (!before || !this.point || pointKey(before) !== pointKey(this.point));
    if (!moved && !changed.has("minutes")) return;
    this.answer = null;
    this.failure = null;
    this.readout = this.raw = "";
    this.#show();
    this.#read(true, false);
  }

  #follow() {
    if (!this.live || !this.answer) return;
    if (performance.now() - this.#readAt > REFRESH_MS) this.#read(false, false);
  }

  /**
   * Read the trend.
   *
   * @param {boolean} ask ask the site for single readings too
   * @param {boolean} arrived the site has just sent them
   */
  async #read(ask, arrived) {
    const round = ++this.#round;
    if (!this.point || isOwn(this.point)) return;
    const { node, tag } = this.point;
    this.#readAt = performance.now();
    if (ask) this.raw = "asked";
    try {
      let answer = await api.readings(node, tag, this.minutes, ask);
      if (arrived && !answer.raw) answer = await api.readings(node, tag, this.minutes, true);
      if (round !== this.#round) return;
      // An answer without single readings does not take back those that are already shown.
      const raw = answer.raw ?? (ask ? null : this.answer?.raw) ?? null;
      this.answer = { ...answer, raw };
      this.raw = raw ? (raw.thinned ? "thinned" : "shown") : arrived || isOver(answer.raw_status) ? "none" : this.raw;
      this.failure = null;
    } catch (failure) {
      if (round !== this.#round) return;
      this.failure = failure;
    }
    this.#show();
  }

  #show() {
    // Whole milliseconds: from a fraction the plotting library makes ticks just before the minute they mean.
    this.#to = Math.round(this.clock.now());
    this.#from = this.#to - this.minutes * MINUTE;
    const { answer } = this;
    this.#data = answer ? columns(answer) : [[], [], [], [], []];
    this.#lines = limitLines(answer?.limits);
    this.#spans = answer ? spans(answer.summary, this.#from, this.#to) : [];
    this.#plot?.setData(this.#data, true);
  }

  firstUpdated() {
    const box = this.renderRoot.querySelector(".plot");
    this.#plot = new uPlot(this.#options(box), this.#data, box);
    this.#watch.observe(box);
  }

  #options(box) {
    const font = `12px ${getComputedStyle(box).fontFamily}`;
    const axis = { stroke: "#48525b", grid: { stroke: "#e1e5e8", width: 1 }, ticks: { stroke: "#b9c0c6", width: 1, size: 5 }, font };
    const quiet = { points: { show: false } };
    const alone = { show: true, size: 6, width: 0, filter: (plot, series) => isolated(plot.data[series]) };
    return {
      width: box.clientWidth || 300,
      height: box.clientHeight || 200,
      ms: 1,
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: { bind: { mousemove: pointerIn }, y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => [this.#from, this.#to] },
        y: { range: () => valueRange(this.#data, this.#lines) },
      },
      axes: [
        { ...axis, size: 28, gap: 3, space: 70, values: (plot, splits) => splits.map((ms) => timeText(Math.round(ms)).slice(0, 5)) },
        { ...axis, size: 54, gap: 4, values: (plot, splits) => splits.map(figure) },
      ],
      series: [
        {},
        { ...quiet, stroke: "#8fa5b8", width: 0.5 },
        { ...quiet, stroke: "#8fa5b8", width: 0.5 },
        { stroke: "#1f4f7d", width: 2, points: { ...alone, fill: "#1f4f7d" } },
        { stroke: "#4b5560", width: 1, points: { ...alone, fill: "#4b5560" } },
      ],
      bands: [{ series: [COLUMN.max, COLUMN.min], fill: "#1f4f7d40" }],
      hooks: {
        drawClear: [(plot) => drawSpans(plot, this.#spans)],
        draw: [(plot) => nameSpans(plot, this.#spans, { none: t("level.no_data"), bad: t("trend.bad") }), (plot) => drawLimits(plot, this.#lines, (line) => `${t(`level.${line.level}`)} ${figure(line.value)}`)],
        setCursor: [(plot) => this.#point(plot.cursor.idx)],
      },
    };
  }

  #point(index) {
    const at = (column) => (index === null || index === undefined ? null : near(this.#data[column], index));
    const time = index === null || index === undefined ? null : this.#data[COLUMN.time][index];
    const parts = [];
    if (time) {
      parts.push(timeText(time, this.clock.now()));
      if (at(COLUMN.mean) !== null) parts.push(`${t("trend.mean")} ${figure(at(COLUMN.mean))} (${figure(at(COLUMN.min))}–${figure(at(COLUMN.max))})`);
      if (at(COLUMN.raw) !== null) parts.push(`${t("trend.raw")} ${figure(at(COLUMN.raw))}`);
    }
    this.readout = parts.join("　");
  }

  #resize() {
    const box = this.renderRoot.querySelector(".plot");
    if (box?.clientWidth) this.#plot?.setSize({ width: box.clientWidth, height: box.clientHeight });
  }

  render() {
    const row = this.point && this.picture.points.get(pointKey(this.point));
    const unit = row?.unit ?? this.answer?.unit;
    const current = row && this.live && row.fresh && row.quality !== "BAD" && this.picture.nodes.get(row.node)?.link === "up";
    const value = row ? withUnit(row.last, unit) : "";
    return html`<link rel="stylesheet" href="/static/vendor/uplot/dist/uPlot.min.css">
      <header>
        <h2>${this.#title(row)}</h2>
        ${row ? html`<span class="now ${current ? "" : "old"}">${value}</span>` : nothing}
        <div class="pair">
          ${WINDOWS.map((n) => html`<button data-minutes=${n} aria-pressed=${n === this.minutes} @click=${() => (this.minutes = n)}>${t(`trend.${n}`)}</button>`)}
        </div>
      </header>
      <div class="readout">
        <span data-testid="readout">${this.readout || (unit ? `${t(`trend.raw.${this.raw}`)}` : "")}</span>
        <span class="key"><i class="band"></i>${t("trend.band")}<i class="mean"></i>${t("trend.mean")}<i class="raw"></i>${t("trend.raw")}</span>
      </div>
      <div class="plot" data-testid="trend" role="img" data-tag=${this.point?.tag ?? ""} data-raw=${this.raw} data-points=${this.answer?.summary.t.length ?? 0}
        aria-label=${row ? t("trend.describe", { tag: row.tag, minutes: this.minutes, value, limits: limitsText(row) }) : t("trend.title")}>
        ${this.#say()}
      </div>`;
  }

  #title(row) {
    if (!this.point) return t("trend.title");
    if (isOwn(this.point)) return html`${t("gateway.itself")}<small>${this.picture.nodes.get(this.point.node)?.name ?? this.point.node}</small>`;
    return html`${this.point.tag} ${row?.name}<small>${row ? placeText(row, this.picture.nodes.size > 1) : ""}</small>`;
  }

  #say() {
    let text = "";
    if (this.failure) text = t("trend.failed", { reason: this.failure.message });
    else if (!this.point) text = t("trend.pick");
    else if (isOwn(this.point)) text = t("gateway.no_trend");
    else if (this.answer && !this.answer.summary.t.length && !this.answer.raw?.t.length) text = t("trend.empty");
    const whole = this.point && isOwn(this.point);
    return text ? html`<p class="say ${whole ? "whole" : ""}">${text}</p>` : nothing;
  }
}

// Columns of different rhythm stand over one axis: the nearest earlier value is what the curve shows here.
function near(column, index) {
  for (let i = index; i >= 0; i -= 1) if (column[i] !== undefined) return column[i];
  return null;
}

// The page may be enlarged: the pointer is told in the enlarged measure, and the plot reckons in its own.
const pointerIn = (plot, target, handle) => (event) => {
  const zoom = target.currentCSSZoom ?? 1;
  const { left, top } = plot.rect;
  const { buttons, movementX, movementY } = event;
  const place = { clientX: left + (event.clientX - left) / zoom, clientY: top + (event.clientY - top) / zoom };
  handle(new MouseEvent("mousemove", { ...place, buttons, movementX, movementY }));
  return null;
};

const placeText = (row, withSite) => [row.area_name || row.area, withSite && row.node_name].filter(Boolean).join(" · ");

const limitsText = ({ limits, unit }) =>
  limitLines(limits).map((line) => `${t(`level.${line.level}`)} ${withUnit(line.value, unit)}`).join(t("comma")) || t("trend.unlimited");

const isOver = (status) => ["refused", "expired", "unavailable", "none"].includes(status);

customElements.define("hz-trend-view", TrendView);
