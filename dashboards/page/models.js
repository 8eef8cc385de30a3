// The page of models: the champion beside a challenger, what follows from it, and who may act on it. What is compared and what of it is
// shown live in the address, so that a view can be sent to somebody. It asks again every half a minute, never in a hidden tab.

import { explain, Refusal, textOf } from "./ask.js";
import { html, sayAt, setText, svg, switches } from "./dom.js";
import { FLIPS, plain, showDuel, td, thead } from "./duel.js";
import { count, fullTime, leftOut, percent, roundMoney } from "./format.js";
import { createChart } from "./frame.js";
import { MATURITY } from "./maturity.js";
import { all, may, showWaiting } from "./proposals.js";
import { CURVES, interval, isMature, judged } from "./rivals.js";

const PAUSE_MS = 30_000;
// Figures over many events take the server a while.
const PATIENCE_MS = 120_000;
const GROUPS = [["days", "Day"], ["versions", "Version"], ["segments", "Segment"], ["rules", "Rule"]];
const ASKED = ["champion", "challenger", "from", "to", "as_of"];
const HOLDS = { insufficient_data: "insufficient data", stable: "stable", watch: "watch", drift: "drift" };

const byId = id => document.getElementById(id);
const filters = byId("filters");
const cards = CURVES.map(chart => [chart, createCard(chart, byId("curves"))]);
const maturity = createCard(MATURITY, byId("maturity"));
let models = [];
let comparison = null;
let performance = null;

const get = async path => JSON.parse(await textOf(path, PATIENCE_MS));
const send = (method, path, body) => textOf(path, PATIENCE_MS, { method, body: JSON.stringify(body) }).then(JSON.parse);

// What the address asks for.
function asked() {
  const query = new URLSearchParams(location.search);
  const champion = query.get("champion") ?? String(models.find(model => model.role === "champion")?.version ?? "");
  const newest = models.filter(model => model.role === "challenger" || model.role === "candidate").map(model => model.version).at(-1);
  const challenger = query.get("challenger") ?? String(models.find(model => model.role === "challenger")?.version ?? newest ?? "");
  return { champion, challenger, from: query.get("from"), to: query.get("to"), as_of: query.get("as_of") };
}

// Which of some choices the address names; the first where it names none.
function chosen(name, choices) {
  const value = new URLSearchParams(location.search).get(name);
  return choices.some(([known]) => known === value) ? value : choices[0][0];
}

// The part of a chart that the address names, as `roc=0..0.1`; null for all of it.
function part(name) {
  const ends = (new URLSearchParams(location.search).get(name) ?? "").split("..").map(end => (end === "" ? NaN : Number(end)));
  return ends.length === 2 && ends[0] >= 0 && ends[1] > ends[0] ? ends : null;
}

// Puts something else into the address. Only other events have to be asked for.
function change(parts) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts)) value ? query.set(name, value) : query.delete(name);
  history.pushState(null, "", query.size ? `${location.pathname}?${query}` : location.pathname);
  show();
  if (Object.keys(parts).some(name => ASKED.includes(name))) run();
}

// Shows what was answered last.
function show() {
  if (!byId("duel").hidden) showComparison();
  if (performance) showPerformance();
}

const queryOf = parts => new URLSearchParams(Object.entries(parts).filter(([, value]) => value)).toString();

async function refresh() {
  const { pipeline, clock } = await get("/v1/status");
  setText(byId("pipeline"), pipeline);
  models = (await get("/v1/models")).models;
  showFilters();
  await showChanges();
  const { champion, challenger, ...range } = asked();
  const areTwo = champion && challenger && champion !== challenger;
  setText(byId("asked"), "asking …");
  const errors = [];
  try {
    if (areTwo) comparison = await get(`/v1/monitor/comparison?${queryOf({ champion, challenger, ...range })}`);
    if (areTwo) showComparison();
    else byId("duel").hidden = true;
  } catch (error) {
    // What is refused is not what was answered before.
    if (error instanceof Refusal) byId("duel").hidden = true;
    errors.push(error);
  }
  try {
    performance = await get(`/v1/monitor/performance?${queryOf(range)}`);
    showPerformance();
  } catch (error) {
    if (error instanceof Refusal) performance = null;
    errors.push(error);
  }
  setText(byId("asked"), !clock ? "nothing has been decided yet" : performance ? `as of ${fullTime(performance.as_of).replace(/\.\d+/, "")}${areTwo ? "" : "; choose a challenger to compare"}` : "");
  if (errors.length) throw errors[0];
}

