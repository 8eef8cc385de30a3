// The page of drift: asks for what moved, shows it as a heat map, and one feature of one window in detail. What is shown stands in the
// address, so that a view can be sent to somebody.

import { explain, textOf } from "./ask.js";
import { html, setText, svg, switches } from "./dom.js";
import { compact, count, dayName, dayNumber, isoDay, number, percent } from "./format.js";
import { drawHeat } from "./heat.js";
import { linear } from "./scales.js";

const PAUSE_MS = 20_000;
const PATIENCE_MS = 60_000;
const DAYS = { hour: 5, day: 30, week: 182 };
const AGAINST = [["training", "training"], ["week_before", "the week before"], ["same_hours", "the same hours a week before"]];
const HOUR_MS = 3_600_000;
const HOURS = { hour: 1, day: 24, week: 168 };
const WORDS = { running: "not over yet", insufficient_data: "insufficient data", stable: "stable", watch: "watch", drift: "drift" };
const RANK = ["running", "insufficient_data", "stable", "watch", "drift"];

const byId = id => document.getElementById(id);
const asked = () => Object.fromEntries(new URLSearchParams(location.search));
let answer = null;
let text = null; // what was asked and answered last
let asks = 0; // how often it was asked
let latest = null; // the last day that has decisions

const scroll = byId("heat-scroll");
let isAtEnd = true; // nobody has scrolled away from the newest windows
scroll.addEventListener("scroll", () => (isAtEnd = scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 1));

const get = path => textOf(path, PATIENCE_MS);

// The days to show: those of the address, or the last that have decisions.
async function days(window) {
  const { from, to } = asked();
  if (from && to) return { from, to };
  const volume = JSON.parse(await get("/v1/monitor/volume"));
  latest = volume.at(-1)?.day ?? null;
  if (!latest) return null;
  const last = to ?? latest;
  // What is no day or no window the server refuses in words.
  const first = dayNumber(last) - (DAYS[window] ?? DAYS.day) + 1;
  return { from: from ?? (isNaN(first) ? last : isoDay(first)), to: last };
}

async function refresh() {
  const ask = ++asks;
  const { window = "day", against = "training", segment = "" } = asked();
  try {
    const shown = await days(window);
    // Something else has been chosen meanwhile, and asked for.
    if (ask !== asks) return;
    if (!shown) {
      answer = text = null;
      byId("heat").replaceChildren();
      setText(byId("message"), "No data: nothing has been decided yet.");
      return;
    }
    const query = new URLSearchParams({ window, against, segment, ...shown });
    const [now, status] = [await get(`/v1/monitor/drift?${query}`), await get("/v1/status")];
    if (ask !== asks) return;
    byId("banner").hidden = true;
    byId("from").value = shown.from;
    byId("to").value = shown.to;
    const data = JSON.parse(now);
    const over = lastOver(JSON.parse(status).clock, data.window);
    if (`${query} ${now} ${over}` === text) return;
    text = `${query} ${now} ${over}`;
    answer = arranged(data, shown, over);
    show();
  } catch (error) {
    if (ask !== asks) return;
    if (!answer) setText(byId("message"), "No answer");
    setText(byId("banner"), explain(error, PATIENCE_MS));
    byId("banner").hidden = false;
  }
}

// Windows that begin after this are not over, by the time of the last event.
const lastOver = (clock, window) => (clock ? Date.parse(clock) - HOURS[window] * HOUR_MS : Infinity);

// The cells by name and window; where two models decided in a window, the one that decided more. What is not over is not judged: part of a day or a week
// differs from a whole one.
function arranged(data, shown, over) {
  const cells = new Map();
  for (const each of data.moved) {
    const moved = Date.parse(each.window_start) > over ? { ...each, seen: "running", severity: "running" } : each;
    const of = cells.get(moved.name) ?? new Map();
    cells.set(moved.name, of);
    const before = of.get(moved.window_start);
    if (!before || before.figures.current_rows < moved.figures.current_rows) of.set(moved.window_start, moved);
  }
  const columns = data.moved.length ? windows(data.window, shown) : [];
  const worst = name => Math.max(...[...cells.get(name).values()].map(moved => RANK.indexOf(moved.severity)));
  const most = name => Math.max(...[...cells.get(name).values()].map(moved => (moved.severity === "running" ? 0 : moved.figures.psi?.value ?? 0)));
  const kind = name => ["score", "decision", "feature"].indexOf([...cells.get(name).values()][0].kind);
  const names = [...cells.keys()].sort((a, b) => {
    const apart = Math.min(kind(a), 1.5) - Math.min(kind(b), 1.5);
    return apart || worst(b) - worst(a) || most(b) - most(a);
  });
  return { ...data, cells, columns, names };
}

