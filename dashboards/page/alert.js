// One alert: what it is about, why it was raised, what is usual, what else is known, and what to do with it. Everything that is done goes with the version that was
// seen, so that two people never undo each other's work without a word.

import { age, ask, claimNext, isCommand, OUTCOMES, pill, place, refusal, say, send, state, STATES, subject, table, turnedOut, when } from "./desk.js";
import { may } from "./ask.js";
import { html, setText } from "./dom.js";
import { facts, history, lists, MOST_EVENTS, placeOf, reasons, rules, verdict, wordOf } from "./event.js";
import { count, leftOut, measured, money } from "./format.js";

const PAUSE_MS = 5_000;
const HISTORY_DAYS = 60;
const LABELS_EVERY_MS = 15_000;
const LABELS_AFTER_MS = 5_000; // what was just said stands in the warehouse by then
const DAY_MS = 86_400_000;

const byId = id => document.getElementById(id);
// As the address has it: what is no id is for the server to say.
const path = `/v1/alerts/${location.pathname.split("/").at(-1)}`;
const unticked = new Set(); // events that the outcome is not of
let alert = null;
let text = "";
let historyOf = null;
const labels = new Map(); // event -> [what it turned out to be, who said so]; null where nobody has said so yet
const amounts = new Map(); // event -> [its amount, its currency]: one in another currency than the alert's is not in the alert
const works = await may("alerts"); // who may not is shown no button
const reviews = await may("review"); // what was escalated is theirs
let wanted = null; // the act whose words are being written

let asked = 0;

async function run() {
  const mine = ++asked;
  try {
    const found = await ask(path);
    if (mine !== asked) return; // what was asked for later knows more
    const { now, ...rest } = found;
    alert = found;
    byId("banner").hidden = true;
    // What did not change is not drawn again: somebody may be reading it.
    if (JSON.stringify(rest) !== text) {
      text = JSON.stringify(rest);
      show();
    } else {
      showHistory();
    }
    showHead();
  } catch (error) {
    setText(byId("banner"), refusal(error));
    byId("banner").hidden = false;
    if (!alert) byId("message").hidden = true;
  }
}

function show() {
  document.title = `${alert.policy}, ${subject(alert)}`;
  byId("message").hidden = true;
  for (const part of ["head", "work", "left", "right"]) byId(part).hidden = false;
  showWork();
  showEvents();
  showWhy();
  showFeatures();
  showTimeline();
  showRelated();
  showHistory();
}

function showHead() {
  const { severity, policy, about, events, money_minor, currency, other_currency, opened_at, now, group, me } = alert;
  const fact = (name, ...value) => html("div", {}, html("dt", {}, name), html("dd", {}, ...value));
  byId("head").replaceChildren(
    html("div", {}, pill(severity), html("h2", { id: "title" }, `${policy}: ${subject(alert)}`), about ? html("p", { class: "soft" }, about) : null),
    html("dl", {},
      fact("Money", money(money_minor, currency), other_currency ? html("small", { class: "soft" }, `; ${leftOut(other_currency)}`) : null), fact("Events", count(events)), fact("Age", age(opened_at, now)), fact("Raised", when(opened_at)),
      fact("State", state(alert, me)), ...(group ? [fact("Group", group)] : [])));
}

// What may be done in a state: [act, name, key, whether words belong to it, which kind].
function acts() {
  if (!works) return [];
  const { state, assignee, me } = alert;
  const mine = assignee === me;
  const closed = state === "resolved" || state === "dismissed";
  const note = ["note", "Note", "M", "note"];
  const escalated = state === "escalated" || (closed && alert.timeline.some(({ did }) => did === "escalated"));
  if (escalated && !reviews) return mine && !closed ? [note, ["release", "Release", "R", null]] : [note];
  if (closed) return [["reopen", "Reopen", "R", "reason"], note];
  if (assignee === null) return [["claim", "Claim", "C", null, "primary"], note];
  if (!mine) return [note];
  return [
    ["confirmed_fraud", "Fraud", "F", null, "bad"],
    ["false_positive", "Genuine", "G", null, "good"],
    ["inconclusive", "Inconclusive", "I", null],
    ["duplicate", "Duplicate", "D", null],
    ["dismiss", "Dismiss", "X", "reason"],
    ...(state === "escalated" ? [] : [["escalate", "Escalate", "E", "reason"]]),
    note,
    ["release", "Release", "R", null],
  ];
}

