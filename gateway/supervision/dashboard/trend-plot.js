/**
 * What a trend is drawn from: columns for uPlot, spans without trustworthy data, lines of limits.
 *
 * A gap is a gap: nothing is drawn across it, and it is hatched so that it does not pass for a calm hour.
 */

import uPlot from "uplot";

// Summaries come each 10 s; a step longer than three of them is a gap.
const STEP_MS = 10_000;
const GAP_MS = 35_000;
const HEADROOM = 0.08;
// Of the figures on the axis: on a finer range ticks cannot be told apart in floating point, and drawing them never ends.
const FINEST = 1e-9;
const NULL_EXPAND = 2;

/** Index of each column in what `columns` returns. */
export const COLUMN = { time: 0, min: 1, max: 2, mean: 3, raw: 4 };

/**
 * Join summaries and raw readings into columns over one time axis.
 *
 * @param {object} answer of `GET /readings`
 * @returns {(number|null|undefined)[][]} null is a gap, undefined only means "not at this instant"
 */
export function columns({ summary, raw }) {
  const tables = [broken(summary.t, [summary.min, summary.max, summary.mean], GAP_MS)];
  if (raw?.t.length) tables.push(broken(raw.t, [usable(raw)], Math.max(GAP_MS, 5 * usualStep(raw.t))));
  // Expanded: a gap of one table is a gap up to that table's own next value, not to the other's.
  const joined = uPlot.join(tables, tables.map((table) => table.map(() => NULL_EXPAND)));
  return raw?.t.length ? joined : [...joined, joined[0].map(() => undefined)];
}

const usable = (raw) => raw.v.map((value, i) => (raw.q[i] === "BAD" ? null : value));

function usualStep(times) {
  const steps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? STEP_MS;
}

function broken(times, values, longest) {
  const out = [[], ...values.map(() => [])];
  times.forEach((time, i) => {
    if (i && time - times[i - 1] > longest) {
      out[0].push(times[i - 1] + 1);
      for (let k = 1; k < out.length; k += 1) out[k].push(null);
    }
    out[0].push(time);
    values.forEach((column, k) => out[k + 1].push(column[i]));
  });
  return out;
}

/**
 * The spans of a window in which nothing can be trusted.
 *
 * @returns {{from: number, to: number, kind: "none"|"bad"}[]}
 */
export function spans({ t: times, quality }, from, to) {
  const found = [];
  const add = (start, end, kind) => {
    const last = found[found.length - 1];
    if (last?.kind === kind && start <= last.to) last.to = end;
    else if (end > start) found.push({ from: start, to: end, kind });
  };
  let known = from;
  times.forEach((time, i) => {
    if (time < from) return;
    if (time - known > GAP_MS) add(known, time - STEP_MS, "none");
    if (quality[i] === "BAD") add(Math.max(from, time - STEP_MS), time, "bad");
    known = time;
  });
  if (to - known > GAP_MS) add(known, to, "none");
  return found;
}

/** The limits that exist, as [{level, value}]. */
export const limitLines = (limits) =>
  ["hh", "h", "l", "ll"].filter((level) => Number.isFinite(limits?.[level])).map((level) => ({ level, value: limits[level] }));

