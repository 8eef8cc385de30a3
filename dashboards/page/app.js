// The page: asks, keeps the last answers, and hands them to the parts that show them. It asks every two seconds, never in a
// hidden tab, and leaves the server four times as long in peace as the last answers took. An answer that did not change draws nothing.

import { explain, textOf } from "./ask.js";
import { CHARTS } from "./charts.js";
import { forgetDecisions, linkTo, markOpen, shownId, showDecisions } from "./decisions.js";
import { isCommand } from "./desk.js";
import { html, setText, svg, switches } from "./dom.js";
import { MOST_EVENTS, placeOf, showEntity, showEvent, showMessage } from "./event.js";
import { figures } from "./figures.js";
import { dayName, dayNumber, fullTime, isoDay, plural } from "./format.js";
import { createChart } from "./frame.js";

const PAUSE_MS = 2_000;
const PATIENCE_MS = 30_000;
const SPANS = [[7, "7 days"], [30, "30 days"], [90, "90 days"]];
const VERDICTS = [["", "All"], ["approve", "Approve"], ["challenge", "Challenge"], ["review", "Review"], ["decline", "Decline"]];
const STATUS = "/v1/status";

const byId = id => document.getElementById(id);
const answers = new Map(); // path -> {text, data, error, at}
const cards = new Map(CHARTS.map(chart => [chart, createCard(chart)]));
const failures = new Map(); // job -> what it could not do with an answer
let askedAt = null; // where the warehouse stood, and for which days, when the charts last asked
let openedFrom = null;

// One question to the server. True when there is something new to show.
async function ask(path) {
  const before = answers.get(path);
  let now;
  try {
    const text = await textOf(path, PATIENCE_MS);
    now = { text, data: text === before?.text ? before.data : JSON.parse(text), at: Date.now() };
  } catch (error) {
    now = { ...before, error: explain(error, PATIENCE_MS), unreachable: error instanceof TypeError };
  }
  answers.set(path, now);
  return now.text !== before?.text || now.error !== before?.error;
}

const dataOf = path => answers.get(path)?.data;
const range = () => Object.fromEntries(["from", "to"].map(key => [key, new URLSearchParams(location.search).get(key)]).filter(([, day]) => day));
const verdict = () => new URLSearchParams(location.search).get("decision") ?? "";
const newestPath = () => `/v1/decisions?limit=50${verdict() && `&decision=${encodeURIComponent(verdict())}`}`;
const questionPath = ({ question }) => {
  const query = new URLSearchParams(range()).toString();
  return `/v1/monitor/${question}${query && `?${query}`}`;
};

async function askPulse() {
  const newest = newestPath();
  const asked = [STATUS, newest, ...openedPaths()];
  const changed = await Promise.all(asked.map(ask));
  if (changed[0]) showStatus();
  if (changed[1] && newest === newestPath()) showNewest();
  if (changed[2]) showOpened();
}

// The charts are asked again only once the warehouse has moved on, or an earlier answer was an error.
async function askCharts() {
  const paths = CHARTS.map(questionPath);
  const position = dataOf(STATUS)?.warehouse_position;
  const key = `${position} ${paths[0]}`;
  const failed = paths.some(path => answers.get(path)?.error || !answers.has(path));
  if (position !== undefined && key === askedAt && !failed) return;
  askedAt = key;
  const changed = await Promise.all(paths.map(ask));
  if (changed.some(Boolean) && paths[0] === questionPath(CHARTS[0])) showCharts();
  forgetAllBut(CHARTS.map(questionPath), "/v1/monitor/");
}

function forgetAllBut(paths, prefix) {
  for (const path of answers.keys()) if (path.startsWith(prefix) && !paths.includes(path)) answers.delete(path);
}

// Runs `job`; what it cannot do is said on the page, which would look alive and stand still otherwise.
async function attempt(job) {
  try {
    await job();
    failures.delete(job);
  } catch (error) {
    console.error(error);
    failures.set(job, `this page cannot show an answer: ${error.message}`);
  }
  showBanner();
}