function showFilters() {
  const chosen = asked();
  for (const name of ["champion", "challenger"]) {
    const options = models.map(({ version, role }) => html("option", { value: version, selected: String(version) === chosen[name] ? "" : null }, `${version}, ${role}`));
    if (!models.some(({ version }) => String(version) === chosen[name])) options.unshift(html("option", { value: chosen[name], selected: "" }, chosen[name] ? `${chosen[name]}, not there` : "none"));
    if (document.activeElement !== filters.elements[name]) filters.elements[name].replaceChildren(...options);
  }
  for (const name of ["from", "to", "as_of"]) if (document.activeElement !== filters.elements[name]) filters.elements[name].value = chosen[name] ?? "";
}

filters.addEventListener("change", () => change(Object.fromEntries(new FormData(filters))));
filters.addEventListener("submit", event => event.preventDefault());
addEventListener("popstate", () => {
  show();
  run();
});

function showComparison() {
  if (showDuel(comparison, chosen("flips", FLIPS), value => change({ flips: value }))) showCohorts();
  for (const [chart, card] of cards) card.show(comparison, chart.name === "days" ? daysShown() : partShown(chart));
  showPromotion();
}

// What a chart needs to show a part: which, what takes another one, and what leads back to the whole, where it is not shown.
function partShown({ name }) {
  const shown = part(name);
  return { part: shown, choose: (from, to) => change({ [name]: `${from}..${to}` }), back: shown && (() => change({ [name]: null })) };
}

// The same for the chart over days: its part is that of everything on the page.
function daysShown() {
  const { from, to } = asked();
  return { choose: (from, to) => change({ from, to }), back: (from || to) && (() => change({ from: null, to: null })) };
}

function showCohorts() {
  const text = figure => interval(figure, value => value.toFixed(3));
  const { mature_at: matureAt } = comparison;
  setText(byId("cohorts-about"), `Pale days are immature: of their bad events fewer than ${percent(matureAt)} are known yet, and figures will change.`);
  const rows = comparison.days.toReversed().map(day => html("tr", { class: isMature(day, matureAt) ? null : "immature" },
    html("th", { scope: "row" }, day.day),
    td(count(day.events)), td(count(judged(day.outcomes))), td(count(day.outcomes.bad)), td(interval(day.maturity, percent)),
    td(text(day.champion_auc)), td(text(day.challenger_auc)), td(text(day.champion_average_precision)), td(text(day.challenger_average_precision))));
  const { champion, challenger } = comparison;
  byId("cohorts").replaceChildren(
    thead(["Day", "Events", "Judged", "Bad", "Bad ones known", `AUC ${champion}`, `AUC ${challenger}`, `AP ${champion}`, `AP ${challenger}`]),
    html("tbody", {}, ...rows));
}

async function showChanges() {
  await showWaiting(await all("/v1/changes"), null, settled, told);
}

// What waits is known before figures are, which take a while.
async function settled() {
  run();
  await showChanges();
}

// Says what became of something, until something else is done.
function told(text, isRefused = false) {
  byId("said").classList.toggle("error", isRefused);
  setText(byId("said"), text);
  byId("waiting").hidden = false;
}

// Who may look may propose it, where the role opens that.
function showPromotion() {
  const { challenger, verdict } = comparison;
  const place = byId("promotion");
  if (place.contains(document.activeElement) && document.activeElement.value) return;
  if (models.find(model => model.version === challenger)?.role === "champion") return place.replaceChildren(html("p", {}, `${challenger} is champion`));
  if (!may("review")) return place.replaceChildren();
  const reason = html("input", { type: "text", name: "reason", required: "", placeholder: "Why", "aria-label": "Why", maxlength: 200 });
  const propose = html("form", { class: "act" }, reason, html("button", { class: verdict === "promote" ? "primary" : null }, `Propose to promote ${challenger}`));
  propose.addEventListener("submit", event => {
    event.preventDefault();
    // Who may change it has it changed, or proposed where two are asked; everybody else proposes.
    const wanted = { role: "champion", reason: reason.value };
    const proposed = { change: { kind: "role", version: challenger, role: "champion" }, reason: reason.value };
    sayAt(propose);
    (may("admin") ? send("PUT", `/v1/models/${challenger}/role`, wanted) : send("POST", "/v1/changes", proposed)).then(answer => {
      told(answer.state === "pending" ? `Proposed as change ${answer.id}; somebody else approves it` : `${challenger} is champion from now on`);
      reason.value = "";
      settled();
    }, error => {
      const text = explain(error, PATIENCE_MS);
      if (!sayAt(propose, error.field, text)) told(text, true);
    });
  });
  place.replaceChildren(html("h3", {}, "Promotion"), propose);
}

