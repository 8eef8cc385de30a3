// The page of rules and lists: what decides beside the model, what of it waits for a second person, and one rule or one list. Which of them is in the address, and
// so are the filters. It asks again every half a minute, never in a hidden tab.

import { ask, isCommand, refusal } from "./desk.js";
import { html, setText } from "./dom.js";
import { count, dayName, dayNumber, isoDay, leftOut, money, percent, plural } from "./format.js";
import { showList, showLists } from "./lists.js";
import { all, alters, may, showWaiting, stateOf, stateText } from "./proposals.js";
import { interval } from "./rivals.js";
import { openRule } from "./rule.js";

const PAUSE_MS = 30_000;
const STATES = ["active", "rollout", "shadow", "draft", "paused", "archived"];
// So many days of events, up to the newest one, are "lately".
const LATELY = 30;

const byId = id => document.getElementById(id);
const form = byId("filters");
const body = byId("rules").tBodies[0];
const address = () => new URLSearchParams(location.search);
const asked = { rule: address().get("rule"), list: address().get("list"), isNew: address().has("new"), lists: address().has("lists") || address().has("list") };
const listed = !asked.rule && !asked.isNew && !asked.lists;
let rules = [];
let opened = null; // what shows one rule
let figures = null; // rule -> what came of its hits lately, or in shadow would have; null as long as that is not known

// What of the changes is of what is shown here.
function isHere({ what }) {
  const [kind, name] = asked.list ? ["list", asked.list] : asked.lists ? ["list", ""] : ["rule", asked.rule ?? ""];
  return what.some(line => (listed ? /^(rule|list) /.test(line) : line.startsWith(name ? `${kind} ${name} ` : `${kind} `)));
}

async function refresh() {
  const [known, changes] = await Promise.all([all("/v1/rules"), all("/v1/changes")]);
  rules = known;
  setText(byId("message"), "");
  if (listed) showRules();
  else if (asked.list) await showList(asked.list, refresh);
  else if (asked.lists) await showLists();
  else {
    opened ??= openRule(asked.rule, { refresh, days: lately, figures: rule => figures && { hits: isAsked(rule) ? 0 : null, ...figuresOf(rule) } });
    await opened.show(rules, changes);
    asked.rule ??= address().get("rule"); // a new one has a name now
  }
  await showWaiting(changes.filter(isHere), rules, refresh);
}

let days = null;

// The days of events that figures are of: {from, to, event}, up to the newest decision; null where there is none.
function lately() {
  days ??= ask("/v1/decisions?limit=1").then(({ items: [event] }) => {
    if (!event) return null;
    const last = dayNumber(event.occurred_at.slice(0, 10));
    return { from: isoDay(last - LATELY + 1), to: isoDay(last), event: event.event_id };
  });
  // What was not answered is asked again.
  days.then(range => { if (!range) days = null; }, () => { days = null; });
  return days;
}

let isCounting = false;

// How rules did lately, which takes the warehouse a while; nothing else waits for it, and it is asked for once at a time.
async function showFigures() {
  if (isCounting) return;
  isCounting = true;
  try {
    const range = await lately();
    const { currency, other_currency: others, ...hits } = range ? await ask(`/v1/monitor/performance?from=${range.from}&to=${range.to}`) : { rules: [], rules_in_shadow: [] };
    const byName = found => new Map(found.map(rule => [rule.name, { ...rule, currency }]));
    figures = { counting: byName(hits.rules), shadow: byName(hits.rules_in_shadow) };
    setText(byId("figures-of"), range ? `Hits, and what is known of them, from ${dayName(dayNumber(range.from))} to ${dayName(dayNumber(range.to))}. Those of a rule in shadow changed nothing.${others ? ` Money is in ${currency}; ${leftOut(others)}.` : ""}` : "Nothing was decided yet: there are no hits.");
  } catch (error) {
    setText(byId("figures-of"), `How rules did is not known: ${refusal(error)}`);
  }
  isCounting = false;
  if (listed) showRules();
  opened?.showFigures();
}

// What came of its hits, those in shadow where it is there.
const figuresOf = rule => figures?.[stateOf(rule) === "shadow" ? "shadow" : "counting"].get(rule.id);
const isAsked = rule => alters(rule) || stateOf(rule) === "shadow";

function isShown(rule) {
  const [state, text] = [address().get("state"), (address().get("text") ?? "").toLowerCase()];
  const words = [rule.id, rule.name, rule.description ?? "", rule.when, rule.author].join("\n").toLowerCase();
  return (!state || stateOf(rule) === state) && words.includes(text);
}

let drawn = "";

