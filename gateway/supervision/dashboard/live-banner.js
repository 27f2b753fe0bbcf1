/** The banner nobody can miss: this screen is not live, or its centre keeps nothing; since when, and what to do. */

import { css, html, nothing } from "lit";
import { ageText, timeText } from "./clock.js";
import { t } from "./i18n.js";
import { controls } from "./look.js";
import { ScreenElement } from "./screen-element.js";

// Loading anew takes some milliseconds; a banner that only flashes would teach people to ignore it.
const PATIENCE_MS = 1_000;

/** Shown while the screen is not live, and while its centre cannot write (`unwritten`: since when, ms). */
class LiveBanner extends ScreenElement {
  static properties = { clock: {}, live: {}, since: {}, connected: {}, unwritten: {} };

  static styles = [
    controls,
    css`
      div { display: grid; grid-template-columns: 44px 1fr 44px; align-items: stretch; background: #171c21; color: #ffffff; }
      i { background: repeating-linear-gradient(-45deg, #ffc83d 0 12px, #171c21 12px 24px); }
      p { margin: 0; padding: 10px 18px; }
      b { display: block; font-size: 22px; line-height: 1.25; color: #ffd766; }
      @media (max-width: 760px) {
        div { grid-template-columns: 14px 1fr 14px; }
        b { font-size: 17px; }
        p { padding: 8px 10px; font-size: 13px; }
      }
    `,
  ];
  #from = null;

  sources() {
    return [[this.clock, "tick"]];
  }

  render() {
    if (this.live) {
      this.#from = null;
      return this.unwritten === null ? nothing : this.#unwritten();
    }
    this.#from ??= performance.now();
    const waited = performance.now() - this.#from;
    const known = this.since !== null && this.since !== undefined;
    // A stream that is open and only reads anew gets a moment; a broken one is told at once.
    if (waited < PATIENCE_MS && (this.connected || !known)) {
      setTimeout(() => this.requestUpdate(), PATIENCE_MS - waited + 20);
      return nothing;
    }
    const now = this.clock.now();
    return html`<div role="alert" data-testid="stale-banner">
      <i></i>
      ${known
        ? html`<p>
            <b>⚠ ${t("live.since", { time: timeText(this.since, now) })}</b>
            ${t("live.advice", { age: ageText(now - this.since) })}
          </p>`
        : html`<p><b>⚠ ${t("live.never")}</b>${this.connected ? t("live.reading") : nothing}</p>`}
      <i></i>
    </div>`;
  }

  #unwritten() {
    const now = this.clock.now();
    return html`<div role="alert" data-testid="unwritten-banner">
      <i></i>
      <p>
        <b>⚠ ${t("store.since", { time: timeText(this.unwritten, now) })}</b>
        ${t("store.advice", { age: ageText(now - this.unwritten) })}
      </p>
      <i></i>
    </div>`;
  }
}

customElements.define("hz-live-banner", LiveBanner);
