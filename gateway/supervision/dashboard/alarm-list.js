/** The live alarm list: order, filter, keyboard, and the voice for those who do not see it. */

import { css, html, nothing } from "lit";
import { repeat } from "lit-html/directives/repeat.js";
import { actionFor, alarmRow, rowStyle } from "./alarm-row.js";
import { t } from "./i18n.js";
import { alarmsByPoint, presentOf } from "./judging.js";
import { controls, markStyle } from "./look.js";
import { pointKey } from "./picture.js";
import { HeldOrder, isUnacknowledged, keyOf, priorityOf } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { haystackOf, sentenceOf } from "./words.js";

const PAGE = 200;
// Long enough to read a row and press its button; a pointer left lying must not hold the list for ever.
const HOLD_MS = 4_000;
const SPOKEN_TOGETHER = 3;

/** The list; emits `pick-alarm` with a row and `act` with {row, action}. */
class AlarmList extends ScreenElement {
  static properties = {
    picture: {}, clock: {}, live: {}, mayAct: {}, selected: {},
    words: { state: true }, waitingOnly: { state: true }, shown: { state: true }, spoken: { state: true },
  };

  static styles = [
    controls,
    markStyle,
    rowStyle,
    css`
      :host { display: flex; flex-direction: column; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
      header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px; padding: 6px 10px; border-bottom: 1px solid var(--line); }
      header input { flex: 1; min-width: 140px; }
      .pair { display: flex; }
      .pair button:first-child { border-radius: 4px 0 0 4px; border-right: 0; }
      .pair button:last-child { border-radius: 0 4px 4px 0; }
      /* Always there, so that what it says never pushes a row from under the pointer. */
      .hint { display: flex; align-items: center; gap: 10px; height: 30px; padding: 0 10px; font-size: 12.5px; color: var(--muted); border-bottom: 1px solid var(--line); overflow: hidden; white-space: nowrap; }
      .hint button { min-height: 24px; padding: 0 10px; font-weight: 600; }
      .hint .new { background: var(--bar); color: var(--bar-text); border-color: var(--bar); }
      .keys { margin-left: auto; }
      .hint b { color: #9c0b18; }
      .rows { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; }
      .calm { padding: 48px 16px; text-align: center; color: var(--muted); font-size: 16px; }
      .more { display: block; margin: 10px auto; }
      @media (max-width: 760px) {
        .keys { display: none; }
        header h2 { display: none; }
      }
    `,
  ];
  #order = new HeldOrder();
  #heldUntil = 0;
  #rows = [];
  #focused = false;

  constructor() {
    super();
    this.words = "";
    this.waitingOnly = false;
    this.shown = PAGE;
    this.spoken = "";
  }

  sources() {
    return [[this.picture, "change"], [this.clock, "tick"]];
  }

  connectedCallback() {
    super.connectedCallback();
    this.follow(document, "keydown", (event) => this.#key(event));
    this.follow(this.picture, "arrival", (event) => this.#speak(event.detail));
  }

  #speak(row) {
    const sentences = (this.spoken ? this.spoken.split("\n") : []).slice(-SPOKEN_TOGETHER + 1);
    this.spoken = [...sentences, sentenceOf(row)].join("\n");
  }

  #hold() {
    this.#heldUntil = performance.now() + HOLD_MS;
  }

