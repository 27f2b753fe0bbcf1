/**
 * The whole screen: who is logged in, whether it is live, what is chosen, and where each part stands.
 *
 * This is the only place that knows all parts; they know the picture and tell what was pressed.
 */

import { css, html, nothing } from "lit";
import * as api from "./api.js";
import { ServerClock } from "./clock.js";
import { t } from "./i18n.js";
import { LiveFeed } from "./live.js";
import { controls } from "./look.js";
import { Picture } from "./picture.js";
import { gravest, isUnacknowledged, keyOf } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { Annunciator } from "./sound.js";
import { isOwn } from "./words.js";
import "./action-dialog.js";
import "./alarm-list.js";
import "./live-banner.js";
import "./login-page.js";
import "./node-list.js";
import "./password-dialog.js";
import "./point-tiles.js";
import "./top-bar.js";
import "./trend-view.js";

const RETRY_MS = 3_000;
// A server that restarts is back before this; a screen that stays blind has to be heard.
const STALE_SOUNDS_MS = 10_000;
const TABS = ["alarms", "trend", "points", "nodes"];

/** The root component. */
class App extends ScreenElement {
  static properties = {
    session: { state: true },
    note: { state: true },
    live: { state: true },
    unwritten: { state: true },
    selected: { state: true },
    point: { state: true },
    tab: { state: true },
    fault: { state: true },
  };

  static styles = [
    controls,
    css`
      :host { display: flex; flex-direction: column; height: calc(100dvh / var(--zoom)); min-height: 420px; }
      main { flex: 1; min-height: 0; display: grid; gap: 8px; padding: 8px;
        grid-template-columns: minmax(0, 1.04fr) minmax(0, 1fr); }
      main.stale { filter: grayscale(1); }
      .side { display: flex; flex-direction: column; gap: 8px; min-height: 0; }
      .side hz-trend-view { flex: none; }
      .rest { flex: 1; min-height: 0; overflow-y: auto; display: flex; flex-direction: column; gap: 8px; }
      hz-alarm-list { min-height: 0; }
      .fault { background: #171c21; color: #ffe36e; padding: 6px 12px; display: flex; gap: 12px; align-items: center; }
      nav { display: none; }
      @media (max-width: 760px) {
        main { display: block; padding: 6px; overflow-y: auto; }
        main hz-alarm-list { height: 100%; }
        .side, .rest { display: block; overflow: visible; }
        main > *, .side > *, .rest > * { display: none; }
        main[data-tab="alarms"] hz-alarm-list { display: flex; }
        main:not([data-tab="alarms"]) .side { display: block; }
        main[data-tab="trend"] hz-trend-view,
        main[data-tab="points"] .rest, main[data-tab="points"] hz-point-tiles,
        main[data-tab="nodes"] .rest, main[data-tab="nodes"] hz-node-list { display: block; }
        nav { display: grid; grid-template-columns: repeat(4, 1fr); background: var(--bar); flex: none; }
        nav button { background: none; color: var(--bar-muted); border: 0; border-top: 3px solid transparent;
          border-radius: 0; min-height: 48px; padding: 0; }
        nav button:hover:not(:disabled) { background: #2b3b49; }
        nav button[aria-current="page"] { color: #ffffff; border-top-color: #ffc83d; font-weight: 600; }
      }
    `,
  ];

  clock = new ServerClock();
  feed = new LiveFeed("/api/v1/events");
  sound = new Annunciator();
  picture = new Picture(this.clock);
  #staleSince = null;
  #everLive = false;
  #chosen = false;

  constructor() {
    super();
    this.session = undefined;
    this.note = "login.waiting";
    this.live = false;
    this.unwritten = null;
    this.tab = "alarms";
    this.selected = null;
    this.point = null;
    this.fault = false;
  }