// Runs `job` now and again until the page is left; returns a function that brings the next run forward.
function repeat(job) {
  let wake = () => {};
  let woken = false;
  const pause = length => new Promise(resolve => {
    const timer = setTimeout(resolve, woken ? 0 : length);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  (async () => {
    for (;;) {
      while (document.hidden) await new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }));
      woken = false;
      const started = performance.now();
      await attempt(job);
      await pause(Math.max(PAUSE_MS, 4 * (performance.now() - started)));
    }
  })();
  return () => {
    woken = true;
    wake();
  };
}

function showStatus() {
  const status = dataOf(STATUS);
  if (!status) return;
  document.title = `${status.pipeline}, riskflow`;
  setText(byId("pipeline"), status.pipeline);
  const lag = status.log_position - status.warehouse_position;
  const facts = [
    ["Model", status.model ? `${status.model.name} ${status.model.version}` : "none", status.model ? "" : "warning"],
    ["Engine", status.engine_mode, status.engine_mode === "normal" ? "" : "warning"],
    ["Warehouse", lag > 0 ? `${plural(lag, "record")} behind` : "in step", ""],
    ["Event time", status.clock ? fullTime(status.clock).replace(/\.\d+/, "") : "none yet", ""],
  ];
  const list = byId("facts");
  if (list.children.length === 0) list.append(...facts.map(() => html("div", {}, html("dt"), html("dd"))));
  facts.forEach(([name, value, kind], index) => {
    const [term, text] = list.children[index].children;
    setText(term, name);
    setText(text, value);
    text.className = kind;
  });
  byId("replay").hidden = !status.replay;
  if (status.replay) byId("replay").value = status.replay.done;
  showFigures();
}

function showBanner() {
  const { data: status, error, unreachable, at } = answers.get(STATUS) ?? {};
  const [failure] = failures.values();
  const replay = status?.replay;
  const live = byId("live");
  live.className = unreachable ? "lost" : error || failure ? "warning" : status?.events ? "on" : "";
  setText(live, unreachable ? "no connection" : error ? "no status" : replay ? `replay ${Math.floor(replay.done * 100)} %` : status?.events ? "live" : "no events yet");
  const text = error ? `${error}${at ? `. Shown as of ${new Date(at).toISOString().slice(11, 19)} UTC` : ""}` : failure ?? sharedError();
  byId("banner").hidden = !text;
  setText(byId("banner"), text ?? "");
  document.body.classList.toggle("stale", Boolean(error));
}

// What all five charts were answered, when it was the same error: said once.
function sharedError() {
  const errors = new Set(CHARTS.map(chart => answers.get(questionPath(chart))?.error));
  return errors.size === 1 ? [...errors][0] : undefined;
}

function showNewest() {
  const { data, error } = answers.get(newestPath()) ?? {};
  if (data) showDecisions(data.items);
  const message = error ?? (!data ? "Asking …" : data.items.length ? "" : verdict() ? "No decision like that" : "No decisions yet");
  setText(byId("decisions-message"), message);
  byId("decisions-message").classList.toggle("error", Boolean(error));
  byId("decisions").hidden = !data?.items.length;
}

function showCharts() {
  const days = CHARTS.flatMap(chart => {
    const data = dataOf(questionPath(chart));
    return data && chart.days ? chart.days(data).map(row => dayNumber(row.day)) : [];
  });
  const [first, last] = [Math.min(...days), Math.max(...days)];
  const { clock, thresholds } = dataOf(STATUS) ?? {};
  const running = clock ? dayNumber(clock.slice(0, 10)) : null;
  for (const [chart, card] of cards) card.show(answers.get(questionPath(chart)), { first, last, running, thresholds, choose }, sharedError());
  setText(byId("shown"), days.length === 0 ? "" : first === last ? dayName(first) : `${dayName(first)} to ${dayName(last)}, ${plural(last - first + 1, "day")}`);
  showFigures();
}

function showFigures() {
  const byQuestion = Object.fromEntries(CHARTS.map(chart => [chart.question, dataOf(questionPath(chart))]));
  const list = byId("figures");
  const shown = figures(byQuestion, dataOf(STATUS));
  if (list.children.length === 0) list.append(...shown.map(() => html("div", {}, html("dt"), html("dd"), html("dd", { class: "note" }))));
  shown.forEach(({ name, value, note }, index) => [name, value, note].forEach((text, part) => setText(list.children[index].children[part], text)));
}