  #release() {
    this.#heldUntil = 0;
    this.requestUpdate();
  }

  #key(event) {
    const target = event.composedPath()[0];
    const typing = target instanceof Element && target.closest("input, textarea, select, dialog");
    if (typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") this.renderRoot.querySelector("input").focus();
    else if (event.key === "ArrowDown") this.#step(1);
    else if (event.key === "ArrowUp") this.#step(-1);
    else if (event.key === "a" || event.key === "A" || (event.key === "Enter" && !target.closest?.("button, a"))) this.#actOnSelected();
    else return;
    event.preventDefault();
  }

  async #step(by) {
    const at = this.#rows.findIndex((row) => keyOf(row) === this.selected);
    const next = this.#rows[at < 0 ? 0 : Math.min(this.#rows.length - 1, Math.max(0, at + by))];
    if (!next) return;
    this.#hold();
    this.#pick(next);
    await this.updateComplete;
    // The application hands the choice back down; only then does the row become focusable.
    requestAnimationFrame(() => {
      const row = this.renderRoot.querySelector(".row.selected");
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: "nearest" });
    });
  }

  #actOnSelected() {
    const row = this.#rows.find((one) => keyOf(one) === this.selected);
    const action = row && this.mayAct && this.live ? actionFor(row, this.picture.orderOf(row), this.picture.nodes.get(row.node)) : undefined;
    if (action) this.#act(row, action);
  }

  #pick(row) {
    this.dispatchEvent(new CustomEvent("pick-alarm", { detail: row }));
  }

  #act = (row, action) => {
    this.#pick(row);
    this.dispatchEvent(new CustomEvent("act", { detail: { row, action } }));
  };

  #click(event) {
    const key = event.target.closest(".row")?.dataset.key;
    const row = this.#rows.find((one) => keyOf(one) === key);
    if (row && !row.gone) this.#pick(row);
  }

  #filter(alarms) {
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    return alarms.filter((row) => {
      if (this.waitingOnly && !isUnacknowledged(row)) return false;
      if (!words.length) return true;
      const haystack = haystackOf(row);
      return words.every((word) => haystack.includes(word));
    });
  }

  #clear() {
    this.words = "";
    this.waitingOnly = false;
  }

  willUpdate() {
    this.#focused = Boolean(this.renderRoot?.activeElement?.closest(".row"));
  }

  updated() {
    // Sorting moves elements, and a moved element loses the focus in some browsers.
    if (this.#focused && !this.renderRoot.activeElement) this.renderRoot.querySelector(".row.selected")?.focus({ preventScroll: true });
  }

  render() {
    const now = this.clock.now();
    const all = [...this.picture.alarms.values()];
    const matching = this.#filter(all);
    const around = { nodes: this.picture.nodes, points: this.picture.points, live: this.live };
    const byPoint = alarmsByPoint(all);
    const { rows, fresh } = this.#order.arrange(matching, performance.now() < this.#heldUntil);
    // New ones always come with their rows, also where a hold has put them behind a full page.
    this.#rows = rows.length > this.shown ? [...rows.slice(0, this.shown), ...fresh.filter((row) => rows.indexOf(row) >= this.shown).slice(0, PAGE)] : rows;
    return html`
      <header>
        <h2>${t("list.title")}</h2>
        <div class="pair">
          <button aria-pressed=${!this.waitingOnly} @click=${() => (this.waitingOnly = false)}>${t("list.all")}</button>
          <button aria-pressed=${this.waitingOnly} @click=${() => (this.waitingOnly = true)}>${t("list.unacknowledged")}</button>
        </div>
        <input type="search" data-testid="filter" .value=${this.words} placeholder=${t("list.filter")} aria-label=${t("list.filter")}
          @input=${(event) => (this.words = event.target.value)}
          @keydown=${(event) => event.key === "Escape" && (this.#clear(), event.target.blur())}>
      </header>
      <div class="hint">${this.#hint(all, matching, fresh)}</div>
      <div class="rows" role="grid" aria-label=${t("list.title")} aria-rowcount=${rows.length}
        @click=${this.#click} @pointermove=${this.#hold} @pointerdown=${this.#hold} @pointerleave=${this.#release}
        @animationstart=${together}>
        ${repeat(this.#rows, keyOf, (row) =>
          alarmRow(row, {
            now,
            order: this.picture.orderOf(row),
            selected: keyOf(row) === this.selected,
            mayAct: this.mayAct,
            live: this.live,
            act: this.#act,
            link: this.picture.nodes.get(row.node),
            manySites: this.picture.nodes.size > 1,
            present: presentOf(row, around, byPoint.get(pointKey(row)) ?? [], now),
          }),
        )}
        ${rows.length ? nothing : html`<p class="calm" data-testid="calm">${this.#emptyText(all)}</p>`}
        ${rows.length > this.#rows.length
          ? html`<button class="more" @click=${() => (this.shown += PAGE)}>${t("list.more", { n: Math.min(PAGE, rows.length - this.#rows.length) })}</button>`
          : nothing}
      </div>
      <div class="heard" aria-live="assertive">${this.spoken}</div>
    `;
  }

  #emptyText(all) {
    if (!this.live) return t("list.calm.stale");
    return t(all.length ? "list.none" : "list.calm");
  }

  #hint(all, matching, fresh) {
    if (fresh.length) {
      return html`<button class="new" data-testid="fresh" @click=${this.#release}>
        ${t("list.held", { n: fresh.length, priority: t(`priority.${priorityOf(fresh[0].priority)}`) })}
      </button>`;
    }
    const hidden = all.length - matching.length;
    if (hidden) {
      const waiting = all.filter(isUnacknowledged).length - matching.filter(isUnacknowledged).length;
      const text = t("list.hidden", { n: hidden, u: waiting });
      return html`${waiting ? html`<b>⚠ ${text}</b>` : text}<button @click=${this.#clear}>${t("list.clear")}</button>`;
    }
    return html`<span>${t("list.count", { n: all.length, u: all.filter(isUnacknowledged).length })}</span><span class="keys">${t("list.keys")}</span>`;
  }
}

// All marks blink in one beat, however late their row came: a field of different beats cannot be read.
function together(event) {
  for (const animation of event.target.getAnimations()) animation.startTime = 0;
}

customElements.define("hz-alarm-list", AlarmList);
