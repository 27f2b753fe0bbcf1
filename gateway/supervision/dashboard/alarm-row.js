/** One alarm in the list: a template, not an element, because a flood makes hundreds of them. */

import { css, html, nothing } from "lit";
import { ageText, timeText } from "./clock.js";
import { t } from "./i18n.js";
import { mark } from "./look.js";
import { isSuppressed, isUnacknowledged, keyOf, priorityOf } from "./ranking.js";
import { figuresOf, isOfCentre, isOwn, levelOf, owesOf, placeOf, sentenceOf, siteOf, stateOf, suppressionOf, titleOf } from "./words.js";

const OPEN_ORDERS = new Set(["pending", "sent"]);
const BUTTONS = { acknowledge: "ack", reset: "reset", act: "act" };
const ACTIONS = new Map([["UNACK", "acknowledge"], ["RTNUN", "acknowledge"], ["LUNACK", "acknowledge"], ["LACKED", "reset"]]);

/**
 * What an operator can do about an alarm now: "acknowledge", "reset", "act" (an act of this tier) or undefined.
 *
 * What the site has not delegated to this centre it would refuse, so it is not offered. `site` is its row in the list
 * of gateways; an older gateway does not say what it delegates, and does what it is ordered.
 */
export function actionFor(row, order, site) {
  if (row.gone) return undefined;
  const action = ACTIONS.get(row.state);
  if (site?.delegated && !site.delegated.includes(action ?? "acknowledge")) return "act";
  return OPEN_ORDERS.has(order?.status) ? undefined : action;
}

/**
 * A row.
 *
 * @param {object} row
 * @param {object} context {now, order, selected, mayAct, live, act, link, manySites, present}: `act(row, action)` is called by
 *   the button, which is disabled while the screen is not `live`; `present` is the point's value now where that is known
 */
export function alarmRow(row, context) {
  const { order, selected, mayAct } = context;
  const waits = isUnacknowledged(row) && !row.gone;
  const fill = row.gone || isSuppressed(row) ? "quiet" : waits ? "full" : "hollow";
  const action = mayAct ? actionFor(row, order, context.link) : undefined;
  return html`<div
    role="row"
    class="row ${priorityOf(row.priority)} ${waits ? "waits" : ""} ${row.gone ? "gone" : ""} ${selected ? "selected" : ""}"
    tabindex=${selected ? 0 : -1}
    data-testid=${row.gone ? "alarm-row-gone" : "alarm-row"}
    data-alarm=${row.alarm}
    data-node=${row.node}
    data-state=${row.state}
    data-priority=${row.priority}
    data-key=${keyOf(row)}
    aria-selected=${selected ? "true" : "false"}
    aria-label=${`${sentenceOf(row)}, ${stateOf(row)}`}
  >
    <div role="gridcell" class="sign">${mark(row.priority, fill, waits)}</div>
    <div role="gridcell" class="text">
      <div class="what">
        <b>${titleOf(row)}</b>${levelOf(row) ? html`<span class="level">${levelOf(row)}</span>` : nothing}
        <span class="figures">${figuresOf(row, context.now)}</span>
      </div>
      <div class="where">${placeOf(row)}${context.manySites ? html`<span> · ${siteOf(row)}</span>` : nothing}</div>
      <div class="when">
        ${t("row.raised", { time: timeText(row.raised_ms, context.now), age: ageText(context.now - row.raised_ms) })}
        ${context.present ? html`<b data-testid="present">${t("row.present", { value: context.present })}</b>` : nothing}
        ${flags(row).map((text) => html`<span class="flag">${text}</span>`)} ${actText(row)} ${orderText(order)}
      </div>
      ${context.link && context.link.link !== "up" && !isOfCentre(row)
        ? html`<div class="warn">⚠ ${t("row.link", { time: timeText(context.link.heartbeat_ms, context.now) })}</div>`
        : nothing}
      ${selected ? details(row, context.now) : nothing}
    </div>
    <div role="gridcell" class="side">
      <span class="state">${row.gone ? t("flag.gone") : stateOf(row)}</span>
      ${isSuppressed(row) ? html`<span class="flag">${suppressionOf(row)}</span>` : nothing}
      ${action
        ? html`<button
            tabindex=${selected ? 0 : -1}
            ?disabled=${!context.live}
            data-testid=${BUTTONS[action]}
            @click=${(event) => {
              event.stopPropagation();
              context.act(row, action);
            }}
          >
            ${t(`act.${action}`)}
          </button>`
        : nothing}
    </div>
  </div>`;
}

function flags(row) {
  const found = [];
  if (row.test) found.push(t("flag.test"));
  if (row.historical) found.push(t("flag.historical"));
  if (row.quality === "BAD") found.push(t("flag.bad"));
  if (row.quality === "UNCERTAIN") found.push(t("flag.uncertain"));
  return found;
}

/** The last act of a tier above: the enterprise sees at once that it is urged. */
function actText(row) {
  const last = row.acts?.at(-1);
  if (!last) return nothing;
  return html`<span class="flag acted" data-testid="acted" data-act=${last.act}>${t(`did.${last.act}`)} · ${makerOf(last)}</span>`;
}

