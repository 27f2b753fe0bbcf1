/** Acknowledge, reset, or an act of this tier, with a comment. It rests on the alarm as the operator saw it here. */

import { css, html, nothing } from "lit";
import * as api from "./api.js";
import { ageText, timeText } from "./clock.js";
import { t } from "./i18n.js";
import { alarmsByPoint, presentOf } from "./judging.js";
import { controls, dialogs, mark, markStyle } from "./look.js";
import { pointKey } from "./picture.js";
import { keyOf } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { figuresOf, isOfCentre, levelOf, placeOf, siteOf, stateOf, titleOf } from "./words.js";

const REASONS = { 0: "act.unreachable", 403: "act.forbidden", 404: "act.unknown", 409: "act.conflict" };
const QUICK = ["act.quick.1", "act.quick.2", "act.quick.3"];
const ACTS = ["received", "questioned", "urged", "escalated", "closed"];
const NEED_COMMENT = new Set(["questioned", "urged"]);
const COMMENT_LENGTH = 500;

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The dialog; `open(row, action)` shows it. */
class ActionDialog extends ScreenElement {
  static properties = {
    picture: {}, clock: {}, live: {},
    row: { state: true }, action: { state: true }, comment: { state: true }, busy: { state: true }, failure: { state: true }, what: { state: true },
  };
  #id = "";

  static styles = [
    controls,
    markStyle,
    dialogs,
    css`
      dialog { width: min(540px, calc(100vw / var(--zoom) - 16px)); }
      .alarm { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 12px; align-items: start; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 10px; }
      .alarm b { font-size: 16px; }
      .alarm .present { font-size: inherit; }
      .alarm p { margin: 2px 0 0; }
      .level { font-size: 12px; margin-left: 4px; border: 1px solid #6d7780; border-radius: 3px; padding: 0 5px; }
      textarea { min-height: 72px; resize: vertical; font-weight: 400; }
      .acts { display: flex; flex-wrap: wrap; gap: 4px 14px; border: 0; margin: 0; padding: 0; }
      .acts legend { padding: 0; font-weight: 600; }
      .acts label { display: flex; gap: 4px; align-items: center; font-weight: 400; }
      .acts input { width: auto; min-height: 0; }
      .quick { display: flex; flex-wrap: wrap; gap: 6px; }
      .quick button { min-height: 28px; padding: 2px 8px; font-size: 12.5px; white-space: normal; text-align: left; }
      .warn { margin: 0; padding: 8px 10px; background: var(--medium-tint); border-left: 4px solid #8a7400; }
      .warn button { margin-left: 8px; }
    `,
  ];

  sources() {
    return [[this.picture, "change"], [this.clock, "tick"]];
  }

  /**
   * Show the dialog.
   *
   * @param {object} row the alarm as it was pressed
   * @param {"acknowledge"|"reset"|"act"} action
   */
  async open(row, action) {
    this.row = row;
    this.action = action;
    this.comment = "";
    this.what = ACTS[0];
    this.#id = newId();
    this.failure = null;
    this.busy = false;
    await this.updateComplete;
    const dialog = this.renderRoot.querySelector("dialog");
    if (!dialog.open) dialog.showModal();
    this.renderRoot.querySelector("textarea").focus();
  }

