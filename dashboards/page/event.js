// The side panel: one decision in full. What was decided, why, from which numbers, how fast, and what it turned out to be. Or what one entity did.

import { table, turnedOut, when } from "./desk.js";
import { html, setText } from "./dom.js";
import { count, dateTime, duration, fullTime, measured, money, percent, plural } from "./format.js";

const panel = document.getElementById("event");
const STAGES = ["queue", "features", "model", "policy"];

// Where an event, as `placeOf("event", id)`, or an entity, as `placeOf("entity", name, key)`, is open at the side of the live page.
export const placeOf = (...names) => `${location.pathname === "/" ? "" : "/"}#${names.map(encodeURIComponent).join("/")}`;

// Shows the panel with `record`, the answer of /v1/decisions/{event_id}; keeps where it was scrolled to.
export function showEvent(record, close) {
  frame("Event", record.event_id, close, verdict(record), facts(record), reasons(record), rules(record), lists(record), features(record), timings(record));
}

// Shows it with what an entity did, the newest first, as /v1/entities/{entity}/{key} says it. `older` asks for what it did before that, and is null where there is
// nothing; `error` is why that did not come. Whoever has the keyboard there keeps it.
export function showEntity(entity, key, events, close, { older = null, error } = {}) {
  if (!events.length) return frame(entity, key, close, html("p", { class: "message" }, `No event of ${entity} ${key} is in the warehouse`));
  const button = older && html("button", { type: "button", id: "older" }, "Older ones");
  button?.addEventListener("click", () => {
    setText(button, "Asking …");
    older();
  });
  const hadFocus = document.activeElement?.id === "older";
  const more = [error && html("p", { class: "message error" }, error), button && html("p", { class: "more" }, button)].filter(Boolean);
  frame(entity, key, close, html("section", { class: "history" }, ...history(events, { hasOlder: Boolean(older) }), ...more));
  if (hadFocus) (button ?? panel).focus({ preventScroll: true });
}

// Shows it with a sentence, and with entities that may be meant, each as [entity, key].
export function showMessage(kind, id, message, close, meant = []) {
  const links = meant.map(([entity, key]) => html("a", { href: placeOf("entity", entity, key) }, `${entity} ${key}`));
  frame(kind, id, close, html("p", { class: "message" }, message), links.length ? html("p", { class: "message meant" }, "Is it an entity? ", ...links) : null);
}