function showWork() {
  const { state: now, assignee, since, me, escalated } = alert;
  const who = assignee === me ? "You have it" : assignee ? `${assignee} has it` : "Nobody has it";
  const parts = now === "resolved" || now === "dismissed" ? [`${STATES[now]} by ${assignee === me ? "you" : assignee}, `, when(since)] : [who, ...(assignee ? [" since ", when(since)] : [])];
  byId("standing").replaceChildren(html("b", {}, ...parts), ...(escalated ? [html("span", { class: "escalated-why" }, ` Escalated by ${escalated.by}: ${escalated.reason}`, works && !reviews ? " (for a reviewer; you may write notes)" : null)] : []));
  byId("acts").replaceChildren(...acts().map(([act, name, key, words, kind]) => {
    const button = html("button", { type: "button", class: kind ?? null, "data-act": act, "aria-keyshortcuts": key }, name, key ? html("kbd", {}, key) : null);
    button.addEventListener("click", () => (words ? write(act, name, words) : act in OUTCOMES ? resolve(act) : act_(act, {})));
    return button;
  }));
  if (wanted && !acts().some(([act]) => act === wanted)) close();
}

// The words that belong to an act.
function write(act, name, field) {
  wanted = act;
  const area = html("textarea", { name: field, rows: 2, maxlength: 4000, required: "", placeholder: field === "note" ? "What is worth knowing" : "Why", "aria-label": name });
  const cancel = html("button", { type: "button" }, "Cancel");
  cancel.addEventListener("click", close);
  byId("words").replaceChildren(area, html("div", {}, html("button", { class: "primary" }, name), cancel, html("small", { class: "soft" }, "Ctrl Enter sends, Esc cancels")));
  byId("words").hidden = false;
  byId("words").onsubmit = event => {
    event.preventDefault();
    act_(act, { [field]: area.value });
  };
  area.addEventListener("keydown", event => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("words").requestSubmit();
  });
  area.focus();
}

function close() {
  wanted = null;
  byId("words").replaceChildren();
  byId("words").hidden = true;
}

function resolve(outcome) {
  const events = alert.hits.map(({ event_id }) => event_id).filter(event => !unticked.has(event));
  if (events.length === 0) return say(byId("said"), "Tick at least one event that this is the outcome of", true);
  act_("resolve", { outcome, ...(unticked.size ? { events } : {}) });
}

async function act_(act, more) {
  try {
    await send(`${path}/${act}`, { version: alert.version, ...more });
    close();
    if (act === "resolve") setTimeout(() => { historyOf = null; }, LABELS_AFTER_MS);
    say(byId("said"), { claim: "It is yours", note: "Noted", release: "Released", escalate: "Escalated", resolve: "Resolved", dismiss: "Dismissed", reopen: "Reopened" }[act]);
  } catch (error) {
    say(byId("said"), refusal(error), true);
  }
  await run();
}