// The card of one chart: its head, its switch between modes, and either the chart or a sentence.
function createCard(chart) {
  const message = html("p", { class: "message" }, "Asking …");
  const legend = html("p", { class: "legend" });
  const drawing = svg("svg", { role: "slider", tabindex: 0, hidden: "", "aria-roledescription": "chart" });
  let mode = chart.modes?.[0][0];
  let last = null;
  const scale = html("div", { class: "switch", role: "group", "aria-label": `${chart.title}: scale` });
  const press = () => switches(scale, chart.modes, mode, value => {
    mode = value;
    press();
    if (last) show(...last);
  });
  if (chart.modes) press();
  byId("charts").append(html("figure", { class: `card ${chart.question}` },
    html("figcaption", {},
      html("h2", {}, chart.title),
      html("p", { class: "about" }, chart.about),
      legend,
      chart.modes ? scale : null),
    message,
    drawing));
  const { show: draw } = createChart(drawing);

  // A chart that could not be asked again stays, pale, under the error; the error that all have in common is said by the banner.
  function show(answer, view, shared) {
    last = [answer, view, shared];
    const { data, error } = answer ?? {};
    const silence = data === undefined ? undefined : chart.silence(data);
    const text = error ? (error === shared ? "No answer" : error) : silence ? `${silence}${Object.keys(range()).length ? " in these days" : " yet"}` : "";
    const drawn = silence === null;
    setText(message, text);
    message.hidden = !text;
    message.classList.toggle("error", Boolean(error));
    drawing.toggleAttribute("hidden", !drawn);
    drawing.classList.toggle("old", Boolean(error));
    const description = drawn ? chart.describe(data, { ...view, mode }) : null;
    legend.replaceChildren(...(description?.legend ?? []).map(([kind, words]) => html("span", { class: `swatch ${kind}` }, words)));
    if (description) draw(description);
  }
  return { show };
}

// The days shown live in the address, so that a view can be sent to somebody.
function choose(first, last) {
  setRange({ from: isoDay(first), to: isoDay(last) });
}

function setRange({ from, to }) {
  setAddress({ from, to });
  showRange();
}

// Puts something into the address, or out of it.
function setAddress(parts) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(parts)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  history.pushState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

let listed = newestPath(); // which decisions the table shows

// Of the newest decisions those are shown that came to what the address says.
async function showVerdict() {
  switches(byId("verdicts"), VERDICTS, verdict(), decision => {
    setAddress({ decision });
    showVerdict();
  });
  const path = newestPath();
  forgetAllBut([path], "/v1/decisions?");
  if (path !== listed) {
    listed = path;
    forgetDecisions();
    showNewest();
  }
  if (!answers.has(path)) await ask(path);
  if (path === newestPath()) showNewest();
}

function showRange() {
  const { from = "", to = "" } = range();
  byId("from").value = from;
  byId("to").value = to;
  const clock = dataOf(STATUS)?.clock;
  for (const button of byId("spans").children) {
    const days = Number(button.dataset.days);
    const pressed = days ? Boolean(clock) && !to && from === spanStart(clock, days) : !from && !to;
    button.setAttribute("aria-pressed", pressed);
  }
  wakeCharts();
}

const spanStart = (clock, days) => isoDay(dayNumber(clock.slice(0, 10)) - days + 1);

function createRangePicker() {
  for (const [days, text] of [...SPANS, [0, "All days"]]) {
    const button = html("button", { type: "button", "data-days": days }, text);
    button.addEventListener("click", () => {
      const clock = dataOf(STATUS)?.clock;
      if (clock) setRange(days ? { from: spanStart(clock, days) } : {});
    });
    byId("spans").append(button);
  }
  for (const id of ["from", "to"]) byId(id).addEventListener("change", () => setRange({ from: byId("from").value, to: byId("to").value }));
  addEventListener("popstate", () => {
    showRange();
    attempt(showVerdict);
  });
}