/** The range of the value axis, always finite: all that was measured and every limit, so that the distance is honest. */
export function valueRange(data, lines) {
  let low = Infinity;
  let high = -Infinity;
  const take = (value) => {
    if (value === null || value === undefined) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (const column of data.slice(1)) column.forEach(take);
  for (const line of lines) take(line.value);
  if (low > high) return [0, 1];
  const greatest = Math.max(Math.abs(low), Math.abs(high));
  const room = Math.max((high - low || greatest || 1) * HEADROOM, greatest * FINEST);
  const range = [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
  return Number.isFinite(range[1] - range[0]) ? range : [0, 1];
}

/** The places of values with a gap on either side: no line leads to them, so they need a dot to be seen. */
export function isolated(column) {
  const found = [];
  let before = null;
  let last = -1;
  column.forEach((value, i) => {
    if (value === undefined) return;
    if (value === null && last >= 0 && before === null) found.push(last);
    if (value === null) last = -1;
    else {
      before = last < 0 ? null : last;
      last = i;
    }
  });
  if (last >= 0 && before === null) found.push(last);
  return found;
}

/** Draw the spans behind the curves. */
export function drawSpans(plot, found) {
  const { ctx } = plot;
  const { top, height } = plot.bbox;
  ctx.save();
  for (const { left, wide, kind } of inView(plot, found)) {
    ctx.fillStyle = hatch(ctx, kind);
    ctx.fillRect(left, top, wide, height);
  }
  ctx.restore();
}

/** Say what the spans are, over everything: a word under grid lines is hard to read. */
export function nameSpans(plot, found, words) {
  const { ctx } = plot;
  const { top, height } = plot.bbox;
  ctx.save();
  for (const { left, wide, kind } of inView(plot, found)) label(plot, words[kind], left + wide / 2, wide, top + height / 2);
  ctx.restore();
}

function inView(plot, found) {
  const place = (ms) => plot.valToPos(Math.min(Math.max(ms, plot.scales.x.min), plot.scales.x.max), "x", true);
  return found.map(({ from, to, kind }) => ({ left: place(from), wide: place(to) - place(from), kind })).filter(({ wide }) => wide > 0);
}

// In the middle, on a ground of its own: limits stand at the edges, and hatching makes letters hard to read.
function label(plot, text, x, space, y) {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  ctx.font = fontOf(plot, 12);
  const wide = ctx.measureText(text).width + 12 * ratio;
  if (wide > space) return;
  ctx.fillStyle = "#f3f4f5";
  ctx.fillRect(x - wide / 2, y - 10 * ratio, wide, 20 * ratio);
  ctx.fillStyle = "#171c21";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, x, y);
}

// The plot's own element has a font of the plotting library; what stands around it has the screen's.
const fontOf = (plot, size, weight = 400) => `${weight} ${size * devicePixelRatio}px ${getComputedStyle(plot.root.parentElement).fontFamily}`;

const hatches = new Map();

function hatch(ctx, kind) {
  const key = `${kind}${devicePixelRatio}`;
  if (hatches.has(key)) return hatches.get(key);
  const size = Math.round(8 * devicePixelRatio);
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext("2d");
  pen.fillStyle = kind === "bad" ? "#cfb9d6" : "#e4e7ea";
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = kind === "bad" ? "#6d4a78" : "#a9b1b8";
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  hatches.set(key, ctx.createPattern(tile, "repeat"));
  return hatches.get(key);
}

const LINE_COLOURS = { hh: "#c40d1e", h: "#b9600b", l: "#b9600b", ll: "#c40d1e" };

/** Draw the limits over the curves, each with its name and value. */
export function drawLimits(plot, lines, nameOf) {
  const { ctx } = plot;
  const { left, width, top } = plot.bbox;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = fontOf(plot, 12, 600);
  ctx.textAlign = "left";
  for (const line of lines) {
    // On whole pixels: a limit that is smeared over two looks like two, and pale.
    const thick = Math.round(2 * ratio);
    const y = Math.round(plot.valToPos(line.value, "y", true)) + (thick % 2) / 2;
    ctx.strokeStyle = LINE_COLOURS[line.level];
    ctx.lineWidth = thick;
    ctx.setLineDash(line.level.length === 2 ? [] : [6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    const text = nameOf(line);
    const under = line.level.startsWith("l") || y - 16 * ratio < top;
    ctx.textBaseline = under ? "top" : "bottom";
    const wide = ctx.measureText(text).width;
    // At the old end: the newest values are what is looked for.
    const x = left + 6 * ratio;
    ctx.fillStyle = "#ffffffd9";
    ctx.fillRect(x - 3 * ratio, under ? y + ratio : y - 17 * ratio, wide + 6 * ratio, 16 * ratio);
    ctx.fillStyle = LINE_COLOURS[line.level] === "#c40d1e" ? "#9c0b18" : "#7d4005";
    ctx.fillText(text, x, under ? y + 3 * ratio : y - 2 * ratio);
  }
  ctx.restore();
}
