/** The bar above everything: whose screen, how many alarms wait, sound, live, time, language, account. */

import { css, html, nothing } from "lit";
import { ageText, timeText } from "./clock.js";
import { language, t } from "./i18n.js";
import { controls, mark, markStyle } from "./look.js";
import { isUnacknowledged, PRIORITIES, priorityOf } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { siteOf } from "./words.js";
import "./account-menu.js";
import "./sound-control.js";

const CLOCK_OFF_MS = 30_000;
// How long the dot shows that something has just been heard.
const BEAT_MS = 1_000;

/** The top bar; emits `show-nodes`, and what the account's menu emits. */
class TopBar extends ScreenElement {
  static properties = { picture: {}, clock: {}, feed: {}, sound: {}, session: {}, live: {} };

  static styles = [
    controls,
    markStyle,
    css`
      header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; min-height: 52px; padding: 6px 12px;
        background: var(--bar); color: var(--bar-text); }
      header > * { flex: none; }
      .who { display: flex; align-items: center; gap: 10px; flex: 1000 1 110px; max-width: max-content; }
      .who div { min-width: 0; }
      .who img { flex: none; }
      .who img { width: 30px; height: 30px; }
      .who b { font-size: 18px; line-height: 1.1; display: block; }
      .who span { font-size: 12px; color: var(--bar-muted); display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
      ul { display: flex; gap: 12px; margin: 0; padding: 0; list-style: none; }
      li { display: flex; align-items: center; gap: 5px; min-width: 42px; font-size: 20px; font-weight: 700; }
      li.none { font-weight: 400; color: var(--bar-muted); }
      .mark { stroke: #dfe6ec; width: 26px; height: 26px; }
      /* Nothing waits: the shape stays where the eye looks for it, without its colour. */
      li.none .mark { fill: none; stroke: #7f909f; }
      li.none .mark text { fill: var(--bar-muted); }
      .gap { flex: 1 1 0; }
      .live { display: flex; align-items: center; gap: 8px; line-height: 1.15; }
      .live b { display: block; }
      .live small, .clock small { font-size: 11.5px; color: var(--bar-muted); white-space: nowrap; }
      .live i { width: 10px; height: 10px; border-radius: 50%; background: var(--bar-text); }
      .live.beats i { animation: beat 1s ease-out; }
      @keyframes beat { from { box-shadow: 0 0 0 0 #f4f6f8cc; } to { box-shadow: 0 0 0 9px #f4f6f800; } }
      .live[data-state="stale"] b { color: #171c21; background: #ffc83d; padding: 0 6px; border-radius: 3px; }
      .live[data-state="stale"] i { border-radius: 0; background: #ffc83d; }
      .clock { text-align: right; line-height: 1.15; }
      .clock b { display: block; font-size: 17px; }
      .clock .off { display: block; max-width: 190px; white-space: normal; color: #ffd766; }
      button { background: transparent; color: inherit; border-color: #6f8191; }
      button:hover:not(:disabled) { background: #34485a; }
      button.links { padding: 2px 8px; }
      button.links.down, button.links.down:hover { background: #ffc83d; color: #171c21; border-color: #ffc83d; font-weight: 600; }
      .switches { display: flex; align-items: center; gap: 8px; margin-left: auto; }
      @media (max-width: 1500px) {
        header { gap: 6px 10px; }
      }
      @media (max-width: 1180px) {
        .who span, .clock small:not(.off) { display: none; }
      }
      @media (max-width: 760px) {
        /* Two lines: who, live and time above; counts and switches below. Links have their own tab. */
        header { gap: 6px; padding: 6px 8px; }
        header::before { content: ""; order: -1; flex: 0 0 100%; }
        .who, .live, .clock { order: -2; }
        .who { flex: 1 1 0; gap: 6px; }
        .who img { width: 28px; height: 28px; }
        .who div { overflow: hidden; }
        .live { gap: 6px; margin-right: 6px; }
        .clock .off { max-width: 112px; line-height: 1.2; }
        .gap, .links { display: none; }
        ul { gap: 4px; }
        hz-sound-control { margin-left: auto; }
        li { min-width: 0; font-size: 17px; gap: 3px; }
        .switches { gap: 6px; margin: 0; }
        button { padding: 2px 8px; min-height: 40px; }
      }
    `,
  ];

  sources() {
    return [[this.picture, "change"], [this.clock, "tick"], [this.feed, "state"]];
  }

  #counts() {
    const counts = Object.fromEntries(PRIORITIES.map((name) => [name, 0]));
    for (const row of this.picture.alarms.values()) {
      if (isUnacknowledged(row)) counts[priorityOf(row.priority)] += 1;
    }
    return counts;
  }

  #site() {
    const nodes = [...this.picture.nodes.values()];
    if (nodes.length === 1) return siteOf({ enterprise: nodes[0].enterprise, node_name: nodes[0].name });
    return nodes.length ? t("bar.sites", { n: nodes.length }) : t("product.subtitle");
  }

  #links() {
    const nodes = [...this.picture.nodes.values()];
    if (!nodes.length) return nothing;
    const up = this.live ? nodes.filter((row) => row.link === "up").length : "?";
    return html`<button class="links ${up === nodes.length ? "" : "down"}" @click=${() => this.dispatchEvent(new Event("show-nodes"))}>
      ${t("bar.links", { up, all: nodes.length })}
    </button>`;
  }

  #clockNote() {
    const ahead = this.clock.browserAhead;
    if (Math.abs(ahead) < CLOCK_OFF_MS) return html`<small>${t("bar.clock")}</small>`;
    const way = t(ahead > 0 ? "bar.fast" : "bar.slow");
    return html`<small class="off">⚠ ${t("bar.off", { way, age: ageText(Math.abs(ahead)) })}</small>`;
  }

  render() {
    const counts = this.#counts();
    const now = this.clock.now();
    const heard = this.feed.lastContact;
    const contact = heard === null ? "—" : timeText(now - (Date.now() - heard), now);
    return html`<header>
      <div class="who">
        <img src="/static/favicon.svg" alt="">
        <div><b>hazgate</b><span title=${this.#site()}>${this.#site()}</span></div>
      </div>
      <ul aria-label=${t("bar.unacknowledged")} title=${t("bar.unacknowledged")} data-testid="counts">
        ${PRIORITIES.map(
          (name) => html`<li class=${counts[name] ? "" : "none"} data-priority=${name} data-count=${counts[name]}>
            ${mark(name)}${counts[name]}
          </li>`,
        )}
      </ul>
      ${this.#links()}
      <div class="gap"></div>
      <hz-sound-control .sound=${this.sound} .clock=${this.clock}></hz-sound-control>
      <div class="live ${this.live && Date.now() - (heard ?? 0) < BEAT_MS ? "beats" : ""}" data-testid="live" data-state=${this.live ? "live" : "stale"}>
        <i></i>
        <div><b>${t(this.live ? "live.live" : "live.stale")}</b><small>${t("live.contact", { time: contact })}</small></div>
      </div>
      <div class="clock" data-testid="clock"><b>${timeText(now)}</b>${this.#clockNote()}</div>
      <div class="switches">
        <button data-testid="language" aria-label=${t("language.switch")} title=${t("language.switch")} @click=${() => language.toggle()}>
          ${t("language.other")}
        </button>
        <hz-account-menu .session=${this.session}></hz-account-menu>
      </div>
    </header>`;
  }
}

customElements.define("hz-top-bar", TopBar);
