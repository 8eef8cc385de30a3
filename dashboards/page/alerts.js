// The queue: what is to be looked at, what matters most first. Filters are in the address, so that a view can be kept and sent.

import { age, ask, claimNext, isCommand, pill, place, refusal, say, send, SEVERITIES, span, state, subject } from "./desk.js";
import { may } from "./ask.js";
import { html, setText, svg } from "./dom.js";
import { count, dayName, dayNumber, isoDay, leftOut, major, minorOf, money } from "./format.js";
import { createChart } from "./frame.js";
import { bars } from "./marks.js";
import { linear } from "./scales.js";

const PAUSE_MS = 4_000;
const DAYS_EVERY_MS = 60_000;
const PAGE = 25;
const VIEWS = [["", "To do"], ["open", "Open"], ["mine", "Mine"], ["escalated", "Escalated"], ["resolved,dismissed", "Closed"]];
const FIELDS = ["policy", "older_than", "key", "sort"];
const DAYS_SHOWN = 60;

const byId = id => document.getElementById(id);
const form = byId("filters");
const body = document.querySelector("#queue tbody");
const works = await may("alerts"); // who may not is shown no button
const reviews = await may("review"); // what was escalated is theirs
const rows = new Map(); // id -> {row, text}
let shown = PAGE;
let queue = null;
let askedDaysAt = 0;

const address = () => new URLSearchParams(location.search);

// What of the address is asked of the server.
function query() {
  const from = address();
  const to = new URLSearchParams();
  for (const name of ["severity", "money_at_least", ...FIELDS]) if (from.get(name)) to.set(name, from.get(name));
  const view = from.get("state") ?? "";
  if (view === "mine") to.set("assignee", "me");
  else if (view) to.set("state", view);
  return to;
}

// The same for the next one: among what is seen, whoever has it.
function nextQuery() {
  const to = query();
  for (const name of ["state", "assignee", "sort"]) to.delete(name);
  return to.size ? `?${to}` : "";
}

function change(changes) {
  const to = address();
  for (const [name, value] of Object.entries(changes)) value ? to.set(name, value) : to.delete(name);
  history.replaceState(null, "", to.size ? `?${to}` : location.pathname);
  shown = PAGE;
  showFilters();
  run();
}

function showFilters() {
  const from = address();
  for (const name of FIELDS) if (form.elements[name] !== document.activeElement) form.elements[name].value = from.get(name) ?? "";
  // In which currency that is the first answer says.
  if (queue && form.elements.money !== document.activeElement) form.elements.money.value = from.has("money_at_least") ? major(from.get("money_at_least"), queue.currency) : "";
  const view = from.get("state") ?? "";
  byId("views").replaceChildren(...VIEWS.map(([value, text]) => {
    const button = html("button", { type: "button", "aria-pressed": value === view }, text);
    button.addEventListener("click", () => change({ state: value }));
    return button;
  }));
}

let drawn = "";

// Drawn anew only when it says something else, so that whoever has the keyboard there keeps it.
function showSeverities() {
  const chosen = (address().get("severity") ?? "").split(",").filter(Boolean);
  const text = JSON.stringify([chosen, queue.counts, queue.policies]);
  if (text === drawn) return;
  drawn = text;
  byId("severities").replaceChildren(...SEVERITIES.map(severity => {
    const states = queue.counts[severity] ?? {};
    const all = Object.values(states).reduce((sum, some) => sum + some, 0);
    const button = html("button", { type: "button", class: `tile ${severity}`, "aria-pressed": chosen.includes(severity) },
      html("span", {}, severity), html("b", {}, count(all)), html("small", {}, all ? `${count(states.open ?? 0)} open` : "none"));
    button.addEventListener("click", () => {
      const next = chosen.includes(severity) ? chosen.filter(other => other !== severity) : [...chosen, severity];
      change({ severity: SEVERITIES.filter(known => next.includes(known)).join(",") });
    });
    return button;
  }));
  const select = form.elements.policy;
  const wanted = address().get("policy") ?? "";
  const names = queue.policies.map(({ name }) => name);
  if ([...select.options].slice(1).map(({ value }) => value).join() !== names.join()) {
    select.replaceChildren(html("option", { value: "" }, "all"), ...queue.policies.map(({ name, description }) => html("option", { value: name, title: description }, name)));
    select.value = wanted;
  }
}

