/**
 * What the screen knows: alarms, points, gateways, orders, as of the last thing heard.
 *
 * Everything is loaded when the stream opens, and what the stream says meanwhile is applied after it, so
 * no event falls between the two. Until that is done the picture is not live, whatever the stream does.
 *
 * A reset asks for all of it anew. One that names a gateway tells of its new inventory: nothing was missed, so
 * the picture stays live and goes on taking events. Any other may hide what was missed, and ends that. However
 * many come, no load is given up for them, and they begin one each 5 s at most: one restless gateway must not
 * blind the screens of all others.
 */

import * as api from "./api.js";
import { isUnacknowledged, keyOf } from "./ranking.js";

const SETTLE_MS = 50;
const RETRY_MS = 2_000;
const RELOAD_MS = 5_000;
const UNKNOWN_POINT_MS = 10_000;
const APPLIED_SHOWN_MS = 10_000;
const OPEN_ORDERS = new Set(["pending", "sent"]);

/**
 * Emits `change` (at once, then at most every 50 ms), `arrival` with the row of an alarm that asks to be
 * acknowledged anew, `readings` with {node, tag}, `values` with a Set of point keys, `ended` when the session is over.
 */
export class Picture extends EventTarget {
  /** Rows by `keyOf`. */
  alarms = new Map();
  /** Rows by `pointKey`. */
  points = new Map();
  /** Rows by node id. */
  nodes = new Map();
  /** The last order about an alarm, by `keyOf`: {id, status, reason, atMs}. */
  orders = new Map();
  /** Whether all was loaded since the stream last opened. */
  loaded = false;
  #clock;
  #everLoaded = false;
  #round = 0;
  #waiting = null;
  #beganAt = 0;
  #later = 0;
  #timer = 0;
  #again = false;
  #askedPointsAt = 0;

  /** @param {import("./clock.js").ServerClock} clock */
  constructor(clock) {
    super();
    this.#clock = clock;
  }

  /** Load everything, since the stream has opened; while that lasts, events wait. Tries again until it succeeds. */
  load() {
    this.loaded = false;
    return this.#load();
  }

