/**
 * The event stream, and the one question that matters about it: is this screen live?
 *
 * The server speaks at least every 5 s. A stream that fails, or says nothing for 12 s (a cut cable
 * closes no connection), is not live from the moment something was last heard.
 */

const KINDS = ["alarm", "node", "points", "order", "readings", "reset", "ping"];
const SILENCE_MS = 12_000;
const RETRY_MS = 3_000;
const CHECK_MS = 500;

/**
 * Keeps one EventSource open.
 *
 * Emits `open` (everything must be loaded anew: what was said meanwhile is lost), `message` with
 * `detail` {kind, data, position}, `state` when `connected` changes, and `refused` when the server
 * answers but gives no stream (usually: the session has ended).
 */
export class LiveFeed extends EventTarget {
  connected = false;
  #url;
  #source = null;
  #heardAt = 0;
  #heardWall = null;
  #openedAt = 0;
  #doubted = false;
  #timer = 0;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
  }

  /** When something was last heard, by the browser's clock in ms, or null. */
  get lastContact() {
    return this.#heardWall;
  }

  /** Open the stream and watch it. */
  start() {
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
    // A hidden tab's timers sleep; whoever looks again must not see a picture that is silently old.
    document.addEventListener("visibilitychange", this.#check);
    this.#connect();
  }

  /** Close the stream and stop watching. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    document.removeEventListener("visibilitychange", this.#check);
    this.#source?.close();
    this.#source = null;
    this.#doubted = false;
    this.#become(false);
  }

  #connect() {
    this.#source?.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    this.#openedAt = performance.now();
    source.addEventListener("open", () => {
      // After a silence an answer is not enough: a proxy that holds events back answers too.
      if (!this.#doubted) this.#heard();
      this.dispatchEvent(new Event("open"));
    });
    source.addEventListener("error", () => {
      this.#become(false);
      // CONNECTING: the browser tries again by itself. CLOSED: it was refused and never will.
      if (source.readyState === EventSource.CLOSED) this.dispatchEvent(new Event("refused"));
    });
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#deliver(kind, event));
  }

  #deliver(kind, event) {
    this.#doubted = false;
    this.#heard();
    let data = null;
    try {
      data = event.data ? JSON.parse(event.data) : null;
    } catch {
      // A message this screen cannot read may have been an alarm: only loading everything is safe.
      this.dispatchEvent(new CustomEvent("message", { detail: { kind: "reset", data: null, position: 0 } }));
      return;
    }
    const position = Number(event.lastEventId) || 0;
    this.dispatchEvent(new CustomEvent("message", { detail: { kind, data, position } }));
  }

  #heard() {
    this.#heardAt = performance.now();
    this.#heardWall = Date.now();
    this.#become(true);
  }

  #check = () => {
    const now = performance.now();
    if (this.connected && now - this.#heardAt > SILENCE_MS) {
      this.#doubted = true;
      this.#become(false);
      this.#connect();
      return;
    }
    if (this.connected || !this.#source) return;
    const waited = now - this.#openedAt;
    const closed = this.#source.readyState === EventSource.CLOSED;
    if ((closed && waited > RETRY_MS) || waited > SILENCE_MS) this.#connect();
  };

  #become(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    this.dispatchEvent(new Event("state"));
  }
}