function showQueue() {
  const { items, now, me, next_cursor, is_full } = queue;
  showSeverities();
  setText(byId("shown"), howMany());
  setText(byId("banner"), is_full ? "The desk is full: decisions wait in the log, and are looked at once alerts are closed" : "");
  byId("banner").hidden = !is_full;
  const none = queue.policies.length ? "Nothing here. Take the filters off, or enjoy the quiet" : "No policy raises alerts: declare some as [[alerts]] in the pipeline file";
  setText(byId("message"), items.length ? "" : none);
  byId("queue").hidden = items.length === 0;
  byId("more").hidden = !next_cursor;
  const wanted = items.map(item => {
    const text = JSON.stringify([item, age(item.opened_at, now), me, location.search]);
    const known = rows.get(item.id);
    if (known?.text === text) return known.row;
    const row = create(item, now, me);
    // Whoever has the keyboard in a row keeps it there.
    const had = known?.row.contains(document.activeElement);
    rows.set(item.id, { row, text });
    if (had) queueMicrotask(() => row.querySelector("a").focus());
    return row;
  });
  for (const id of rows.keys()) if (!items.some(item => item.id === id)) rows.delete(id);
  if (wanted.length === body.rows.length && wanted.every((row, index) => row === body.rows[index])) return;
  const focused = document.activeElement;
  body.replaceChildren(...wanted);
  if (body.contains(focused)) focused.focus();
}

// How many are shown, of how many; what the server counts is by severity and state alone.
function howMany() {
  const { items, counts, next_cursor, oldest, now } = queue;
  const asked = query();
  const [severities, states] = ["severity", "state"].map(name => asked.get(name)?.split(","));
  for (const name of ["severity", "state", "sort"]) asked.delete(name);
  const all = SEVERITIES.filter(severity => severities?.includes(severity) ?? true)
    .flatMap(severity => Object.entries(counts[severity] ?? {}))
    .reduce((sum, [state, some]) => sum + (states?.includes(state) ?? true ? some : 0), 0);
  const isCounted = asked.size === 0 && !states?.some(state => state === "resolved" || state === "dismissed");
  const shown = `${next_cursor ? "first " : ""}${count(items.length)} shown`;
  if (!isCounted) return `${shown}${next_cursor ? ", there are more" : ""}`;
  const isAll = !severities && !states;
  return `${shown}, ${count(all)} ${isAll ? "to do" : "like that"}${isAll && oldest ? `, the oldest since ${age(oldest, now)}` : ""}`;
}

function create(item, now, me) {
  const bar = html("i", { class: `score ${item.decision}` });
  bar.style.setProperty("--score", (item.score ?? 0) / 1000);
  const claim = html("button", { type: "button", class: "claim" }, "Claim");
  claim.addEventListener("click", () => take(item));
  const waits = item.state === "open" || (item.state === "escalated" && item.assignee === null);
  const claimable = works && waits && (reviews || item.state === "open");
  const row = html("tr", { class: item.severity },
    html("td", {}, pill(item.severity)),
    html("td", {}, html("a", { href: place(item.id) + location.search }, item.policy), item.notes ? html("small", { class: "soft" }, ` ${item.notes} ✎`) : null),
    html("td", { class: "about-cell" }, subject(item)),
    html("td", { class: "number" }, count(item.events)),
    html("td", { class: "number", title: leftOut(item.other_currency) || null }, money(item.money_minor, item.currency), item.other_currency ? html("small", { class: "soft" }, ` and ${count(item.other_currency)} in other currencies`) : null),
    html("td", { class: "scored" }, html("span", {}, item.score === null ? "–" : String(item.score)), bar),
    html("td", { class: "number", title: `raised ${item.opened_at}` }, age(item.opened_at, now)),
    html("td", {}, state(item, me)),
    html("td", { class: "soft" }, claimable ? claim : works && waits ? "for a reviewer" : null));
  row.addEventListener("click", event => {
    if (!event.target.closest("a, button") && !String(getSelection())) location.href = place(item.id) + location.search;
  });
  return row;
}

async function take(item) {
  try {
    await send(`/v1/alerts/${encodeURIComponent(item.id)}/claim`, { version: item.version });
    location.href = place(item.id) + location.search;
  } catch (error) {
    say(byId("said"), refusal(error), true);
    run();
  }
}

// How the desk did: each day's alerts by what they were.
const KINDS = [["confirmed_fraud", "confirmed fraud"], ["false_positive", "false positive"], ["other", "inconclusive or duplicate"], ["dismissed", "dismissed"], ["waiting", "not closed"]];
const card = byId("days");
const drawing = svg("svg", { role: "slider", tabindex: 0, hidden: "", "aria-roledescription": "chart" });
const silence = html("p", { class: "message" }, "Asking …");
const legend = html("p", { class: "legend" });
card.append(html("figcaption", {}, html("h2", {}, "Alerts by day"), html("p", { class: "about" }, "What was raised each day (UTC), and what it turned out to be"), legend), silence, drawing);
const chart = createChart(drawing);