function showEvents() {
  const { hits, currency, lead, state: now, assignee, me } = alert;
  const tickable = assignee === me && now !== "resolved" && now !== "dismissed" && hits.length > 1;
  const rows = hits.toReversed().map(({ event_id, occurred_at, amount_minor, decision, score, rules }) => {
    const tick = html("input", { type: "checkbox", "aria-label": `The outcome is of ${event_id}` });
    tick.checked = !unticked.has(event_id);
    tick.addEventListener("change", () => (tick.checked ? unticked.delete(event_id) : unticked.add(event_id)));
    return html("tr", { class: event_id === lead?.event_id ? "lead" : null },
      html("td", {}, tickable ? tick : null),
      html("td", {}, when(occurred_at)),
      html("td", { class: "id" }, html("a", { href: placeOf("event", event_id) }, event_id)),
      html("td", { class: "number" }, money(...(amounts.get(event_id) ?? [amount_minor, currency]))),
      html("td", {}, html("b", { class: `word ${decision}` }, decision)),
      html("td", { class: "number" }, score ?? "–"),
      turnedOut(...(labels.get(event_id) ?? [])),
      html("td", { class: "soft" }, rules.join(", ")));
  });
  byId("events").replaceChildren(
    html("h2", {}, hits.length === 1 ? "Event" : `${count(hits.length)} events`),
    tickable ? html("p", { class: "about" }, "The outcome is of the ticked ones; their labels are what models learn from") : "",
    table(["", "Happened", "Event", "Amount", "Decision", "Score", "Turned out", "Rules"], rows, [3, 5]));
}

function showWhy() {
  const { lead } = alert;
  if (!lead) return byId("why").replaceChildren(html("p", { class: "message" }, "Its decision is not known here"));
  byId("why").replaceChildren(
    html("h2", {}, "Why", html("small", { class: "soft" }, ` ${lead.event_id}`)),
    verdict(lead),
    reasons(lead),
    ...[rules(lead), lists(lead)].filter(Boolean),
    facts(lead));
}

// Each feature beside what it usually is: the band holds four in five of what the model has learned from.
function showFeatures() {
  const { lead, usual } = alert;
  if (!lead) return byId("features").replaceChildren();
  const cited = new Map(lead.reasons.map(({ feature }, place) => [feature, place]));
  const rows = lead.features.map(({ name, value, unit }) => {
    const word = wordOf(name, lead);
    const known = word ? undefined : usual[name]; // words have no middle
    return { name, value, word, usual: known, unusual: isUnusual(value, known), said: number => measured(round(number), unit, lead.features_currency) };
  });
  // Cited first, then what is unusual, then the rest in its order.
  const rank = ({ name, unusual }) => (cited.has(name) ? cited.get(name) : unusual ? 100 : 200);
  rows.sort((one, other) => rank(one) - rank(other));
  byId("features").replaceChildren(
    html("h2", {}, "Features, and what is usual"),
    html("p", { class: "about" }, "The band holds four in five of the rows that the model has learned from"),
    html("table", { class: "usual" }, html("tbody", {}, ...rows.map(({ name, value, word, usual, unusual, said }) => html("tr", { class: `${cited.has(name) ? "cited" : ""} ${unusual ? "unusual" : ""}` },
      html("th", { scope: "row" }, name),
      html("td", { class: "number", title: value }, value === null ? "missing" : word ?? said(value)),
      html("td", {}, usual ? band(value, usual) : null),
      html("td", { class: "number soft" }, usual ? `${said(usual.low)} to ${said(usual.high)}` : word ? "" : "not known"))))));
}

const isUnusual = (value, usual) => value !== null && usual !== undefined && (value < usual.low || value > usual.high);
const round = value => (Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4)));

// A value against its usual band, which takes the middle half of the track.
function band(value, { low, high }) {
  const width = high - low || Math.abs(high) || 1;
  const at = Math.min(1, Math.max(0, 0.25 + ((value ?? low) - low) / (2 * width)));
  const mark = html("b", { class: value === null ? "missing" : null });
  mark.style.left = `${at * 100}%`;
  return html("div", { class: "band", "aria-hidden": "true" }, html("i", {}), value === null ? null : mark);
}

