/** Change the own password. Every session of the account ends with it, so that this screen falls silent: it says so. */

import { css, html, nothing } from "lit";
import * as api from "./api.js";
import { t } from "./i18n.js";
import { controls, dialogs } from "./look.js";
import { ScreenElement } from "./screen-element.js";

// What the server takes, so that nobody waits for its answer to learn it.
const SHORTEST = 10;
const LONGEST = 256;
// By the server's word: the field that is to blame, if one is, and what to say.
const REFUSALS = {
  wrong: ["old", "password.wrong"],
  throttled: ["", "password.many"],
  account: ["new", "password.refused"],
  invalid: ["new", "password.refused"],
  unreachable: ["", "password.unreachable"],
};

/** The dialog; `open()` shows it. Emits `changed` when the password is a new one, `refused` when the session has ended. */
class PasswordDialog extends ScreenElement {
  static properties = {
    session: {},
    shown: { state: true }, plain: { state: true }, busy: { state: true }, fault: { state: true },
  };

  static styles = [
    controls,
    dialogs,
    css`
      dialog { width: min(420px, calc(100vw / var(--zoom) - 16px)); }
      h2 small { display: block; font-size: 12.5px; font-weight: 400; color: var(--muted); overflow-wrap: anywhere; }
      input { min-height: 40px; width: 100%; font-weight: 400; }
      input[aria-invalid="true"] { border: 2px solid var(--critical); }
      .field { display: grid; gap: 4px; }
      .plain { display: flex; align-items: center; gap: 8px; font-weight: 400; width: max-content; }
      .plain input { width: 18px; height: 18px; min-height: 0; margin: 0; }
    `,
  ];

  /** Show the dialog, empty. */
  async open() {
    this.plain = false;
    this.busy = false;
    this.fault = null;
    this.shown = true;
    await this.updateComplete;
    const dialog = this.renderRoot.querySelector("dialog");
    if (!dialog.open) dialog.showModal();
    this.#field("old").focus();
  }

  #field(name) {
    return this.renderRoot.querySelector(`input[name="${name}"]`);
  }

  #close() {
    this.renderRoot.querySelector("dialog").close();
  }

  async #blame(field, key, values) {
    this.fault = { field, key, values };
    await this.updateComplete;
    if (field) this.#field(field)?.select();
  }

  async #send(event) {
    event.preventDefault();
    if (this.busy) return;
    const form = Object.fromEntries(new FormData(event.target));
    // Taken away first: said anew, the same words are heard again.
    this.fault = null;
    await this.updateComplete;
    const mistake = mistakeOf(form);
    if (mistake) {
      this.#blame(...mistake);
      return;
    }
    this.busy = true;
    try {
      await api.changePassword(form.old, form.new);
      this.#close();
      this.dispatchEvent(new Event("changed"));
    } catch (failure) {
      if (failure.status === 401) this.dispatchEvent(new Event("refused"));
      const [field, key] = REFUSALS[failure.code] ?? ["", "password.failed"];
      this.#blame(field, key, { reason: failure.message });
    } finally {
      this.busy = false;
    }
  }

  render() {
    // Without the form nothing typed stays in the page.
    return html`<dialog aria-labelledby="title" data-testid="password" @close=${() => (this.shown = false)}>${this.shown ? this.#form() : nothing}</dialog>`;
  }

  #form() {
    const { name } = this.session;
    return html`<form method="dialog" novalidate @submit=${this.#send} @input=${() => (this.fault = null)}>
      <h2 id="title">${t("password.title")}<small>${t("password.account", { name })}</small></h2>
      <input class="heard" name="name" autocomplete="username" .value=${name} readonly tabindex="-1" aria-hidden="true">
      ${this.#input("old", "current-password")}
      ${this.#input("new", "new-password", html`<p class="note" id="length">${t("password.rule", { least: SHORTEST, most: LONGEST })}</p>`)}
      ${this.#input("again", "new-password")}
      <label class="plain"><input type="checkbox" .checked=${this.plain} @change=${(event) => (this.plain = event.target.checked)}>${t("password.show")}</label>
      ${this.fault?.field === "" ? this.#failure() : nothing}
      <p class="note">${t("password.note")}</p>
      <div class="end">
        <button type="button" @click=${this.#close}>${t("password.cancel")}</button>
        <button class="main" data-testid="password-send" ?disabled=${this.busy}>${t(this.busy ? "password.sending" : "password.send")}</button>
      </div>
    </form>`;
  }

  #input(name, autocomplete, rule = nothing) {
    const blamed = this.fault?.field === name;
    const described = [blamed && "failure", rule !== nothing && "length"].filter(Boolean).join(" ");
    return html`<div class="field">
      <label>${t(`password.field.${name}`)}
        <input name=${name} type=${this.plain ? "text" : "password"} autocomplete=${autocomplete} autocapitalize="none" spellcheck="false"
          aria-required="true" aria-invalid=${blamed ? "true" : "false"} aria-describedby=${described || nothing}></label>
      ${rule}${blamed ? this.#failure() : nothing}
    </div>`;
  }

  #failure() {
    return html`<p class="failure" id="failure" role="alert">${t(this.fault.key, this.fault.values)}</p>`;
  }
}

/** What is wrong before anything is sent, as [field, key, values], or null. */
function mistakeOf({ old, new: fresh, again }) {
  // Characters as the server counts them, not the halves of one.
  const n = [...fresh].length;
  if (!old) return ["old", "password.missing"];
  if (n < SHORTEST || n > LONGEST) return ["new", "password.length", { n, least: SHORTEST, most: LONGEST }];
  if (fresh === old) return ["new", "password.same"];
  if (again !== fresh) return ["again", "password.differs"];
  return null;
}

customElements.define("hz-password-dialog", PasswordDialog);