  #close() {
    this.renderRoot.querySelector("dialog").close();
  }

  async #send(event) {
    event.preventDefault();
    const { row, action } = this;
    if (!this.#ready()) return;
    this.busy = true;
    this.failure = null;
    try {
      // The same id again after a failure: the server may have recorded it before the line broke.
      if (action === "act") await api.record(row, this.what, this.comment.trim(), this.#id);
      else this.picture.ordered(row, await api.act(row, action, this.comment.trim()));
      if (this.row === row) this.#close();
    } catch (failure) {
      this.failure = failure;
    } finally {
      this.busy = false;
    }
  }

  #ready() {
    if (this.busy || !this.live) return false;
    // An act is about an occurrence, also one that has ended meanwhile; an order needs the alarm as it was seen.
    if (this.action !== "act") return this.#standing() === "same";
    return !NEED_COMMENT.has(this.what) || this.comment.trim() !== "";
  }

  #choose(what) {
    this.what = what;
    this.failure = null;
    // Another act is another thing to record, not the same sent again.
    this.#id = newId();
  }

  /** Whether the alarm is still the one shown: "same", "changed" or "gone". */
  #standing() {
    const present = this.picture.alarms.get(keyOf(this.row));
    if (!present) return "gone";
    return present.revision === this.row.revision && present.occurrence === this.row.occurrence ? "same" : "changed";
  }

  #look() {
    this.row = this.picture.alarms.get(keyOf(this.row)) ?? this.row;
    this.failure = null;
    if (this.action === "acknowledge" && this.row.state === "LACKED") this.action = "reset";
  }

  #type(event) {
    // Enter sends, as in a form of one line; Shift+Enter and an input method's Enter do not.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  }

  render() {
    return html`<dialog @close=${() => (this.row = null)} aria-label=${this.action ? t(`act.${this.action}.title`) : ""}>
      ${this.row ? this.#form(this.row) : nothing}
    </dialog>`;
  }

  #form(row) {
    const now = this.clock.now();
    const { nodes, points } = this.picture;
    const around = alarmsByPoint(this.picture.alarms.values()).get(pointKey(row)) ?? [];
    const present = presentOf(row, { nodes, points, live: this.live }, around, now);
    const standing = this.busy ? "same" : this.#standing();
    const reason = this.failure && t(REASONS[this.failure.status] ?? "act.failed", { reason: this.failure.message });
    return html`<form method="dialog" @submit=${this.#send}>
      <h2>${t(`act.${this.action}.title`)}</h2>
      <div class="alarm">
        ${mark(row.priority)}
        <div>
          <b>${titleOf(row)}</b> ${levelOf(row) ? html`<span class="level">${levelOf(row)}</span>` : nothing}
          <p>${figuresOf(row, now)}${present ? html` · <b class="present">${t("row.present", { value: present })}</b>` : nothing}</p>
          <p>${placeOf(row)}</p>
          <p>${siteOf(row)}</p>
          <p>${stateOf(row)} · ${t("row.raised", { time: timeText(row.raised_ms, now), age: ageText(now - row.raised_ms) })}</p>
        </div>
      </div>
      ${this.live ? nothing : html`<p class="warn">⚠ ${t("act.stale")}</p>`}
      ${standing === "gone" && this.action !== "act" ? html`<p class="warn" role="status">${t("act.gone")}</p>` : nothing}
      ${standing === "changed" && this.action !== "act" ? this.#changed(row) : nothing}
      ${reason ? html`<p class="failure" role="alert" data-testid="ack-failure">${reason}</p>` : nothing}
      ${this.action === "act" ? this.#acts() : nothing}
      <label
        >${t(this.action === "act" ? "act.act.comment" : "act.comment")}
        <textarea data-testid="ack-comment" maxlength=${COMMENT_LENGTH} placeholder=${t(this.action === "act" ? "act.act.hint" : "act.comment.hint")} .value=${this.comment}
          @input=${this.#write} @keydown=${this.#type}></textarea>
      </label>
      ${this.action === "acknowledge"
        ? html`<div class="quick">
            ${(isOfCentre(row) ? QUICK.slice(0, 1) : QUICK).map((key) => html`<button type="button" @click=${() => (this.comment = t(key))}>${t(key)}</button>`)}
          </div>`
        : nothing}
      <p class="note">${isOfCentre(row) ? t("act.acknowledge.note.centre") : t(`act.${this.action}.note`)}</p>
      <div class="end">
        <button type="button" @click=${this.#close}>${t("act.cancel")}</button>
        <button class="main" data-testid="ack-send" ?disabled=${!this.#ready()}>
          ${t(this.busy ? "act.sending" : `act.${this.action}`)}
        </button>
      </div>
    </form>`;
  }

  #write(event) {
    this.comment = event.target.value;
    if (this.action === "act" && this.failure) this.#choose(this.what);
  }

  #acts() {
    return html`<fieldset class="acts">
      <legend>${t("act.act.what")}</legend>
      ${ACTS.map(
        (what) => html`<label><input type="radio" name="what" value=${what} data-testid=${`act-${what}`} .checked=${this.what === what}
          @change=${() => this.#choose(what)}>${t(`do.${what}`)}</label>`,
      )}
    </fieldset>`;
  }

  #changed(row) {
    const present = this.picture.alarms.get(keyOf(row));
    return html`<p class="warn" role="alert">
      ${t("act.changed")} <b>${stateOf(present)}</b> ${figuresOf(present, this.clock.now())}
      <button type="button" data-testid="ack-look" @click=${this.#look}>${t("act.look")}</button>
    </p>`;
  }
}

customElements.define("hz-action-dialog", ActionDialog);