/** Who acted; marked where only the site says so. */
function makerOf(one) {
  return one.teller ? t("did.told", { maker: one.origin_name }) : one.origin_name;
}

function orderText(order) {
  if (!order) return nothing;
  return html`<span class="order" data-testid="order" data-status=${order.status}>
    ${t(`order.${order.status}`, { reason: order.reason || "—" })}
  </span>`;
}

function basisOf(row) {
  const cited = [row.standard, row.clause].filter(Boolean).join("  ");
  if (cited) return cited;
  if (isOfCentre(row)) return t("gateway.judged", { centre: row.alarm.split("/")[0] });
  if (isOwn(row)) return t("gateway.basis");
  return t(row.limit === null ? "row.no_basis" : "row.site_limit");
}

function actLine(one, now) {
  const words = [timeText(one.made_ms, now), `${makerOf(one)} ${one.account}`, t(`did.${one.act}`), one.comment].filter(Boolean).join(" · ");
  const status = one.status && one.status !== "applied" ? t(`did.status.${one.status}`) : "";
  return html`<div>${words}${status ? html` <span class="flag">${status}</span>` : nothing}</div>`;
}

function details(row, now) {
  return html`<dl data-testid="details">
    <dt>${t("row.basis")}</dt>
    <dd>${basisOf(row)}</dd>
    ${owesOf(row) ? html`<dt>${t("row.owes")}</dt><dd data-testid="owes">${owesOf(row)}</dd>` : nothing}
    ${row.acts?.length ? html`<dt>${t("row.acts")}</dt><dd data-testid="acts">${row.acts.map((one) => actLine(one, now))}</dd>` : nothing}
    ${row.operator
      ? html`<dt>${t("row.last")}</dt>
          <dd>${t("row.by", { operator: row.operator, comment: row.comment || "—" })}</dd>`
      : nothing}
    <dt>${t("row.occurrence", { n: row.occurrence })}</dt>
    <dd>
      ${t("row.times", { changed: timeText(row.changed_ms, now), received: timeText(row.received_ms, now) })}
      <code>${row.alarm}</code>
    </dd>
  </dl>`;
}

/** Styles for rows. */
export const rowStyle = css`
  .row { display: grid; grid-template-columns: 38px minmax(0, 1fr) 124px; gap: 0 8px; align-items: center; min-height: 68px;
    padding: 5px 10px 5px 6px; background: var(--raised); border-bottom: 1px solid var(--line); border-left: 6px solid transparent; cursor: pointer; }
  .row.waits.critical { background: var(--critical-tint); border-left-color: var(--critical); }
  .row.waits.high { background: var(--high-tint); border-left-color: var(--high); }
  .row.waits.medium { background: var(--medium-tint); border-left-color: var(--medium); }
  .row.waits.low { background: var(--low-tint); border-left-color: var(--low); }
  .row.selected { box-shadow: inset 0 0 0 2px var(--bar); }
  .row:focus-visible { outline-offset: -3px; }
  .row.gone { background: var(--ground); color: var(--muted); }
  .sign { display: grid; place-items: center; }
  .what { display: flex; flex-wrap: wrap; gap: 0 8px; align-items: baseline; font-size: 15px; line-height: 1.3; }
  .level { font-size: 12px; font-weight: 600; border: 1px solid #6d7780; border-radius: 3px; padding: 0 5px; white-space: nowrap; }
  .figures { font-weight: 600; white-space: nowrap; margin-left: auto; }
  .where, .when { font-size: 13px; line-height: 1.4; }
  .where span, .when { color: var(--muted); }
  .when b { color: var(--text); font-weight: 600; margin-left: 6px; }
  .flag { border: 1px dashed #6d7780; border-radius: 3px; padding: 0 5px; color: var(--text); white-space: nowrap; font-size: 12px; }
  .acted { border-style: solid; font-weight: 600; }
  .order { color: var(--text); font-weight: 600; margin-left: 6px; }
  .order[data-status="refused"], .order[data-status="expired"] { color: #9c0b18; }
  .order::before { content: "▸ "; }
  .warn { font-size: 12.5px; font-weight: 600; }
  .side { display: flex; flex-direction: column; align-items: flex-end; gap: 4px; }
  .state { font-size: 12.5px; text-align: right; line-height: 1.25; }
  .waits .state { font-weight: 700; }
  .side button { min-width: 84px; }
  .side button:enabled:not(:hover) { background: var(--raised); }
  dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 10px; margin: 6px 0 2px; padding-top: 6px; border-top: 1px dotted #6d7780; font-size: 12.5px; }
  dt { color: var(--muted); }
  dd { margin: 0; overflow-wrap: anywhere; }
  code { font-size: 11.5px; color: var(--muted); display: block; }
  @media (max-width: 760px) {
    .row { grid-template-columns: 34px minmax(0, 1fr); padding: 8px 8px 8px 4px; align-items: start; }
    .figures { margin-left: 0; }
    .side { grid-column: 2; flex-direction: row; flex-wrap: wrap; align-items: center; justify-content: space-between; margin-top: 4px; }
    .state { text-align: left; }
  }
`;
