/**
 * The audible part: a tone of its own for each priority, made by WebAudio, no file.
 *
 * A tone is a loop in the audio thread, so that it goes on when the browser lets a hidden tab sleep.
 * Muting lasts minutes, never for ever, and a new alarm ends it (as GB 16808 asks of gas alarm panels).
 */

import { gravest, isUnacknowledged, priorityOf } from "./ranking.js";

const RATE = 22_050;
const LEVEL = 0.32;
const EDGE_S = 0.012;
const MINIMUM_MS = 4_000;
const STALL_MS = 2_500;

/** Tones as [frequency Hz, from s, to s] within a period of s; the graver, the faster and the higher. */
const PATTERNS = {
  critical: { period: 0.8, notes: [[988, 0, 0.2], [1319, 0.2, 0.4], [988, 0.4, 0.6], [1319, 0.6, 0.8]] },
  high: { period: 2, notes: [[880, 0, 0.22], [880, 0.34, 0.56], [880, 0.68, 0.9]] },
  medium: { period: 4, notes: [[660, 0, 0.25], [660, 0.4, 0.65]] },
  low: { period: 8, notes: [[494, 0, 0.3]] },
  stale: { period: 6, notes: [[392, 0, 0.35], [262, 0.4, 0.9]] },
};
const GRAVITY = Object.keys(PATTERNS);

/** Sounds what stands unacknowledged; emits `change`. */
export class Annunciator extends EventTarget {
  /** `on`, `sounding`, `muted`, `blocked` or `none`. */
  state = "blocked";
  #context = null;
  #buffers = {};
  #playing = null;
  #pattern = null;
  #wanted = null;
  #mutedUntil = 0;
  #holdUntil = 0;
  #holdPattern = null;
  #timer = 0;
  #progress = { audio: -1, at: 0 };

  /** Ask for the sound device; a browser gives it only after a click or a key. */
  start() {
    if (this.#timer) return;
    if (!globalThis.AudioContext) {
      this.state = "none";
      return;
    }
    this.#timer = setInterval(() => this.#review(), 500);
    if (navigator.userActivation?.hasBeenActive !== false) this.unblock();
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, this.unblock, { capture: true });
  }

  /** Be silent and give the device back. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    for (const kind of ["pointerdown", "keydown"]) document.removeEventListener(kind, this.unblock, { capture: true });
    this.#play(null);
    this.#context?.close();
    this.#context = null;
    this.#buffers = {};
    this.#wanted = this.#holdPattern = null;
    this.#mutedUntil = this.#holdUntil = 0;
  }

  /** Try to sound; works from a click or a key. */
  unblock = () => {
    if (!globalThis.AudioContext) return;
    this.#context ??= new AudioContext();
    if (this.#context.state !== "running") this.#context.resume().then(() => this.#review(), () => this.#review());
    this.#review();
  };

  /**
   * Say what stands.
   *
   * @param {object[]} alarms all rows
   * @param {boolean} stale whether the screen is not live, which sounds too where no alarm does
   */
  follow(alarms, stale) {
    // Returned alarms wait for their acknowledgement without sound (ISA-18.2, figure 2).
    const sounding = alarms.filter((row) => isUnacknowledged(row) && row.state !== "RTNUN");
    const worst = gravest(sounding);
    this.#wanted = worst ? priorityOf(worst.priority) : stale ? "stale" : null;
    this.#review();
  }

  /** A new alarm: it sounds even when muted, and for some seconds even when it returns at once. */
  arrival(row) {
    this.#mutedUntil = 0;
    const present = performance.now() < this.#holdUntil ? this.#holdPattern : null;
    const name = priorityOf(row.priority);
    if (!present || GRAVITY.indexOf(name) < GRAVITY.indexOf(present)) this.#holdPattern = name;
    this.#holdUntil = performance.now() + MINIMUM_MS;
    this.#review();
  }

  /** Be silent for some minutes, or until the next new alarm. 0 ends it. */
  mute(minutes) {
    this.#mutedUntil = minutes ? performance.now() + minutes * 60_000 : 0;
    this.#holdUntil = 0;
    this.#review();
  }

  /** How long the mute still lasts, ms. */
  get muteLeft() {
    return Math.max(0, this.#mutedUntil - performance.now());
  }

  /** Play each tone once, the gravest first. */
  test() {
    this.unblock();
    const context = this.#context;
    if (!context) return;
    let at = context.currentTime + 0.05;
    for (const name of GRAVITY) {
      const source = this.#source(name);
      source.start(at);
      const notes = PATTERNS[name].notes;
      at += notes[notes.length - 1][2] + 0.5;
      source.stop(at - 0.3);
    }
  }

  #review() {
    const now = performance.now();
    const running = this.#context?.state === "running" && this.#advances(now);
    const muted = now < this.#mutedUntil;
    const held = now < this.#holdUntil ? this.#holdPattern : null;
    const pattern = [this.#wanted, held].filter(Boolean).sort((a, b) => GRAVITY.indexOf(a) - GRAVITY.indexOf(b))[0] ?? null;
    this.#play(running && !muted ? pattern : null);
    const state = !globalThis.AudioContext ? "none" : !running ? "blocked" : muted ? "muted" : pattern ? "sounding" : "on";
    if (state === this.state && state !== "muted") return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }

  // A context may say "running" while the device is gone; then its clock stands still and nothing is heard.
  #advances(now) {
    if (this.#context.currentTime !== this.#progress.audio) this.#progress = { audio: this.#context.currentTime, at: now };
    return now - this.#progress.at < STALL_MS;
  }

  #play(pattern) {
    const name = pattern === null || Object.hasOwn(PATTERNS, pattern) ? pattern : "critical";
    if (name === this.#pattern) return;
    // The next tone first: whatever fails in it must not end the one that sounds, and is tried again.
    const next = name && this.#source(name);
    if (next) {
      next.loop = true;
      next.start();
    }
    this.#playing?.stop();
    this.#playing = next;
    this.#pattern = name;
  }

  #source(name) {
    this.#buffers[name] ??= render(this.#context, PATTERNS[name]);
    const source = new AudioBufferSourceNode(this.#context, { buffer: this.#buffers[name] });
    source.connect(this.#context.destination);
    return source;
  }
}

function render(context, { period, notes }) {
  const buffer = context.createBuffer(1, Math.round(period * RATE), RATE);
  const samples = buffer.getChannelData(0);
  for (const [frequency, from, to] of notes) {
    const end = Math.min(samples.length, Math.round(to * RATE));
    for (let i = Math.round(from * RATE); i < end; i += 1) {
      const second = i / RATE;
      const edge = Math.min(1, (second - from) / EDGE_S, (to - second) / EDGE_S);
      const phase = 2 * Math.PI * frequency * second;
      // A few overtones: old ears and small loudspeakers lose a pure tone.
      samples[i] = LEVEL * edge * (Math.sin(phase) + 0.35 * Math.sin(2 * phase) + 0.2 * Math.sin(3 * phase));
    }
  }
  return buffer;
}