function showTimeline() {
  const { hits, timeline, opened_at, policy, me } = alert;
  const joined = hits.filter(hit => hit.joined);
  const entries = [
    { at: opened_at, what: html("p", {}, html("b", {}, policy), ` raised it${hits.length - joined.length > 1 ? ` from ${hits.length - joined.length} events` : ""}`) },
    ...joined.map(({ event_id, occurred_at, decision }) => ({ at: occurred_at, what: html("p", { class: "soft" }, `Event ${event_id} joined, ${decision}`) })),
    ...timeline.map(({ at, by, did, text, outcome, events }) => ({
      at,
      kind: did,
      what: html("div", {},
        html("p", {}, html("b", {}, by === me ? "You" : by), ` ${did} it${outcome ? ` as ${OUTCOMES[outcome]}` : ""}${outcome && events?.length < hits.length ? `, ${events.length} of its events` : ""}`),
        text ? html("blockquote", {}, text) : null),
    })),
  ];
  // The last one first, also where two were done at once.
  entries.reverse().sort((one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0));
  byId("timeline").replaceChildren(html("h2", {}, "Timeline"), html("ol", {}, ...entries.map(({ at, kind, what }) => html("li", { class: kind }, when(at), what))));
}

function showRelated() {
  const { related, me, now } = alert;
  byId("related").replaceChildren(
    html("h2", {}, "Related alerts"),
    related.length
      ? table(["", "Alert", "About", "Money", "Age", "State"], related.map(other => html("tr", {},
        html("td", {}, pill(other.severity)),
        html("td", {}, html("a", { href: place(other.id) }, other.policy)),
        html("td", {}, subject(other)),
        html("td", { class: "number" }, money(other.money_minor, other.currency)),
        html("td", { class: "number" }, age(other.opened_at, now)),
        html("td", {}, state(other, me)))), [3, 4])
      : html("p", { class: "message" }, "None at hand shares an entity with it"));
}

// What the entities of its leading event did before, and what its events turned out to be: asked for again while that is not known of all.
async function showHistory() {
  const { lead, last_occurred_at } = alert;
  const entities = Object.entries(lead?.entities ?? {});
  const awaited = alert.hits.some(({ event_id }) => !labels.get(event_id)?.[0]);
  const of = JSON.stringify([entities, last_occurred_at, alert.version, awaited && Math.floor(Date.now() / LABELS_EVERY_MS)]);
  if (entities.length === 0 || of === historyOf) return;
  historyOf = of;
  const last = Date.parse(last_occurred_at);
  const day = at => new Date(at).toISOString().slice(0, 10);
  const days = `from=${day(last - HISTORY_DAYS * DAY_MS)}&to=${day(last + DAY_MS)}`;
  const ours = new Set(alert.hits.map(({ event_id }) => event_id));
  const parts = await Promise.all(entities.map(async ([entity, key]) => {
    const title = html("h2", {}, `What ${entity} ${key} did`);
    try {
      const { items: events, next_cursor: older } = await ask(`/v1/entities/${encodeURIComponent(entity)}/${encodeURIComponent(key)}?limit=${MOST_EVENTS}&${days}`);
      for (const { event_id, label, label_source, amount_minor, currency } of events) {
        labels.set(event_id, [label, label_source]);
        amounts.set(event_id, [amount_minor, currency]);
      }
      return [title, ...history(events, { within: ` in ${HISTORY_DAYS} days`, ours, listed: 12, hasOlder: Boolean(older) })];
    } catch (error) {
      historyOf = null; // it is asked for again
      return [title, html("p", { class: "message error" }, refusal(error))];
    }
  }));
  byId("history").replaceChildren(...parts.flat());
  showEvents();
}

const nextQuery = () => {
  const to = new URLSearchParams(location.search);
  for (const name of ["state", "assignee", "sort"]) to.delete(name);
  return to.size ? `?${to}` : "";
};
byId("next").addEventListener("click", () => claimNext(nextQuery(), byId("said")));
document.addEventListener("keydown", event => {
  if (!alert || !isCommand(event)) return;
  if (event.key === "n") return works && byId("next").click();
  if (event.key === "Escape") return (location.href = `/alerts${location.search}`);
  const button = [...byId("acts").querySelectorAll("button")].find(known => known.getAttribute("aria-keyshortcuts")?.toLowerCase() === event.key);
  if (!button) return;
  event.preventDefault();
  button.click();
});

run();
setInterval(() => document.hidden || run(), PAUSE_MS);