  async #load() {
    const round = ++this.#round;
    clearTimeout(this.#later);
    this.#later = 0;
    this.#waiting = [];
    this.#beganAt = performance.now();
    try {
      // The alarms first: what follows is then not older than the position that comes with them.
      const alarms = await api.alarms();
      if (round !== this.#round) return;
      this.#clock.take(alarms.now_ms, this.#beganAt);
      const [points, nodes] = await Promise.all([api.points(), api.nodes()]);
      if (round !== this.#round) return;
      this.points = new Map(points.points.map((row) => [pointKey(row), row]));
      this.nodes = new Map(nodes.nodes.map((row) => [row.node, row]));
      const before = this.alarms;
      this.alarms = new Map();
      for (const row of alarms.alarms) this.#setAlarm(row, before.get(keyOf(row)), !this.#everLoaded);
      for (const key of this.orders.keys()) if (!this.alarms.has(key)) this.orders.delete(key);
      this.loaded = this.#everLoaded = true;
      const waited = this.#waiting;
      this.#waiting = null;
      for (const event of waited) if (event.position === 0 || event.position > alarms.position) this.#apply(event, before);
      this.#changed();
    } catch (failure) {
      if (round !== this.#round) return;
      if (failure.status === 401) this.dispatchEvent(new Event("ended"));
      else setTimeout(() => round === this.#round && this.#load(), RETRY_MS);
      if (!(failure instanceof api.ApiError)) throw failure;
    }
  }

  /** Say that the stream broke: what is shown is from now on old. */
  lost() {
    this.#round += 1;
    this.loaded = false;
    this.#waiting = null;
    clearTimeout(this.#later);
    this.#later = 0;
    this.#changed();
  }

  /**
   * Apply one event of the stream.
   *
   * @param {{kind: string, data: any, position: number}} event
   */
  take(event) {
    const reset = event.kind === "reset";
    if (reset && !event.data?.node && this.loaded) {
      this.loaded = false;
      this.#changed();
    }
    if (this.#waiting) {
      this.#waiting.push(event);
      if (!this.loaded || reset) return;
    }
    this.#apply(event, this.alarms);
  }

  /** Apply an event; `before` are the alarms as they were when the operator was last told of them. */
  #apply({ kind, data }, before) {
    if (kind === "reset") {
      if (!data?.node) this.loaded = false;
      const due = this.#beganAt + RELOAD_MS - performance.now();
      this.#later ||= setTimeout(() => this.#load(), Math.max(0, due));
      return;
    }
    if (kind === "alarm") this.#setAlarm(data, this.alarms.get(keyOf(data)) ?? before.get(keyOf(data)), false);
    else if (kind === "node") this.#setNode(data);
    else if (kind === "points") this.#setPoints(data);
    else if (kind === "order") this.#setOrder(keyOf(data), { id: data.order, status: data.status, reason: data.reason });
    else if (kind === "readings") this.dispatchEvent(new CustomEvent("readings", { detail: data }));
    else return;
    this.#changed();
  }

  /** Note an order this screen has just given, before the stream tells of it. */
  ordered(row, order) {
    // An alarm of the centre's own has moved already: there is no order to wait for.
    if (!order.order) return;
    this.#setOrder(keyOf(row), { id: order.order, status: order.status, reason: "" });
    this.#changed();
  }

  /** The order to show beside an alarm, or undefined once it was carried out a while ago. */
  orderOf(row) {
    const order = this.orders.get(keyOf(row));
    const over = order?.status === "applied" && this.#clock.now() - order.atMs > APPLIED_SHOWN_MS;
    return over ? undefined : order;
  }

  #setAlarm(row, before, quietly) {
    const key = keyOf(row);
    if (row.state === "NORM" && row.suppression === "NONE") {
      this.alarms.delete(key);
      this.orders.delete(key);
      return;
    }
    this.alarms.set(key, row);
    // An open order is told by the row as well; how it ended, with its reason, only by its own event.
    if (row.order && this.orders.get(key)?.id !== row.order.id) this.#setOrder(key, { ...row.order, reason: "" });
    const again = !before || before.occurrence !== row.occurrence || !isUnacknowledged(before);
    if (again && isUnacknowledged(row) && !quietly) this.dispatchEvent(new CustomEvent("arrival", { detail: row }));
  }

  #setOrder(key, order) {
    if (!this.alarms.has(key) && order.status !== "refused" && !OPEN_ORDERS.has(order.status)) return;
    const known = this.orders.get(key);
    // The answer to our request may come after the stream has already told how the order ended.
    if (known?.id === order.id && OPEN_ORDERS.has(order.status) && !OPEN_ORDERS.has(known.status)) return;
    this.orders.set(key, { ...order, atMs: this.#clock.now() });
  }

  #setNode(row) {
    const known = this.nodes.has(row.node);
    this.nodes.set(row.node, row);
    if (!known) this.#loadPoints();
  }

  #setPoints({ node, points }) {
    const moved = new Set();
    for (const change of points) {
      const key = pointKey({ node, tag: change.tag });
      const row = this.points.get(key);
      if (row) {
        this.points.set(key, { ...row, ...change });
        moved.add(key);
      } else this.#loadPoints();
    }
    this.dispatchEvent(new CustomEvent("values", { detail: moved }));
  }

  async #loadPoints() {
    const now = performance.now();
    if (this.#askedPointsAt && now - this.#askedPointsAt < UNKNOWN_POINT_MS) return;
    this.#askedPointsAt = now;
    const round = this.#round;
    const answer = await api.points().catch(() => null);
    if (!answer || round !== this.#round) return;
    for (const row of answer.points) {
      const known = this.points.get(pointKey(row));
      // The stream may have been faster than this answer.
      const newer = known && known.received_ms > row.received_ms;
      this.points.set(pointKey(row), newer ? { ...row, ...valueOf(known) } : row);
    }
    this.#changed();
  }

  #changed() {
    if (this.#timer) {
      this.#again = true;
      return;
    }
    this.dispatchEvent(new Event("change"));
    // A flood of events must not become a flood of renderings; the first of them is shown at once.
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#again) {
        this.#again = false;
        this.#changed();
      }
    }, SETTLE_MS);
  }
}

/** One name for one point of one node. */
export const pointKey = (row) => `${row.node}\n${row.tag}`;

const valueOf = ({ last, quality, source_ms, received_ms, fresh }) => ({ last, quality, source_ms, received_ms, fresh });