function frame(kind, id, close, ...sections) {
  const button = html("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
  button.addEventListener("click", close);
  const hadFocus = panel.querySelector(".close") === document.activeElement;
  const scrolled = panel.scrollTop;
  panel.replaceChildren(html("header", {}, html("h2", { id: "event-title" }, html("small", {}, kind), " ", id), button), ...sections.filter(Boolean));
  panel.hidden = false;
  panel.scrollTop = scrolled;
  if (hadFocus) button.focus();
}

export function verdict(record) {
  const { decision, score, thresholds, label } = record;
  const outcome = label
    ? html("p", { class: `outcome ${label.label}` }, "Turned out ", html("b", {}, label.label), `, says ${label.source}, ${fullTime(label.observed_at)}`)
    : html("p", { class: "outcome unknown" }, "No label yet: nobody has said what it turned out to be");
  return html("section", { class: "verdict" },
    html("p", { class: "headline" }, html("b", { class: `word ${decision}` }, decision), score === null ? null : html("span", {}, `score ${score}`)),
    score === null ? null : gauge(decision, score, thresholds),
    html("p", { class: "soft" }, sentence(record)),
    outcome);
}

// Who had the last word, and what the score alone would have come to.
function sentence({ decided_by, decision, score, thresholds: { review, decline }, model }) {
  const { rule, list } = decided_by;
  const other = rule ? `Rule ${rule} decided: ${decision}. ` : list ? `List ${list} decided: ${decision}. ` : "";
  if (score === null) return other ? `${other}No model could run.` : "No model could run, so the operator’s policy for failures decided.";
  const place = score >= decline ? `${decline} or more: decline` : score >= review ? `from ${review} to ${decline - 1}: review` : `below ${review}: approve`;
  const alone = other ? "By itself the score is" : "The score is";
  return `${other}${percent(model.probability)} likely to be bad, says ${model.name} ${model.version}. ${alone} ${place}.`;
}

// Score 0 to 1000 against the thresholds.
function gauge(decision, score, { review, decline }) {
  const zone = (kind, from, to) => place(html("i", { class: kind }), from / 1000, (to - from) / 1000);
  const mark = text => place(html("span", {}, String(text)), text / 1000);
  return html("div", { class: "gauge", role: "img", "aria-label": `Score ${score} of 1000; review from ${review}, decline from ${decline}` },
    html("div", { class: "track" }, zone("approve", 0, review), zone("review", review, decline), zone("decline", decline, 1000), place(html("b", { class: decision }), score / 1000)),
    html("div", { class: "marks" }, mark(0), mark(review), mark(decline), mark(1000)));
}

export function facts({ amount_minor, currency, entities, attributes, occurred_at, received_at, decided_at, engine_mode, decision_id }) {
  return section("Facts", pairs([
    ["Amount", amount_minor === null ? "none" : money(amount_minor, currency)],
    ...Object.entries(entities).map(([entity, key]) => [entity, html("a", { href: placeOf("entity", entity, key) }, key)]),
    ...Object.entries(attributes),
    ["Happened", fullTime(occurred_at)],
    ["Received", fullTime(received_at)],
    ["Decided", fullTime(decided_at)],
    ["Engine", engine_mode],
    ["Decision", decision_id],
  ]));
}

// The rules that held, those in shadow among them.
export function rules({ rules }) {
  const held = rules.filter(({ outcome }) => outcome === "hit");
  const line = ({ rule_id, reason, shadow, action }) => html("li", {}, html("code", {}, rule_id), ` ${reason?.text ?? ""}${shadow ? " (shadow)" : action ? `, ${action}` : ""}`);
  return held.length ? section("Rules", html("ul", { class: "rules" }, ...held.map(line))) : null;
}

// The lists that it was on.
export function lists({ lists }) {
  const line = ({ list, of, reason }) => html("li", {}, html("code", {}, list), ` by ${of}${reason ? `: ${reason}` : ""}`);
  return lists.length ? section("Lists", html("ul", { class: "rules" }, ...lists.map(line))) : null;
}

export function reasons({ reasons, decision }) {
  if (reasons.length === 0) {
    return section("Reasons", html("p", { class: "soft" }, decision === "approve" ? "None: reasons are worked out for review and decline." : "None were recorded."));
  }
  const widest = Math.max(...reasons.map(({ contribution }) => Math.abs(contribution))) || 1;
  return section("Reasons",
    html("p", { class: "sides", "aria-hidden": "true" }, html("span", {}, "← lowers the risk"), html("span", {}, "raises the risk →")),
    html("ol", { class: "reasons" }, ...reasons.map(({ code, text, contribution }) => {
      const half = (Math.abs(contribution) / widest) * 0.5;
      const bar = place(html("i", { class: contribution < 0 ? "good" : "bad" }), contribution < 0 ? 0.5 - half : 0.5, half);
      return html("li", {},
        html("p", {}, text),
        html("div", { class: "contribution" }, html("div", { class: "track" }, bar), html("span", {}, signed(contribution))),
        html("code", {}, code));
    })));
}

// The word that a feature is the number of, where an attribute of its name has one.
export const wordOf = (name, { attributes }) => (isNaN(attributes[name] ?? 0) ? attributes[name] : null);

function features(record) {
  const { features, reasons } = record;
  const cited = new Set(reasons.map(({ feature }) => feature));
  return section(`Features as used, ${features.length}`,
    html("table", { class: "features" }, html("tbody", {}, ...features.map(({ name, value, unit }) =>
      html("tr", { class: cited.has(name) ? "cited" : null },
        html("th", { scope: "row" }, name),
        html("td", { class: value === null ? "number unknown" : "number", title: value }, value === null ? "missing" : wordOf(name, record) ?? measured(value, unit, record.features_currency)))))));
}

function timings({ timings_us }) {
  const total = STAGES.reduce((sum, stage) => sum + timings_us[stage], 0);
  let from = 0;
  const bars = STAGES.map(stage => {
    const bar = place(html("i", { class: stage }), from / (total || 1), timings_us[stage] / (total || 1));
    from += timings_us[stage];
    return bar;
  });
  return section(`Decided in ${duration(total)}`,
    html("div", { class: "timing track", "aria-hidden": "true" }, ...bars),
    html("dl", { class: "stages" }, ...STAGES.map(stage => html("div", {}, html("dt", { class: `swatch ${stage}` }, stage), html("dd", {}, duration(timings_us[stage]))))));
}

// What was done, the newest first: in a sentence, amounts one beside the other, and the newest in a table. Those in `ours` are marked; before all of them there may
// be older ones.
export function history(events, { within = "", ours = new Set(), listed = events.length, hasOlder = false } = {}) {
  return [
    html("p", { class: "about" }, summary(events, within, hasOlder)),
    strip(events, ours),
    table(["Happened, UTC", "Event", "Amount", "Decision", "Score", "Turned out"], events.slice(0, listed).map(event => html("tr", { class: ours.has(event.event_id) ? "lead" : null },
      html("td", {}, when(event.occurred_at)),
      html("td", { class: "id" }, html("a", { href: placeOf("event", event.event_id) }, event.event_id)),
      html("td", { class: "number" }, money(event.amount_minor, event.currency)),
      html("td", {}, html("b", { class: `word ${event.decision}` }, event.decision ?? "–")),
      html("td", { class: "number" }, event.score ?? "–"),
      turnedOut(event.label, event.label_source))), [2, 4]),
  ];
}

// No more are asked for at once.
export const MOST_EVENTS = 100;

function summary(events, within, hasOlder) {
  const bad = events.filter(({ label }) => label === "fraud" || label === "default").length;
  const stopped = events.filter(({ decision }) => decision === "decline" || decision === "review").length;
  const known = events.filter(({ label }) => label !== null).length;
  const all = plural(events.length, "event");
  return `${hasOlder ? `the last ${all}` : all}${within}: ${count(stopped)} reviewed or declined, ${count(bad)} known to be bad, ${count(known - bad)} known to be good`;
}

// The oldest left: what stands out is seen before it is read.
function strip(events, ours) {
  const most = Math.max(1, ...events.map(({ amount_minor }) => amount_minor ?? 0));
  return html("div", { class: events.length > MOST_EVENTS ? "strip dense" : "strip", role: "img", "aria-label": "Amounts of its events, the oldest left" }, ...events.toReversed().map(event => {
    const bar = html("i", { class: `${event.decision} ${ours.has(event.event_id) ? "ours" : ""} ${event.label ?? ""}`, title: `${dateTime(event.occurred_at)} UTC, ${money(event.amount_minor, event.currency)} ${event.decision ?? "not decided yet"}${event.label ? `, ${event.label}` : ""}` });
    bar.style.height = `${Math.max(4, ((event.amount_minor ?? 0) / most) * 100)}%`;
    return bar;
  }));
}

const section = (title, ...children) => html("section", {}, html("h3", {}, title), ...children);
const pairs = rows => html("dl", { class: "pairs" }, ...rows.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
const signed = value => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

// Puts an element at a share of its parent's width. Set through the style object, which the content policy allows.
function place(element, left, width) {
  element.style.left = `${left * 100}%`;
  if (width !== undefined) element.style.width = `${width * 100}%`;
  return element;
}
