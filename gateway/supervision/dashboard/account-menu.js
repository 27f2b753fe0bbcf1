/** Whose session this is, and what one may do with it: change the password, log out. */

import { css, html, nothing } from "lit";
import { t } from "./i18n.js";
import { controls } from "./look.js";
import { ScreenElement } from "./screen-element.js";

/** The account with its menu; emits `change-password` and `logout`, through the bar. */
class AccountMenu extends ScreenElement {
  static properties = { session: {}, open: { state: true } };

  static styles = [
    controls,
    css`
      :host { position: relative; }
      .account { display: flex; align-items: center; gap: 6px; background: transparent; color: var(--bar-text); border-color: #6f8191; text-align: left; padding: 2px 8px; }
      .account:hover, .account[aria-expanded="true"] { background: #34485a !important; }
      .account span { line-height: 1.15; max-width: 120px; overflow: hidden; text-overflow: ellipsis; }
      .account small { display: block; font-size: 11.5px; color: var(--bar-muted); }
      svg { width: 18px; height: 18px; flex: none; fill: none; stroke: currentColor; stroke-width: 2; }
      .menu { position: absolute; right: 0; top: calc(100% + 6px); z-index: 5; min-width: 190px; max-width: min(300px, calc(100vw / var(--zoom) - 16px));
        padding: 10px; display: grid; gap: 8px; background: var(--panel); color: var(--text); border: 1px solid var(--line); border-radius: 6px; box-shadow: 0 4px 16px #0005; }
      .menu p { margin: 0; overflow-wrap: anywhere; }
      .menu p small { display: block; font-size: 12.5px; color: var(--muted); }
      .menu button { text-align: left; }
      @media (max-width: 1500px) {
        .account span { display: none; }
      }
      @media (max-width: 760px) {
        .account { min-height: 40px; padding: 2px 10px; }
        .account svg { width: 20px; height: 20px; }
      }
    `,
  ];

  connectedCallback() {
    super.connectedCallback();
    this.follow(document, "pointerdown", (event) => {
      if (!event.composedPath().includes(this)) this.open = false;
    });
    this.follow(this, "keydown", (event) => {
      if (event.key === "Escape" && this.open) this.#close();
    });
    // Some browsers do not focus a button that is clicked: only a focus that is elsewhere closes the menu.
    this.follow(this, "focusout", (event) => {
      if (event.relatedTarget && event.relatedTarget !== this) this.open = false;
    });
  }

  #close() {
    this.open = false;
    this.renderRoot.querySelector(".account").focus();
  }

  #choose(name) {
    // What is pressed vanishes with the menu; a dialog gives the focus back to the account.
    this.#close();
    this.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
  }

  render() {
    const { name, role } = this.session;
    const kind = t(`role.${role}`);
    return html`
      <button class="account" data-testid="account" aria-label=${t("bar.account", { name, role: kind })} title=${`${name} · ${kind}`}
        aria-expanded=${this.open ? "true" : "false"} aria-controls="menu" @click=${() => (this.open = !this.open)}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="8" r="4.5"/><path d="M3.5 21a8.5 8.5 0 0 1 17 0"/></svg>
        <span>${name}<small>${kind}</small></span>
      </button>
      ${this.open
        ? html`<div class="menu" id="menu" data-testid="account-menu">
            <p>${name}<small>${kind}</small></p>
            <button data-testid="change-password" @click=${() => this.#choose("change-password")}>${t("bar.password")}</button>
            <button data-testid="logout" @click=${() => this.#choose("logout")}>${t("bar.logout")}</button>
          </div>`
        : nothing}
    `;
  }
}

customElements.define("hz-account-menu", AccountMenu);