function showPerformance() {
  showConcept();
  byId("maturity").hidden = false;
  maturity.show(performance, partShown(MATURITY));
  const performanceBy = chosen("by", GROUPS);
  switches(byId("performance-by"), GROUPS, performanceBy, value => change({ by: value }));
  const role = version => models.find(model => String(model.version) === version)?.role;
  const groups = {
    days: [performance.whole, ...performance.days.toReversed()],
    versions: performance.versions.map(version => ({ ...version, name: role(version.name) ? `${version.name}, ${role(version.name)}` : version.name })),
    segments: performance.segments.flatMap(({ name, values }) => values.map(value => ({ ...value, name: `${name} = ${value.name || "(empty)"}` }))),
    rules: [...performance.rules, ...performance.rules_in_shadow.map(rule => ({ ...rule, name: `${rule.name}, in shadow` }))],
  };
  const cohorts = groups[performanceBy];
  const message = performance.whole.state === "no_data" ? "No data: there are no decisions in these days" : cohorts.length ? "" : { versions: "No model scored in these days", segments: "The pipeline file declares no segments (monitoring.segments)", rules: "No rule hit anything in these days" }[performanceBy] ?? "";
  setText(byId("performance-message"), message);
  byId("performance").hidden = Boolean(message);
  byId("scores-card").hidden = Boolean(message) || performanceBy === "rules";
  const { currency, other_currency: others } = performance;
  setText(byId("performance-money"), others ? `Money is in ${currency}; ${leftOut(others)}.` : "");
  if (message) return;
  byId("performance").replaceChildren(...(performanceBy === "rules" ? ruleRows(cohorts) : cohortRows(cohorts, decisionFigures)));
  if (performanceBy !== "rules") byId("scores").replaceChildren(...cohortRows(cohorts, scoreFigures));
}

// Nothing was answered of what the address asks for: the banner says why.
function showNothing() {
  setText(byId("performance-message"), "No answer");
  for (const id of ["performance", "scores-card", "concept-card", "maturity"]) byId(id).hidden = true;
}

// The newest week first, of each version by itself.
function showConcept() {
  const weeks = performance.concept.toReversed();
  byId("concept-card").hidden = !weeks.length;
  const plainRatio = value => value.toFixed(2);
  const change = ([moved, text]) => [
    html("td", { class: "number" }, interval(moved.before, text)), html("td", { class: "number" }, interval(moved.now, text)), html("td", { class: "number" }, ...stacked(moved.change, text)),
    html("td", { class: moved.severity }, HOLDS[moved.severity]),
  ];
  const row = ({ week, version, judged, bad, maturity, figures: [auc, calibration] }) => html("tr", { class: auc.severity === "insufficient_data" ? "immature" : null },
    html("th", { scope: "row" }, week.slice(0, 10)), td(String(version)), td(count(judged)), td(count(bad)), td(interval(maturity, percent)),
    ...change([auc, value => value.toFixed(3)]), ...change([calibration, plainRatio]));
  const heads = ["Week from", "Version", "Judged", "Bad", "Bad ones known", "AUC before", "now", "change", "", "Bad to expected before", "now", "times", ""];
  byId("concept").replaceChildren(thead(heads), html("tbody", {}, ...weeks.map(row)));
}

