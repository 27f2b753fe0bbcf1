/**
 * The server's clock as seen from here.
 *
 * Ages are told against it, because a wrong clock in an operator's computer must not make an alarm
 * look younger. Between answers it runs on `performance.now()`, which nobody can set back.
 */

import { t } from "./i18n.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Tells the server's time; emits `tick` each second. */
export class ServerClock extends EventTarget {
  #serverMs = Date.now();
  #takenAt = performance.now();
  #known = false;
  #timer = 0;

  /** Begin to tick. */
  start() {
    if (this.#timer) return;
    this.#timer = setInterval(() => this.dispatchEvent(new Event("tick")), SECOND);
  }

  /**
   * Take the server's time from an answer.
   *
   * @param {number} nowMs the server's clock when it answered
   * @param {number} askedAt `performance.now()` when it was asked; half of the way is given to each direction
   */
  take(nowMs, askedAt) {
    const heard = performance.now();
    this.#serverMs = nowMs + (heard - askedAt) / 2;
    this.#takenAt = heard;
    this.#known = true;
  }

  /** The server's time now, ms since the epoch. */
  now() {
    return this.#serverMs + (performance.now() - this.#takenAt);
  }

  /** How far this computer's clock is ahead of the server's, ms; 0 until the server has spoken. */
  get browserAhead() {
    return this.#known ? Date.now() - this.now() : 0;
  }
}

const two = (number) => String(number).padStart(2, "0");

/**
 * A time of day with seconds in the browser's time zone, with the date where the time alone could mislead.
 *
 * @param {number|null} ms
 * @param {number} [nowMs] what is told from; without it the date is left out
 */
export function timeText(ms, nowMs) {
  if (ms === null || ms === undefined) return "—";
  const when = new Date(ms);
  const clock = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  const now = new Date(nowMs ?? ms);
  // Just after midnight "23:58" is plain; a day later it would be taken for tonight's.
  if (when.toDateString() === now.toDateString() || Math.abs(now - when) < HOUR * 12) return clock;
  const day = `${two(when.getMonth() + 1)}-${two(when.getDate())} ${clock}`;
  return when.getFullYear() === now.getFullYear() ? day : `${when.getFullYear()}-${day}`;
}

/**
 * How long ago, in two units at most.
 *
 * @param {number} ms a length of time; a negative one counts as nothing
 */
export function ageText(ms) {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return t("age.s", { s: Math.floor(whole / SECOND) });
  if (whole < HOUR) return t("age.m", { m: Math.floor(whole / MINUTE), s: two(Math.floor((whole % MINUTE) / SECOND)) });
  if (whole < DAY) return t("age.h", { h: Math.floor(whole / HOUR), m: two(Math.floor((whole % HOUR) / MINUTE)) });
  return t("age.d", { d: Math.floor(whole / DAY), h: Math.floor((whole % DAY) / HOUR) });
}