async function showDays() {
  if (Date.now() - askedDaysAt < DAYS_EVERY_MS) return;
  askedDaysAt = Date.now();
  let days = [];
  try {
    const last = dayNumber(queue.now.slice(0, 10));
    days = await ask(`/v1/monitor/alerts?from=${isoDay(last - DAYS_SHOWN)}&to=${isoDay(last)}`);
  } catch (error) {
    setText(silence, refusal(error));
    silence.classList.add("error");
    return;
  }
  silence.classList.remove("error");
  setText(silence, days.length ? "" : "No alert was raised in the last 60 days");
  drawing.toggleAttribute("hidden", days.length === 0);
  if (days.length === 0) return;
  legend.replaceChildren(...KINDS.map(([kind, text]) => html("span", { class: `swatch ${kind}` }, text)));
  const first = dayNumber(days[0].day);
  const size = dayNumber(days.at(-1).day) - first + 1;
  const at = day => dayNumber(day.day) - first;
  const byBand = new Map(days.map(day => [at(day), day]));
  chart.show({
    label: "Alerts raised per day, by what they were",
    bands: { count: size, ticks: width => ticks(first, size, width) },
    y: linear(Math.max(...days.map(({ opened }) => opened)), count),
    draw: plot => KINDS.map(([kind], index) => bars(plot, kind, days.filter(day => day[kind] > 0).map(day => {
      const from = KINDS.slice(0, index).reduce((sum, [other]) => sum + day[other], 0);
      return { at: at(day), from, to: from + day[kind] };
    }))),
    read(band) {
      const day = byBand.get(band);
      if (!day) return { title: dayName(first + band), rows: [{ name: "alerts", value: "0" }] };
      return {
        title: dayName(first + band),
        rows: [
          ...KINDS.map(([kind, name]) => ({ kind, name, value: count(day[kind]) })),
          { name: "claimed after, median", value: day.to_claim_s === null ? "–" : span(day.to_claim_s) },
          { name: "closed after, median", value: day.to_close_s === null ? "–" : span(day.to_close_s) },
        ],
      };
    },
  });
}

function ticks(first, size, width) {
  const every = Math.max(1, Math.ceil((size * 64) / width));
  return Array.from({ length: Math.ceil(size / every) }, (_, index) => ({ at: index * every + 0.5, text: dayName(first + index * every).split(" ").slice(1, 3).join(" ") }));
}

form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", event => {
  const { name, value } = event.target;
  if (name === "money") change({ money_at_least: value > 0 ? String(minorOf(value, queue?.currency)) : "" });
  else if (FIELDS.includes(name)) change({ [name]: value.trim() });
});
byId("next").addEventListener("click", () => claimNext(nextQuery(), byId("said")));
byId("more").addEventListener("click", () => {
  shown = Math.min(1_000, shown + PAGE);
  run();
});

document.addEventListener("keydown", event => {
  if (!isCommand(event)) return;
  const links = [...body.querySelectorAll("a")];
  const focused = document.activeElement.closest?.("#queue tr");
  const here = focused ? [...body.rows].indexOf(focused) : -1;
  const move = to => links[Math.min(links.length - 1, Math.max(0, to))]?.focus();
  const keys = {
    j: () => move(here + 1),
    k: () => move(here - 1),
    n: () => works && byId("next").click(),
    c: () => focused?.querySelector(".claim")?.click(),
    "/": () => form.elements.key.focus(),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
addEventListener("popstate", () => {
  showFilters();
  run();
});

let running = false;
let again = false;

// One at a time; what is wanted meanwhile is done after it.
async function run() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    const asked = query();
    asked.set("limit", shown);
    const isFirst = queue === null;
    queue = await ask(`/v1/alerts?${asked}`);
    if (isFirst) showFilters();
    showQueue();
    showDays();
  } catch (error) {
    setText(byId("banner"), refusal(error));
    byId("banner").hidden = false;
    if (!queue) for (const message of [byId("message"), silence]) setText(message, "No answer");
  }
  running = false;
  if (again) {
    again = false;
    run();
  }
}


showFilters();
run();
setInterval(() => document.hidden || run(), PAUSE_MS);