// What each cohort is, how far its labels have come, and figures of it: of each its name, itself, how it is written, and what is expected.
function cohortRows(cohorts, figures) {
  const cell = ([, figure, text, guess]) => html("td", { class: "number" }, ...stacked(figure, text), guess?.point === undefined ? null : html("i", {}, interval(guess, text)));
  const row = cohort => html("tr", { class: cohort.state === "mature" ? null : "immature" },
    html("th", { scope: "row" }, cohort.name),
    td(count(cohort.decisions)), td(count(judged(cohort.outcomes))), td(count(cohort.outcomes.bad)), cell(["", cohort.maturity, percent]), ...figures(cohort).map(cell));
  const head = ["", "Decisions", "Judged", "Bad", "Bad ones known", ...figures(cohorts[0]).map(([name]) => name)];
  return [thead(head), html("tbody", {}, ...cohorts.map(row))];
}

function decisionFigures({ approval_rate: approved, flagging, expected, alerts_per_bad: alerts }) {
  const review = expected.decisions[0];
  return [
    ["Approved", approved, percent], ["Precision", flagging.precision, percent, review?.precision], ["Recall", flagging.recall, percent, review?.recall],
    ["Bad money stopped", flagging.value_detection_rate, percent], ["Alerts for each bad", alerts, plain],
    ["Money stopped", flagging.money_stopped_minor, inRoundMoney], ["Wrongly stopped", flagging.money_wrongly_stopped_minor, inRoundMoney],
  ];
}

function scoreFigures({ scores: { figures, capacity }, expected }) {
  const three = value => value.toFixed(3);
  return [
    [`Precision at ${count(capacity.a_day)} a day`, capacity.precision, percent], [`Recall at ${count(capacity.a_day)} a day`, capacity.recall, percent],
    ["AUC", figures.auc, three, expected.auc], ["AP", figures.average_precision, three, expected.average_precision],
    ["KS", figures.ks, three], ["Gini", figures.gini, three], ["Brier", figures.brier, plain], ["Calibration error", figures.calibration_error, plain],
  ];
}

function ruleRows(rules) {
  const row = ({ name, hits, flagging, alerts_per_bad: alerts }) => html("tr", {}, html("th", { scope: "row" }, name), td(count(hits)), td(count(flagging.flagged)), td(count(flagging.caught)),
    td(interval(flagging.precision, percent)), td(interval(flagging.recall, percent)), td(interval(alerts, plain)), td(interval(flagging.money_stopped_minor, inRoundMoney)), td(interval(flagging.money_wrongly_stopped_minor, inRoundMoney)));
  return [thead(["Rule", "Hits", "Judged hits", "Bad", "Precision", "Recall", "Hits for each bad", "Money stopped", "Wrongly stopped"]), html("tbody", {}, ...rules.map(row))];
}

function createCard(chart, place) {
  const message = html("p", { class: "message" });
  const legend = html("p", { class: "legend" });
  const drawing = svg("svg", { role: "slider", tabindex: 0, hidden: "", "aria-roledescription": "chart" });
  const whole = html("button", { type: "button", class: "whole", hidden: "" }, "Show all");
  place.append(html("figure", { class: `card ${chart.name}` },
    html("figcaption", {}, html("h2", {}, chart.title), whole, html("p", { class: "about" }, chart.about), legend), message, drawing));
  const { show: draw } = createChart(drawing);
  function show(answer, { back, ...view }) {
    const silence = chart.silence(answer);
    setText(message, silence ?? "");
    drawing.toggleAttribute("hidden", silence !== null);
    legend.replaceChildren();
    whole.hidden = !back;
    whole.onclick = back;
    if (silence !== null) return;
    const description = chart.describe(answer, view);
    legend.replaceChildren(...description.legend.map(([kind, words]) => html("span", { class: `swatch ${kind}` }, words)));
    draw({ ...description, back });
  }
  return { show };
}

// A figure with its interval below it.
const stacked = (figure, text) => (figure.lower === undefined ? [interval(figure, text)] : [text(figure.point), html("small", {}, `${text(figure.lower)} to ${text(figure.upper)}`)]);
const inRoundMoney = minor => roundMoney(minor, performance.currency);

let running = null;
let again = false;

// One at a time; what is asked for meanwhile is asked after it.
async function run() {
  if (running) {
    again = true;
    return;
  }
  running = refresh().then(() => "", error => explain(error, PATIENCE_MS));
  const text = await running;
  running = null;
  byId("banner").hidden = !text;
  setText(byId("banner"), text);
  if (!performance) showNothing();
  if (again) {
    again = false;
    run();
  }
}

run();
setInterval(() => document.hidden || run(), PAUSE_MS);
