/** Whether this screen can be heard, and how to make it silent for a while. */

import { css, html, nothing, svg } from "lit";
import { ageText } from "./clock.js";
import { t } from "./i18n.js";
import { controls } from "./look.js";
import { ScreenElement } from "./screen-element.js";

const MINUTES = [1, 5, 10];

/** The sound state with its menu. */
class SoundControl extends ScreenElement {
  static properties = { sound: {}, clock: {}, open: { state: true } };

  static styles = [
    controls,
    css`
      :host { position: relative; }
      .state { background: transparent; color: var(--bar-text); border-color: #6f8191; }
      .state[data-sound="on"]:hover { background: #34485a; }
      .state[data-sound="blocked"], .state[data-sound="none"], .state[data-sound="muted"] {
        background: #ffc83d; color: #171c21; border-color: #ffc83d; font-weight: 600; }
      .state[data-sound="sounding"] { background: #ffffff; color: #171c21; font-weight: 600; }
      .state[data-sound]:not([data-sound="on"]):hover { background: #ffe3a0; }
      svg { width: 16px; height: 16px; vertical-align: -3px; margin-right: 4px; fill: none; stroke: currentColor; stroke-width: 2; }
      .menu { position: absolute; right: 0; top: calc(100% + 6px); z-index: 5; width: 260px; padding: 10px; display: grid; gap: 8px;
        background: var(--panel); color: var(--text); border: 1px solid var(--line); border-radius: 6px; box-shadow: 0 4px 16px #0005; }
      .menu div { display: grid; gap: 6px; grid-template-columns: repeat(auto-fit, minmax(100px, 1fr)); }
      p { margin: 0; font-size: 12.5px; color: var(--muted); }
      @media (max-width: 760px) {
        .menu { position: fixed; right: 8px; left: 8px; top: 96px; width: auto; }
        .state span { display: none; }
        .state { min-height: 40px; padding: 2px 10px; }
        .state svg { width: 20px; height: 20px; margin: 0; vertical-align: -5px; }
      }
    `,
  ];

  #before = null;

  sources() {
    return [[this.sound, "change"], [this.clock, "tick"]];
  }

  connectedCallback() {
    super.connectedCallback();
    // Going down, pointer and key already enable the sound; the click that follows must not open the menu too.
    for (const kind of ["pointerdown", "keydown"]) this.follow(window, kind, () => (this.#before = this.sound.state), true);
    this.follow(document, "pointerdown", (event) => {
      if (!event.composedPath().includes(this)) this.open = false;
    });
    this.follow(document, "keydown", (event) => {
      if (event.key === "Escape") this.open = false;
    });
  }

  #press() {
    const before = this.#before ?? this.sound.state;
    this.#before = null;
    if (before === "blocked") this.sound.unblock();
    else if (before !== "none") this.open = !this.open;
  }

  #mute(minutes) {
    this.sound.mute(minutes);
    this.open = false;
  }

  render() {
    const { state } = this.sound;
    const silent = state === "blocked" || state === "none" || state === "muted";
    return html`
      <button class="state" aria-label=${t(`sound.${state}`, { left: "" })} data-testid="sound" data-sound=${state} aria-expanded=${this.open ? "true" : "false"} @click=${this.#press}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M3 9v6h4l6 5V4L7 9Z"/>${silent ? svg`<path d="M17 9l5 6m0-6-5 6"/>` : svg`<path d="M17 8a6 6 0 0 1 0 8M20 5a10 10 0 0 1 0 14"/>`}
        </svg>
        <span>${t(`sound.${state}`, { left: ageText(this.sound.muteLeft + 999) })}</span>
      </button>
      ${this.open
        ? html`<div class="menu">
            <div>
              ${MINUTES.map((n) => html`<button data-testid="mute" data-minutes=${n} @click=${() => this.#mute(n)}>${t("sound.mute.for", { n })}</button>`)}
              ${state === "muted" ? html`<button class="main" @click=${() => this.#mute(0)}>${t("sound.unmute")}</button>` : nothing}
              <button @click=${() => this.sound.test()}>${t("sound.test")}</button>
            </div>
            <p>${t("sound.rule")}</p>
          </div>`
        : nothing}
    `;
  }
}

customElements.define("hz-sound-control", SoundControl);