// Every window of the days shown, whether it has decisions or not.
function windows(window, { from, to }) {
  const first = dayNumber(from) - (window === "week" ? (dayNumber(from) + 3) % 7 : 0);
  const days = Array.from({ length: Math.max(1, dayNumber(to) - first + 1) }, (_, day) => isoDay(first + day));
  if (window === "hour") return days.flatMap(day => Array.from({ length: 24 }, (_, hour) => `${day}T${String(hour).padStart(2, "0")}:00:00Z`));
  return days.filter((_, place) => window === "day" || place % 7 === 0).map(day => `${day}T00:00:00Z`);
}

function show() {
  showControls();
  const { moved, cells, columns, names, against, segment } = answer;
  const words = AGAINST.find(([key]) => key === against)[1];
  const rows = moved.reduce((most, each) => Math.max(most, each.figures.reference_rows), 0);
  setText(byId("message"), moved.length === 0
    ? `No data: there are no decisions in these days${segment && ` of ${segment}`}.`
    : rows === 0 ? `No reference: there is nothing to hold these windows against ${words}.` : "");
  const chosen = chosenCell();
  drawHeat(byId("heat"), {
    rows: names,
    columns: columns.map(start => ({ key: start, label: short(start) })),
    cell: (row, column) => {
      const found = cells.get(names[row]).get(columns[column]);
      if (!found) return null;
      const once = found.seen !== found.severity && RANK.indexOf(found.seen) > RANK.indexOf("stable") ? found.seen : null;
      return { severity: found.severity, once };
    },
    read: (row, column) => {
      const found = cells.get(names[row]).get(columns[column]);
      return found ? reading(found) : { title: `${names[row]}, ${long(columns[column])}`, rows: [], note: "no data: nothing was decided" };
    },
    chosen,
    choose: (row, column) => change({ feature: names[row], at: columns[column] }),
    zoom: (first, last) => change({ from: columns[first].slice(0, 10), to: lastDay(columns[last]) }),
    back: chosenDays() ? latestDays : null,
  });
  if (!chosen && isAtEnd) scroll.scrollLeft = scroll.scrollWidth;
  showDetail(chosen && cells.get(names[chosen.row]).get(columns[chosen.column]));
  suggestReason();
}

const chosenDays = () => Boolean(asked().from || asked().to);
const latestDays = () => change({ from: null, to: null });
// The last day of a window.
const lastDay = start => isoDay(dayNumber(start.slice(0, 10)) + (answer.window === "week" ? 6 : 0));

function chosenCell() {
  const { feature, at } = asked();
  const row = answer.names.indexOf(feature);
  const column = answer.columns.indexOf(at);
  return row < 0 || column < 0 || !answer.cells.get(feature).has(at) ? null : { row, column };
}

function showControls() {
  const { window, against, segment, segments } = answer;
  switches(byId("window"), Object.keys(DAYS).map(name => [name, name]), window, name => change({ window: name, at: null, from: null, to: null }));
  setText(byId("latest"), `Last ${DAYS[window]} days`);
  byId("latest").hidden = !chosenDays();
  options("against", AGAINST, against);
  const known = segment && !segments.includes(segment) ? [segment, ...segments] : segments;
  options("segment", [["", "all decisions"], ...known.map(name => [name, name])], segment);
  const legend = [["stable", "stable"], ["watch", "watch"], ["drift", "drift"], ["insufficient_data", "insufficient data"], ["running", "not over yet"], ["nothing", "no data"], ["once", "seen, not yet confirmed"]];
  byId("legend").replaceChildren(...legend.map(([kind, word]) => html("li", { class: kind }, word)));
}