  connectedCallback() {
    super.connectedCallback();
    // A screen whose program has failed looks like a calm one; say so.
    for (const kind of ["error", "unhandledrejection"]) this.follow(window, kind, () => (this.fault = true));
    this.follow(this.clock, "tick", () => this.#review());
    this.follow(this.feed, "open", () => this.picture.load());
    this.follow(this.feed, "message", (event) => this.#hear(event.detail));
    this.follow(this.feed, "state", () => (this.feed.connected ? this.#review() : this.picture.lost()));
    this.follow(this.feed, "refused", () => this.#recheck());
    this.#who();
  }

  async #who() {
    try {
      const session = await api.session();
      if (session) this.#begin(session);
      else this.#end("");
    } catch {
      this.note = "login.unreachable";
      setTimeout(() => this.#who(), RETRY_MS);
    }
  }

  async #recheck() {
    // No answer is a server in trouble: the feed tries again by itself.
    const session = await api.session().catch(() => undefined);
    if (session === null) this.#expire();
  }

  #begin(session) {
    this.session = session;
    this.note = "";
    this.picture = new Picture(this.clock);
    this.follow(this.picture, "change", () => this.#review());
    this.follow(this.picture, "arrival", (event) => this.#arrive(event.detail));
    this.follow(this.picture, "ended", () => this.#expire());
    this.#staleSince = null;
    this.#everLive = this.#chosen = false;
    this.point = this.selected = null;
    this.clock.start();
    this.sound.start();
    this.feed.start();
  }

  /** End what the server has ended; not what the user has ended before, for its own reason. */
  #expire() {
    if (this.session) this.#end("login.ended");
  }

  #end(note) {
    this.feed.stop();
    this.sound.stop();
    this.session = null;
    this.note = note;
  }

  #hear(event) {
    if (event.kind === "ping" && Number.isFinite(event.data?.now_ms)) {
      this.clock.take(event.data.now_ms, performance.now());
      this.unwritten = event.data.unwritten_since_ms ?? null;
    }
    this.picture.take(event);
  }

  #arrive(row) {
    this.sound.arrival(row);
    // Until somebody has chosen a trend, the one of the newest alarm is the most likely to be wanted.
    if (!this.#chosen && isOfPoint(row)) this.point = { node: row.node, tag: row.tag };
  }

  /** Say anew whether the screen is live, what sounds, and what the tab is called. */
  #review() {
    if (!this.session) return;
    const live = this.feed.connected && this.picture.loaded;
    if (live) {
      this.#staleSince = null;
      this.#everLive = true;
    } else if (this.#staleSince === null && this.#everLive) {
      const heard = this.feed.lastContact ?? Date.now();
      this.#staleSince = this.clock.now() - (Date.now() - heard);
    }
    this.live = live;
    const alarms = [...this.picture.alarms.values()];
    const blind = this.#staleSince !== null && this.clock.now() - this.#staleSince > STALE_SOUNDS_MS;
    this.sound.follow(alarms, blind);
    const waiting = alarms.filter(isUnacknowledged).length;
    document.title = live ? `${waiting ? `(${waiting}) ` : ""}hazgate` : `⚠ ${t("live.stale")} · hazgate`;
    if (!this.point && this.picture.loaded) this.#choosePoint(alarms);
    this.requestUpdate();
  }

  #choosePoint(alarms) {
    const alarm = gravest(alarms.filter(isOfPoint));
    const first = alarm ?? this.picture.points.values().next().value;
    if (first) this.point = { node: first.node, tag: first.tag };
  }

  #pickAlarm(row) {
    this.selected = keyOf(row);
    this.#chosen = true;
    if (row.tag) this.point = { node: row.node, tag: row.tag };
  }

  #pickPoint(point) {
    this.point = point;
    this.#chosen = true;
    if (matchMedia("(max-width: 760px)").matches) this.tab = "trend";
  }

  async #logout() {
    try {
      await api.logout();
    } catch (failure) {
      if (failure.status !== 401) return;
    }
    this.#end("");
  }

  get #dialog() {
    return this.renderRoot.querySelector("hz-action-dialog");
  }

  render() {
    if (!this.session) {
      return html`<hz-login-page
        .waiting=${this.session === undefined}
        .note=${this.note}
        @logged-in=${(event) => this.#begin(event.detail)}
      ></hz-login-page>`;
    }
    const { picture, clock, live } = this;
    return html`
      <hz-top-bar
        .picture=${picture} .clock=${clock} .feed=${this.feed} .sound=${this.sound} .session=${this.session} .live=${live}
        @logout=${() => this.#logout()}
        @change-password=${() => this.renderRoot.querySelector("hz-password-dialog").open()}
        @show-nodes=${() => this.#showNodes()}
      ></hz-top-bar>
      <hz-live-banner .clock=${clock} .live=${live} .since=${this.#staleSince} .connected=${this.feed.connected}
        .unwritten=${this.unwritten}></hz-live-banner>
      ${this.fault
        ? html`<div class="fault" role="alert">
            ⚠ ${t("live.fault")}<button @click=${() => location.reload()}>${t("live.reload")}</button>
          </div>`
        : nothing}
      <main class=${live ? "" : "stale"} data-tab=${this.tab}>
        <hz-alarm-list
          .picture=${picture} .clock=${clock} .live=${live} .mayAct=${this.session.role !== "viewer"} .selected=${this.selected}
          @pick-alarm=${(event) => this.#pickAlarm(event.detail)}
          @act=${(event) => this.#dialog.open(event.detail.row, event.detail.action)}
        ></hz-alarm-list>
        <div class="side">
          <hz-trend-view .picture=${picture} .clock=${clock} .live=${live} .point=${this.point}></hz-trend-view>
          <div class="rest">
            <hz-point-tiles
              .picture=${picture} .clock=${clock} .live=${live} .point=${this.point}
              @pick-point=${(event) => this.#pickPoint(event.detail)}
            ></hz-point-tiles>
            <hz-node-list .picture=${picture} .clock=${clock} .live=${live}></hz-node-list>
          </div>
        </div>
      </main>
      <nav>
        ${TABS.map(
          (tab) => html`<button aria-current=${tab === this.tab ? "page" : "false"} @click=${() => (this.tab = tab)}>
            ${t(`tab.${tab}`)}
          </button>`,
        )}
      </nav>
      <hz-action-dialog .picture=${picture} .clock=${clock} .live=${live}></hz-action-dialog>
      <hz-password-dialog .session=${this.session} @changed=${() => this.#end("login.changed")} @refused=${() => this.#recheck()}></hz-password-dialog>
    `;
  }

  #showNodes() {
    this.tab = "nodes";
    this.renderRoot.querySelector("hz-node-list")?.scrollIntoView({ block: "start" });
  }
}

const isOfPoint = (row) => row.tag && !isOwn(row);

customElements.define("hz-app", App);
