/** The base of every component: it renders anew when the language or one of its sources changes. */

import { LitElement } from "lit";
import { language } from "./i18n.js";

/** A component that follows event sources for as long as it is on the page. */
export class ScreenElement extends LitElement {
  #ends = [];

  /**
   * What makes this component render anew, as [target, event name] pairs; read when it enters the page.
   *
   * @returns {[EventTarget, string][]}
   */
  sources() {
    return [];
  }

  /** Call `listener` on an event for as long as this component is on the page; `first` before what lies within. */
  follow(target, name, listener, first = false) {
    target.addEventListener(name, listener, first);
    this.#ends.push(() => target.removeEventListener(name, listener, first));
  }

  connectedCallback() {
    super.connectedCallback();
    const again = () => this.requestUpdate();
    this.follow(language, "change", again);
    for (const [target, name] of this.sources()) this.follow(target, name, again);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }
}
