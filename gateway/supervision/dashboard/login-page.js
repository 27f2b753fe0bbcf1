/** Who are you: the only page without a session. */

import { css, html, nothing } from "lit";
import * as api from "./api.js";
import { language, t } from "./i18n.js";
import { controls } from "./look.js";
import { ScreenElement } from "./screen-element.js";

const REASONS = { 0: "login.unreachable", 401: "login.wrong", 429: "login.many" };

// Not a failure: the user has done this.
const CHANGED = "login.changed";

/** The form for a name and a password; emits `logged-in` with the session. */
class LoginPage extends ScreenElement {
  static properties = { waiting: {}, note: {}, busy: { state: true }, failure: { state: true } };

  static styles = [
    controls,
    css`
      :host { height: calc(100dvh / var(--zoom)); overflow-y: auto; display: grid; place-items: center; padding: 16px; }
      section { width: min(380px, 100%); background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
      header { display: flex; align-items: center; gap: 12px; background: var(--bar); color: var(--bar-text); padding: 16px 20px; }
      header img { width: 40px; height: 40px; }
      h1 { font-size: 22px; line-height: 1.15; margin: 0; }
      header p { margin: 2px 0 0; font-size: 12.5px; color: var(--bar-muted); }
      header button { margin-left: auto; background: transparent; color: inherit; border-color: #6f8191; }
      header button:hover:not(:disabled) { background: #34485a; }
      form, .wait { padding: 20px; display: grid; gap: 14px; }
      label { display: grid; gap: 4px; font-weight: 600; }
      input { min-height: 40px; font-weight: 400; }
      .main { min-height: 42px; }
      .done { margin: 0; padding: 8px 10px; background: var(--raised); border-left: 4px solid var(--ink); }
      .failure { margin: 0; padding: 8px 10px; background: var(--critical-tint); border-left: 4px solid var(--critical); }
    `,
  ];

  async #send(event) {
    event.preventDefault();
    if (this.busy) return;
    const form = new FormData(event.target);
    this.busy = true;
    this.failure = null;
    try {
      const session = await api.login(form.get("name"), form.get("password"));
      this.dispatchEvent(new CustomEvent("logged-in", { detail: session }));
    } catch (failure) {
      this.failure = failure;
    } finally {
      this.busy = false;
    }
  }

  #problem() {
    if (this.failure) return t(REASONS[this.failure.status] ?? "login.failed", { reason: this.failure.message });
    return this.note && this.note !== CHANGED && !this.waiting ? t(this.note) : "";
  }

  updated(changed) {
    // Where a dialog has closed, the focus lies nowhere.
    if (changed.has("waiting") && !this.waiting) this.renderRoot.querySelector('input[name="name"]').focus();
  }

  render() {
    const problem = this.#problem();
    const changed = this.note === CHANGED && !problem;
    return html`<section>
      <header>
        <img src="/static/favicon.svg" alt="">
        <div>
          <h1>hazgate</h1>
          <p>${t("product.subtitle")}</p>
        </div>
        <button data-testid="language" aria-label=${t("language.switch")} @click=${() => language.toggle()}>
          ${t("language.other")}
        </button>
      </header>
      ${this.waiting
        ? html`<p class="wait" role="status">${t(this.note || "login.waiting")}</p>`
        : html`<form data-testid="login" @submit=${this.#send}>
            ${problem ? html`<p class="failure" role="alert">${problem}</p>` : nothing}
            ${changed ? html`<p class="done" role="status" id="done">${t(this.note)}</p>` : nothing}
            <label>${t("login.name")}<input name="name" autocomplete="username" autocapitalize="none" required autofocus aria-describedby=${changed ? "done" : nothing}></label>
            <label>${t("login.password")}<input name="password" type="password" autocomplete="current-password" required></label>
            <button class="main" ?disabled=${this.busy}>${t("login.send")}</button>
          </form>`}
    </section>`;
  }
}

customElements.define("hz-login-page", LoginPage);