function showRules() {
  const shown = rules.filter(isShown).sort((one, other) => one.priority - other.priority || (one.id < other.id ? -1 : 1));
  byId("all-rules").hidden = false;
  byId("new").hidden = !may("review");
  setText(byId("shown"), `${count(shown.length)} of ${plural(rules.length, "rule")}`);
  setText(byId("nothing"), rules.length ? "No rule like that" : `There is no rule yet.${may("review") ? " Write the first one: it is a condition over what the pipeline computes anyway." : ""}`);
  byId("nothing").hidden = shown.length > 0;
  byId("rules").hidden = shown.length === 0;
  showFilters();
  const text = JSON.stringify([shown, shown.map(figuresOf)]);
  if (text === drawn) return;
  drawn = text;
  const focused = document.activeElement?.closest?.("#rules a")?.getAttribute("href");
  body.replaceChildren(...shown.map(row));
  if (focused) body.querySelector(`a[href="${focused}"]`)?.focus();
}

function row(rule) {
  const known = figuresOf(rule);
  const state = stateOf(rule);
  return html("tr", { class: state === "archived" ? "gone" : null },
    html("td", { class: "rule-name" }, html("a", { href: `?rule=${rule.id}` }, rule.id), html("small", {}, rule.name)),
    html("td", {}, html("span", { class: `rule-state ${state}` }, stateText(rule))),
    html("td", {}, rule.action ? html("b", { class: `word ${rule.action}` }, rule.action) : html("span", { class: "unknown" }, "none")),
    html("td", { class: "number wide" }, rule.score_modifier ? signed(rule.score_modifier) : "–"),
    html("td", { class: "number wide" }, String(rule.priority)),
    html("td", { class: "wide" }, `${rule.version}, `, html("span", { class: "soft" }, rule.author)),
    html("td", { class: "number" }, known ? count(known.hits) : figures && isAsked(rule) ? "0" : "–"),
    html("td", { class: "number" }, known ? short(known.flagging.precision, percent) : "–"),
    html("td", { class: "number wide" }, known ? short(known.flagging.money_stopped_minor, minor => money(minor, known.currency)) : "–"));
}

const signed = points => `${points > 0 ? "+" : "−"}${Math.abs(points)}`;
const short = (figure, text) => (figure.point === undefined ? html("span", { class: "unknown" }, "not known") : html("span", { title: interval(figure, text) }, text(figure.point)));

let states = "";

function showFilters() {
  if (document.activeElement !== form.elements.text) form.elements.text.value = address().get("text") ?? "";
  const choices = [["", "All", rules.length], ...STATES.map(state => [state, state, rules.filter(rule => stateOf(rule) === state).length])];
  const text = JSON.stringify([choices, address().get("state")]);
  if (text === states) return;
  states = text;
  const focused = document.activeElement?.closest?.("#states button")?.value;
  byId("states").replaceChildren(...choices.map(([value, word, size]) => {
    const button = html("button", { type: "button", value, "aria-pressed": value === (address().get("state") ?? "") }, word, html("small", {}, ` ${count(size)}`));
    button.addEventListener("click", () => filter({ state: value }));
    return button;
  }));
  if (focused !== undefined) [...byId("states").children].find(({ value }) => value === focused)?.focus();
}

function filter(changes) {
  const to = address();
  for (const [name, value] of Object.entries(changes)) value ? to.set(name, value) : to.delete(name);
  history.replaceState(null, "", to.size ? `?${to}` : location.pathname);
  showRules();
}

form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", ({ target }) => filter({ [target.name]: target.value.trim() }));
document.addEventListener("keydown", event => {
  if (!isCommand(event)) return;
  const links = [...body.querySelectorAll("a")];
  const here = links.indexOf(document.activeElement);
  const move = to => links[Math.min(links.length - 1, Math.max(0, to))]?.focus();
  const keys = {
    "/": () => document.querySelector("main > :not([hidden]) .toolbar input[type=search]")?.focus(),
    ...(listed ? { j: () => move(here + 1), k: () => move(here - 1), n: () => byId("new").hidden || byId("new").click() } : {}),
  };
  const command = keys[event.key];
  if (!command) return;
  event.preventDefault();
  command();
});

const run = () => refresh().then(() => "", refusal).then(text => {
  byId("banner").hidden = !text;
  setText(byId("banner"), text);
  if (text) setText(byId("message"), "");
});

for (const link of byId("parts").children) if (link.search.startsWith("?lists") === asked.lists) link.setAttribute("aria-current", "page");
run();
if (!asked.lists) showFigures();
setInterval(() => {
  if (document.hidden) return;
  run();
  if (!asked.lists) showFigures();
}, PAUSE_MS);
