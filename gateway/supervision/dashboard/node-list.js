/** The gateways: is the link up, and up to when is what they told complete. Trouble stands first. */

import { css, html, nothing } from "lit";
import { repeat } from "lit-html/directives/repeat.js";
import { ageText, timeText } from "./clock.js";
import { t } from "./i18n.js";
import { controls } from "./look.js";
import { isActive } from "./ranking.js";
import { ScreenElement } from "./screen-element.js";
import { isOfCentre, titleOf, troubleText } from "./words.js";

const SHOWN = 200;
const GAPS_NAMED = 4;
const LINKS = ["lost", "unknown", "never", "late", "up"];

/** The list of gateways. */
class NodeList extends ScreenElement {
  static properties = { picture: {}, clock: {}, live: {} };

  static styles = [
    controls,
    css`
      :host { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px 10px; flex: none; }
      article { background: var(--raised); border: 1px solid var(--line); border-left: 5px solid #9aa4ad; border-radius: 4px; padding: 6px 10px; margin-top: 6px; }
      article[data-shown="lost"], article[data-shown="never"] { border-left-color: var(--critical); background: repeating-linear-gradient(-45deg, #e6e9eb 0 6px, #f1f2f4 6px 12px); }
      article[data-shown="late"] { border-left-color: var(--high); background: var(--high-tint); }
      article[data-shown="unknown"] { border-left-style: dashed; border-left-color: #5d6871; }
      .head { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; }
      .head span { color: var(--muted); font-size: 12.5px; }
      .link { margin-left: auto; font-weight: 700; }
      article[data-shown="lost"] .link, article[data-shown="never"] .link { color: #9c0b18; }
      dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(82px, 1fr)); gap: 4px 8px; margin: 4px 0 0; }
      dt { font-size: 11.5px; color: var(--muted); }
      dd { margin: 0; font-size: 13px; }
      dd.off { font-weight: 700; }
      ul { margin: 4px 0 0; padding: 0; list-style: none; font-size: 12.5px; }
      li::before { content: "⚠ "; }
      li { overflow-wrap: anywhere; }
    `,
  ];

  sources() {
    return [[this.picture, "change"], [this.clock, "tick"]];
  }

  render() {
    const rows = [...this.picture.nodes.values()].sort(byTrouble);
    const said = new Map();
    for (const alarm of this.picture.alarms.values()) {
      if (isOfCentre(alarm) && isActive(alarm)) said.set(alarm.node, [...(said.get(alarm.node) ?? []), titleOf(alarm)]);
    }
    return html`
      <h2>${t("nodes.title")}</h2>
      ${repeat(rows.slice(0, SHOWN), (row) => row.node, (row) => this.#row(row, said.get(row.node) ?? []))}
      ${rows.length ? nothing : html`<p>${t("nodes.none")}</p>`}
      ${rows.length > SHOWN ? html`<p>… +${rows.length - SHOWN}</p>` : nothing}
    `;
  }

  #row(row, said) {
    const now = this.clock.now();
    const heartbeat = row.heartbeat_ms === null ? "—" : t("nodes.ago", { age: ageText(now - row.heartbeat_ms) });
    const coverage = row.coverage === null ? "—" : `${Math.floor(row.coverage * 1000) / 10} %`;
    const about = [
      ...(row.via ? [t("nodes.via", { via: row.via })] : []),
      ...(row.responsible ? [t("nodes.responsible", { name: row.responsible, telephone: row.telephone })] : []),
    ];
    const problems = [
      ...said,
      ...(row.behind ? [t("nodes.behind", { behind: row.behind })] : []),
      ...row.trouble.map(troubleText),
      ...gapsText(row),
    ];
    const item = (key, value, off) => html`<div><dt>${t(`nodes.${key}`)}</dt><dd class=${off ? "off" : ""}>${value}</dd></div>`;
    return html`<article data-testid="node-row" data-node=${row.node} data-link=${row.link} data-shown=${this.live ? row.link : "unknown"}>
      <div class="head">
        <b>${row.name || row.node}</b><span>${row.enterprise === row.name ? "" : row.enterprise} ${row.node}</span>
        <span class="link">${this.live ? t(`link.${row.link}`) : t("live.stale")}</span>
      </div>
      <dl>
        ${item("heartbeat", heartbeat, row.link !== "up")}
        ${item("complete", timeText(row.complete_to_ms, now), isIncomplete(row))}
        ${item("lag", row.lag ?? "—", row.lag > 0)}
        ${item("coverage", coverage, row.coverage !== null && row.coverage < 1)}
        ${item("points", row.points)}
        ${item("version", row.version || "—")}
      </dl>
      ${about.length ? html`<p>${about.join(" · ")}</p>` : nothing}
      ${problems.length ? html`<ul>${problems.map((text) => html`<li>${text}</li>`)}</ul>` : nothing}
    </article>`;
  }
}

const isIncomplete = (row) => Boolean(row.gaps?.length || row.earlier_gaps?.length);

/** What is missing of a node's events, as one line; of an earlier life with the begin of its name. */
function gapsText(row) {
  const range = (first, last) => (first === last ? `${first}` : `${first}–${last}`);
  const missing = [
    ...(row.gaps ?? []).map(([first, last]) => range(first, last)),
    ...(row.earlier_gaps ?? []).map(([life, first, last]) => `${life.slice(0, 4)}/${range(first, last)}`),
  ];
  if (!missing.length) return [];
  const which = missing.slice(0, GAPS_NAMED).join(t("comma")) + (missing.length > GAPS_NAMED ? " …" : "");
  return [t("nodes.gaps", { which })];
}

function byTrouble(a, b) {
  const troubles = (row) => (row.trouble.length || isIncomplete(row) ? 0 : 1);
  return LINKS.indexOf(a.link) - LINKS.indexOf(b.link) || troubles(a) - troubles(b) || (a.name < b.name ? -1 : 1);
}

customElements.define("hz-node-list", NodeList);