function options(id, values, chosen) {
  const select = byId(id);
  select.replaceChildren(...values.map(([value, word]) => {
    const option = html("option", { value }, word);
    option.selected = value === chosen;
    return option;
  }));
  select.onchange = () => change({ [id]: select.value || null });
}

function change(parts) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.pushState(null, "", `${location.pathname}?${query}`);
  const asksAgain = Object.keys(parts).some(name => !["feature", "at"].includes(name));
  if (asksAgain) refresh();
  else show();
}

// A window as it stands above its column, and in a sentence.
const short = start => (answer.window === "hour" ? `${start.slice(8, 10)}. ${start.slice(11, 13)} h` : `${start.slice(8, 10)}.${start.slice(5, 7)}.`);
const long = start => {
  const day = dayName(dayNumber(start.slice(0, 10)));
  if (answer.window === "hour") return `${day}, ${start.slice(11, 16)} UTC`;
  return answer.window === "week" ? `week of ${day}` : day;
};

const figure = value => (value === null || value === undefined ? "–" : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3));
const share = value => (value === null || value === undefined ? "–" : percent(value));

function state(moved) {
  if (moved.figures.reference_rows === 0) return "no reference to hold it against";
  return WORDS[moved.severity];
}

function reading(moved) {
  const { figures, seen, severity } = moved;
  const note = seen !== severity && severity !== "insufficient_data" ? `this window by itself says ${WORDS[seen]}` : null;
  return {
    title: `${moved.name}, ${long(moved.window_start)}`,
    rows: [
      { name: "severity", value: state(moved) },
      { name: "PSI", value: figure(figures.psi?.value) },
      { name: "noise stays below", value: figure(figures.psi?.noise) },
      { name: "rows now, then", value: `${compact(figures.current_rows)}, ${compact(figures.reference_rows)}` },
    ],
    note,
  };
}