// What the address has at the side: {event}, or {entity, key}; neither where it names none.
function opened() {
  const [kind, ...names] = location.hash.slice(1).split("/");
  const [first, second] = names.map(decoded);
  if (kind === "event" && first && names.length === 1) return { event: first };
  return kind === "entity" && second && names.length === 2 ? { entity: first, key: second } : {};
}

// What cannot be decoded is taken as it stands, and nothing is found under it.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function openedPath() {
  const { event, entity, key } = opened();
  if (event) return `/v1/decisions/${encodeURIComponent(event)}`;
  return entity ? `/v1/entities/${encodeURIComponent(entity)}/${encodeURIComponent(key)}?limit=${MOST_EVENTS}` : null;
}

// A decision never changes; its label may still come. What an entity did is asked once.
const openedPaths = () => (opened().event && !dataOf(openedPath())?.label ? [openedPath()] : []);

async function open() {
  const path = openedPath();
  const { event = null } = opened();
  markOpen(event);
  if (!path) {
    byId("event").hidden = true;
    openedFrom?.focus();
    openedFrom = null;
    return;
  }
  if (byId("event").hidden) openedFrom = linkTo(event);
  for (const prefix of ["/v1/decisions/", "/v1/entities/"]) forgetAllBut([path], prefix);
  await ask(path);
  if (path !== openedPath()) return;
  byId("event").scrollTop = 0;
  showOpened();
  byId("event").focus({ preventScroll: true });
}

function showOpened() {
  const { data, error } = answers.get(openedPath()) ?? {};
  const { event, entity, key } = opened();
  if (data && event) showEvent(data, close);
  else if (data) showEntity(entity, key, data.items, close, { older: data.next_cursor ? () => goOn(openedPath()) : null, error });
  else if (error) showMessage(event ? "Event" : entity, event ?? key, error, close, event ? meant(event) : []);
}

// Asks for what an entity did before what is shown of it, and shows that behind it.
async function goOn(path) {
  const known = answers.get(path);
  let now;
  try {
    const { items, next_cursor } = JSON.parse(await textOf(`${path}&cursor=${encodeURIComponent(known.data.next_cursor)}`, PATIENCE_MS));
    now = { ...known, data: { items: [...known.data.items, ...items], next_cursor }, error: undefined };
  } catch (error) {
    now = { ...known, error: explain(error, PATIENCE_MS) };
  }
  // Somebody has asked twice, or for something else meanwhile.
  if (answers.get(path) !== known) return;
  answers.set(path, now);
  if (path === openedPath()) showOpened();
}

function close() {
  history.pushState(null, "", location.pathname + location.search);
  open();
}

addEventListener("hashchange", open);
addEventListener("keydown", event => {
  if (event.key === "Escape" && openedPath()) close();
  if (event.key !== "/" || !isCommand(event)) return;
  event.preventDefault();
  wanted.focus();
});

// An event is found by its id, an entity as customer:cus_9.
const wanted = byId("find").elements.wanted;
let entities = []; // the names of those that events have, as one of them has them

async function learnEntities() {
  if (entities.length || !shownId()) return;
  const path = `/v1/decisions/${encodeURIComponent(shownId())}`;
  await ask(path);
  entities = Object.keys(dataOf(path)?.entities ?? {});
  byId("entities").replaceChildren(...entities.map(entity => html("option", { value: `${entity}:` })));
}

// The entity and the key that a text has, if it has both.
const parted = text => /^([^:]+):(.+)$/.exec(text)?.slice(1);

// The entities that are meant, perhaps, by what is no event's id.
function meant(text) {
  const whole = parted(text);
  return whole ? [whole] : entities.map(entity => [entity, text]);
}

wanted.addEventListener("focus", learnEntities);
byId("find").addEventListener("submit", async event => {
  event.preventDefault();
  await learnEntities();
  const text = wanted.value.trim();
  const [entity, key] = parted(text) ?? [];
  if (text) location.hash = placeOf(...(entities.includes(entity) ? ["entity", entity, key] : ["event", text]));
});

createRangePicker();
showFigures();
let wakeCharts = () => {};
showRange();
await attempt(askPulse);
showRange();
attempt(showVerdict);
repeat(askPulse);
wakeCharts = repeat(askCharts);
open();
