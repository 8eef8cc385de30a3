// The table of newest decisions. Rows are kept by event, so that a refresh moves nothing that did not change, and the table
// stands still while somebody points at it or has the keyboard in it.

import { html, setText } from "./dom.js";
import { placeOf } from "./event.js";
import { count, duration, money, percent, time } from "./format.js";

const body = document.querySelector("#decisions tbody");
const held = document.getElementById("held");
const rows = new Map(); // event id -> its row; not the document's own index of ids, since anything may be an event id
// So many new rows light up as they come; more would be a flicker.
const FEW = 10;
let pointed = false;
let open = null;
let waiting = null;

body.addEventListener("pointerenter", event => (pointed = event.pointerType === "mouse"));
body.addEventListener("pointerleave", () => {
  pointed = false;
  release();
});
body.addEventListener("focusout", () => setTimeout(release));
body.addEventListener("click", event => {
  const link = event.target.closest("tr")?.querySelector("a");
  if (link && !event.target.closest("a") && !String(getSelection())) location.hash = link.hash;
});

// The link in an event's row, if the table shows it.
export const linkTo = id => rows.get(id)?.querySelector("a");

// Shows `decisions`, newest first; later, if the table is held.
export function showDecisions(decisions) {
  waiting = decisions;
  for (const decision of decisions) if (rows.has(decision.event_id)) refresh(rows.get(decision.event_id), decision);
  if (!isHeld()) return release();
  const newer = decisions.findIndex(({ event_id }) => rows.get(event_id) === body.rows[0]);
  setText(held, newer === 0 ? "" : `held while you read, ${newer < 0 ? `over ${count(decisions.length)}` : count(newer)} newer`);
}

// Takes all rows away, also when they are held: other decisions are asked for, and show at once.
export function forgetDecisions() {
  waiting = null;
  rows.clear();
  body.replaceChildren();
  setText(held, "");
}

// An event that the table shows.
export const shownId = () => rows.keys().next().value;

// Marks the row whose event is open at the side.
export function markOpen(id) {
  if (rows.has(open)) rows.get(open).removeAttribute("aria-current");
  open = id;
  if (rows.has(open)) rows.get(open).setAttribute("aria-current", "true");
}

function release() {
  if (isHeld() || !waiting) return;
  setText(held, "");
  const before = rows.size;
  const fresh = waiting.filter(({ event_id }) => !rows.has(event_id));
  const few = before > 0 && fresh.length <= FEW;
  for (const decision of fresh) rows.set(decision.event_id, create(decision, few));
  const shown = waiting.map(({ event_id }) => rows.get(event_id));
  for (const [id, row] of rows) if (!shown.includes(row)) rows.delete(id);
  if (shown.length !== before || shown.some((row, index) => row !== body.rows[index])) body.replaceChildren(...shown);
  markOpen(open);
  waiting = null;
}

const isHeld = () => body.rows.length > 0 && (pointed || body.querySelector(":focus-visible") !== null);

function create(decision, fresh) {
  const { event_id, occurred_at, amount_minor, currency, score, probability, model, model_version, total_us } = decision;
  const bar = html("i", { class: `score ${decision.decision}` });
  bar.style.setProperty("--score", (score ?? 0) / 1000);
  const row = html("tr", { class: fresh ? "fresh" : null },
    html("td", {}, html("time", { datetime: occurred_at }, time(occurred_at))),
    html("td", {}, html("a", { href: placeOf("event", event_id) }, event_id)),
    html("td", { class: "number" }, money(amount_minor, currency)),
    html("td", {}, html("b", { class: `word ${decision.decision}` }, decision.decision)),
    html("td", { class: "scored" }, html("span", {}, score === null ? "–" : String(score)), bar),
    html("td", { class: "wide number" }, probability === null ? "–" : percent(probability)),
    html("td", { class: "wide" }, model === null ? "none" : `${model} ${model_version}`),
    html("td", { class: "wide number" }, duration(total_us)),
    html("td", { class: "label" }));
  refresh(row, decision);
  return row;
}

// Only the label of a decision changes after it was made.
function refresh(row, { label }) {
  const cell = row.querySelector(".label");
  setText(cell, label ?? "not yet");
  cell.className = `label ${label ?? "unknown"}`;
}