function showDetail(moved) {
  byId("detail").hidden = !moved;
  if (!moved) return;
  const { figures } = moved;
  setText(byId("detail-title"), `${moved.name}, ${long(moved.window_start)}`);
  const model = moved.model ? `${moved.model} ${moved.model_version}` : "no model";
  setText(byId("detail-words"), `${state(moved)}; against ${AGAINST.find(([key]) => key === answer.against)[1]}; decided by ${model}`);
  showBins(moved);
  const numbers = [
    ["PSI", figure(figures.psi?.value)],
    ["noise stays below (99 %)", figure(figures.psi?.noise)],
    ["chance of as much without change", figure(figures.psi?.p)],
    moved.ks && ["KS, of the bins", figure(moved.ks.statistic)],
    ["Jensen-Shannon distance", figure(figures.js)],
    moved.chi_square && ["Cramér's V", figure(moved.chi_square.cramers_v)],
    moved.kind !== "decision" && ["missing then", share(figures.missing?.reference_rate)],
    moved.kind !== "decision" && ["missing now", share(figures.missing?.current_rate)],
    moved.kind !== "decision" && ["outside the range of training", share(moved.outside_rate)],
    moved.kind !== "decision" && ["mean", moved.mean === null ? "–" : number(Number(moved.mean.toPrecision(6)))],
    moved.kind !== "decision" && ["different values, about", moved.distinct === null ? "over 5,000" : count(moved.distinct)],
    ["rows now", count(figures.current_rows)],
    ["rows then", count(figures.reference_rows)],
  ].filter(Boolean);
  byId("numbers").replaceChildren(...numbers.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
  showTold(moved.name);
}

// Two bars a bin on one scale: what share of the rows lay in it then, and now.
function showBins(moved) {
  const rows = counts => counts.reduce((sum, each) => sum + each, 0);
  const [then, now] = [moved.reference, moved.current].map(counts => counts.map(each => (rows(counts) ? each / rows(counts) : 0)));
  const scale = linear(Math.max(...then, ...now) || 1, value => `${number(Math.round(value * 1e4) / 100)} %`);
  const bar = (value, y, kind) => svg("rect", { x: 0, y, width: `${scale.at(value) * 100}%`, height: 7, class: kind });
  const end = ({ value, text }, anchor) => svg("text", { x: `${scale.at(value) * 100}%`, y: 11, "text-anchor": anchor }, text);
  const ends = [end(scale.ticks[0], "start"), end(scale.ticks.at(-1), "end")];
  const names = binNames(moved);
  const lines = names.map((name, bin) => (then[bin] + now[bin] === 0 ? null : html(
    "div", { class: "bin" },
    html("span", {}, name),
    svg("svg", {}, bar(then[bin], 0, "then"), bar(now[bin], 8, "now")),
    html("b", {}, percent(then[bin])),
    html("b", {}, percent(now[bin])),
  )));
  const key = html("div", { class: "bin key" }, html("i", {}), html("i", {}), html("span", {}, "then"), html("span", { class: "now" }, "now"));
  const axis = html("div", { class: "bin axis" }, html("span", {}, "share of the rows"), svg("svg", { "aria-hidden": "true" }, ...ends));
  byId("bins").replaceChildren(key, ...lines.filter(Boolean), axis);
}

function binNames({ kind, edges }) {
  if (kind === "decision") return ["approve", "challenge", "review", "decline"];
  if (edges.length === 0) return ["any value", "missing"];
  const edge = value => (Math.abs(value) >= 1e5 ? compact(value) : String(Number(value.toPrecision(4))));
  const inner = edges.slice(1).map((value, place) => `${edge(edges[place])} to ${edge(value)}`);
  return [`up to ${edge(edges[0])}`, ...inner, `above ${edge(edges.at(-1))}`, "missing"];
}

// Every change of what is held, newest first. What is held in the first window that says something may have begun before it.
function showTold(name) {
  const windows = answer.columns.map(start => answer.cells.get(name).get(start)).filter(Boolean);
  const changes = [];
  const judged = windows.filter(({ severity }) => severity !== "insufficient_data" && severity !== "running");
  let held = "stable";
  for (const moved of judged) {
    if (moved.severity === held) continue;
    held = moved.severity;
    const since = moved === judged[0] ? `already on ${long(moved.window_start)}, the first of those shown: it may have begun before` : `from ${long(moved.window_start)} on`;
    changes.unshift(html("li", {}, html("b", { class: held }, WORDS[held]), ` ${since}, PSI ${figure(moved.figures.psi?.value)}`));
  }
  const quiet = judged.length ? "nothing in the windows shown" : "insufficient data in all windows shown that are over";
  byId("told").replaceChildren(...(changes.length ? changes : [html("li", {}, quiet)]));
}

// Says what has drifted in the last window, where nobody has written a reason yet.
function suggestReason() {
  const { names, cells, columns } = answer;
  const reason = byId("retrain-reason");
  if (reason.value && reason.value !== reason.dataset.suggested) return;
  const isOver = (name, start) => (cells.get(name).get(start)?.severity ?? "running") !== "running";
  const last = columns.findLast(start => names.some(name => isOver(name, start)));
  const drifted = names.filter(name => cells.get(name).get(last)?.severity === "drift");
  reason.dataset.suggested = drifted.length ? `drifted by ${long(last)}: ${drifted.slice(0, 5).join(", ")}${drifted.length > 5 ? ` and ${drifted.length - 5} more` : ""}`.slice(0, 200) : "";
  reason.value = reason.dataset.suggested;
}

byId("retrain").addEventListener("submit", async event => {
  event.preventDefault();
  const said = byId("retrain-said");
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    await textOf("/v1/models/retrain", PATIENCE_MS, { method: "POST", body: JSON.stringify({ reason: byId("retrain-reason").value }) });
    said.classList.remove("error");
    setText(said, "It is asked for.");
  } catch (error) {
    said.classList.add("error");
    setText(said, explain(error, PATIENCE_MS));
  }
  button.disabled = false;
});

for (const id of ["from", "to"]) byId(id).addEventListener("change", () => change({ [id]: byId(id).value || null, at: null }));
byId("latest").addEventListener("click", latestDays);
addEventListener("popstate", () => {
  if (answer) show();
  refresh();
});
new ResizeObserver(() => answer && show()).observe(scroll);
refresh();
setInterval(() => document.hidden || refresh(), PAUSE_MS);
