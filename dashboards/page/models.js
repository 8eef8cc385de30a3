// The page of models: the champion beside a challenger, what follows from it, and who may act on it. What is compared lives in the
// address, so that a view can be sent to somebody. It asks again every half a minute, never in a hidden tab.

import { explain, textOf, who } from "./ask.js";
import { html, setText, svg } from "./dom.js";
import { amount, count, fullTime, percent, plural } from "./format.js";
import { createChart } from "./frame.js";
import { MATURITY } from "./maturity.js";
import { CURVES, interval, isMature, judged } from "./rivals.js";

const PAUSE_MS = 30_000;
// Figures over many events take the server a while.
const PATIENCE_MS = 120_000;
const NAMES = { approve: "approve", review: "review", decline: "decline" };
const GROUPS = [["days", "Day"], ["versions", "Version"], ["segments", "Segment"], ["rules", "Rule"]];
const GUARDRAILS = { approval_rate: "Approval rate, change", latency: "Latency, times the champion’s", unscored: "Events without a score" };
const WAYS = { approve: ["Approve", "approved"], reject: ["Reject", "rejected"], withdraw: ["Withdraw", "withdrawn"] };
const STATES = { no_data: "too few events", holds: "holds", broken: "broken" };

const byId = id => document.getElementById(id);
const filters = byId("filters");
const cards = CURVES.map(chart => [chart, createCard(chart, byId("curves"))]);
const maturity = createCard(MATURITY, byId("maturity"));
let me = null; // who looks at it, and what is open to them
let models = [];
let changes = null; // what waits for a second person; null where the server does not have such things
let comparison = null;
let performance = null;
let flipsOf = "events";
let performanceBy = "days";

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

const queryOf = parts => new URLSearchParams(Object.entries(parts).filter(([, value]) => value)).toString();

async function refresh() {
  me = await who();
  const { pipeline } = await get("/v1/status");
  setText(byId("pipeline"), pipeline);
  models = (await get("/v1/models")).models;
  changes = await get("/v1/changes?limit=100").then(page => page.items, () => null);
  showFilters();
  showWaiting();
  const { champion, challenger, ...range } = asked();
  setText(byId("asked"), "asking …");
  try {
    if (champion && challenger && champion !== challenger) {
      comparison = await get(`/v1/monitor/comparison?${queryOf({ champion, challenger, ...range })}`);
      showComparison();
    } else {
      byId("duel").hidden = true;
    }
    performance = await get(`/v1/monitor/performance?${queryOf(range)}`);
    showPerformance();
    setText(byId("asked"), `as of ${fullTime(performance.as_of).replace(/\.\d+/, "")}${champion && challenger && champion !== challenger ? "" : "; choose a challenger to compare"}`);
  } catch (error) {
    setText(byId("asked"), "");
    throw error;
  }
}

function showFilters() {
  const chosen = asked();
  for (const name of ["champion", "challenger"]) {
    const options = models.map(({ version, role }) => html("option", { value: version, selected: String(version) === chosen[name] ? "" : null }, `${version}, ${role}`));
    if (!chosen[name]) options.unshift(html("option", { value: "", selected: "" }, "none"));
    if (document.activeElement !== filters.elements[name]) filters.elements[name].replaceChildren(...options);
  }
  for (const name of ["from", "to", "as_of"]) if (document.activeElement !== filters.elements[name]) filters.elements[name].value = chosen[name] ?? "";
}

filters.addEventListener("change", () => {
  history.pushState(null, "", `${location.pathname}?${queryOf(Object.fromEntries(new FormData(filters)))}`);
  run();
});
filters.addEventListener("submit", event => event.preventDefault());
addEventListener("popstate", run);

function showComparison() {
  const { state, verdict, summary, reasons, guardrails, events, outcomes, maturity } = comparison;
  byId("duel").hidden = false;
  byId("duel").classList.toggle("empty", state === "no_data");
  const title = byId("verdict");
  title.className = state === "no_data" ? "no_data" : verdict;
  setText(title, state === "no_data" ? "No data" : { promote: "Promote", keep: "Keep the champion", need_more: `${summary[0].toUpperCase()}${summary.slice(1)}` }[verdict]);
  const { entities } = comparison.contest;
  const whose = entities === null ? " (each taken as independent)" : entities > 0 ? ` (of ${plural(entities, "entity", "entities")})` : "";
  setText(byId("scope"), `${comparison.model} ${comparison.challenger} against ${comparison.champion}: ${plural(events, "event")} that both scored, ${count(judged(outcomes))} judged${whose}, ${count(outcomes.bad)} bad. Of the bad ones ${interval(maturity, percent)} are known by now.`);
  byId("reasons").replaceChildren(...reasons.map(reason => html("li", {}, reason)));
  byId("guardrails").replaceChildren(...guardrails.map(({ name, state: stands, value, limit }) => html("li", { class: stands },
    html("b", {}, GUARDRAILS[name]), html("span", {}, STATES[stands]), html("small", {}, `${interval(value, plain)}, at most ${plain(limit)}`))));
  for (const [chart, card] of cards) card.show(comparison);
  showFigures();
  showFlips();
  showCohorts();
  showPromotion();
}

function showFigures() {
  const { contest } = comparison;
  const rows = [
    ["Area under the curve", "auc", contest.auc],
    ["Average precision", "average_precision", contest.average_precision],
    ["KS", "ks"], ["Gini", "gini"], ["Brier, lower is better", "brier"], ["Calibration error, lower is better", "calibration_error"],
  ].map(([name, key, lead]) => [name, interval(contest.champion.figures[key], plain), interval(contest.challenger.figures[key], plain), lead && ahead(lead, plain)]);
  contest.decisions.forEach(({ flips, ...money }, place) => {
    const sides = [contest.champion, contest.challenger].map(side => side.decisions[place]);
    const row = (name, key, text, lead, lower) => rows.push([`From ${flips.threshold.name}: ${name}`, ...sides.map(side => interval(side[key], text)), lead && ahead(lead, text, lower)]);
    row("precision", "precision", percent);
    row("recall", "recall", percent);
    row("good for each bad", "false_positive_ratio", plain);
    row("money stopped", "money_stopped_minor", amount, money.money_stopped_minor);
    row("money wrongly stopped", "money_wrongly_stopped_minor", amount, money.money_wrongly_stopped_minor, true);
    const { model_only, champion_only, mid_p } = flips.all;
    rows.push([`From ${flips.threshold.name}: only it is right`, count(champion_only), count(model_only), `McNemar mid-p ${mid_p.toPrecision(2)}`]);
  });
  const head = ["", `Champion ${comparison.champion}`, `Challenger ${comparison.challenger}`, "Difference, at every look"];
  byId("duel-figures").replaceChildren(thead(head), html("tbody", {}, ...rows.map(([name, ...cells]) => html("tr", {},
    html("th", { scope: "row" }, name), ...cells.map(cell => td(cell ?? ""))))));
}

// A lead with the interval that holds at every look; coloured where it leaves zero out. Of some figures lower is better.
function ahead({ difference, at_every_look: always }, text, lower = false) {
  if (difference.point === undefined) return difference.missing.replaceAll("_", " ");
  const signed = value => `${value > 0 ? "+" : value < 0 ? "−" : ""}${text(Math.abs(value))}`;
  if (always.lower === undefined) return `${signed(difference.point)}, too few bad events for more`;
  const [more, less] = lower ? ["behind", "ahead"] : ["ahead", "behind"];
  const kind = always.lower > 0 ? more : always.upper < 0 ? less : "";
  return html("span", { class: kind }, `${signed(difference.point)} (${signed(always.lower)} to ${signed(always.upper)})`);
}

function showFlips() {
  const kinds = [["events", "All"], ["bad", "Bad"], ["good", "Good"], ["open", "Not judged"]];
  switches(byId("flips-of"), kinds, flipsOf, value => {
    flipsOf = value;
    showFlips();
  });
  const value = ({ events, outcomes }) => ({ events, bad: outcomes.bad, good: outcomes.good + outcomes.presumed, open: outcomes.open })[flipsOf];
  const verdicts = Object.keys(NAMES);
  const cell = (champion, challenger) => comparison.flips.find(flip => flip.champion === champion && flip.challenger === challenger);
  const total = comparison.flips.reduce((sum, flip) => sum + value(flip), 0);
  byId("flips").replaceChildren(
    thead(["Champion, challenger", ...verdicts]),
    html("tbody", {}, ...verdicts.map((champion, down) => html("tr", {}, html("th", { scope: "row" }, champion), ...verdicts.map((challenger, across) => {
      const flip = cell(champion, challenger);
      if (!flip) return td("");
      const share = total ? value(flip) / total : 0;
      return td(html("span", { class: down === across ? "same" : across > down ? "stricter" : "milder" }, count(value(flip))), html("small", {}, total ? percent(share) : ""));
    })))));
}

function showCohorts() {
  const text = figure => interval(figure, value => value.toFixed(3));
  const rows = comparison.days.toReversed().map(day => html("tr", { class: isMature(day) ? null : "immature" },
    html("th", { scope: "row" }, day.day),
    td(count(day.events)), td(count(judged(day.outcomes))), td(count(day.outcomes.bad)), td(interval(day.maturity, percent)),
    td(text(day.champion_auc)), td(text(day.challenger_auc)), td(text(day.champion_average_precision)), td(text(day.challenger_average_precision))));
  const { champion, challenger } = comparison;
  byId("cohorts").replaceChildren(
    thead(["Day", "Events", "Judged", "Bad", "Bad ones known", `AUC ${champion}`, `AUC ${challenger}`, `AP ${champion}`, `AP ${challenger}`]),
    html("tbody", {}, ...rows));
}

// Does something about models. What became of it is said until something else is done.
async function act(work, done) {
  const said = byId("said");
  said.classList.remove("error");
  try {
    setText(said, done(await work()));
    run();
  } catch (error) {
    said.classList.add("error");
    setText(said, explain(error, PATIENCE_MS));
  }
  showWaiting();
}

const may = scope => me?.scopes.includes(scope);

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
    const ask = () => (may("admin") ? send("PUT", `/v1/models/${challenger}/role`, wanted) : send("POST", "/v1/changes", proposed));
    reason.value = "";
    act(ask, answer => (answer.state === "pending" ? `Proposed as change ${answer.id}; somebody else approves it` : `${challenger} is champion from now on`));
  });
  place.replaceChildren(html("h3", {}, "Promotion"), propose);
}

// What waits for a second person, and what may be done about it. Nobody approves their own; who has proposed it takes it back.
function showWaiting() {
  const ways = change => (!me?.open && change.by === me?.name ? may("review") && ["withdraw"] : may("approve") && ["approve", "reject"]) || [];
  const button = (change, way) => {
    const [word, done] = WAYS[way];
    const press = html("button", { type: "button" }, word);
    press.addEventListener("click", () => act(() => send("POST", `/v1/changes/${change.id}/${way}`, {}), () => `Change ${change.id} was ${done}`));
    return press;
  };
  const waiting = (changes ?? []).filter(change => change.state === "pending");
  byId("changes").replaceChildren(...waiting.map(change => html("li", {}, html("p", {}, `${change.id}: ${change.what.join("; ")}`), html("small", {}, `${change.by}: ${change.reason}`), ...ways(change).map(way => button(change, way)))));
  byId("waiting").hidden = !waiting.length && !byId("said").textContent;
}

function showPerformance() {
  maturity.show(performance);
  switches(byId("performance-by"), GROUPS, performanceBy, value => {
    performanceBy = value;
    showPerformance();
  });
  const groups = {
    days: [performance.whole, ...performance.days.toReversed()],
    versions: performance.versions,
    segments: performance.segments.flatMap(({ name, values }) => values.map(value => ({ ...value, name: `${name} = ${value.name || "(empty)"}` }))),
    rules: performance.rules,
  };
  const cohorts = groups[performanceBy];
  const message = performance.whole.state === "no_data" ? "No data: there are no decisions in these days" : cohorts.length ? "" : { segments: "The pipeline file declares no segments (monitoring.segments)", rules: "No rule had a say in these days" }[performanceBy] ?? "";
  setText(byId("performance-message"), message);
  byId("performance").hidden = Boolean(message);
  if (message) return;
  byId("performance").replaceChildren(...(performanceBy === "rules" ? ruleRows(cohorts) : cohortRows(cohorts)));
}

function cohortRows(cohorts) {
  const row = cohort => {
    const { flagging, expected, scores, outcomes } = cohort;
    const beside = (figure, guess, text) => html("td", { class: "number" }, ...stacked(figure, text), guess?.point === undefined ? null : html("i", {}, interval(guess, text)));
    const alone = (figure, text) => beside(figure, undefined, text);
    const review = expected.decisions[0];
    return html("tr", { class: cohort.state === "mature" ? null : "immature" },
      html("th", { scope: "row" }, cohort.name),
      td(count(cohort.decisions)), td(count(judged(outcomes))), td(count(outcomes.bad)), alone(cohort.maturity, percent),
      alone(cohort.approval_rate, percent),
      beside(flagging.precision, review?.precision, percent), beside(flagging.recall, review?.recall, percent),
      beside(scores.figures.auc, expected.auc, value => value.toFixed(3)), beside(scores.figures.average_precision, expected.average_precision, value => value.toFixed(3)),
      alone(flagging.value_detection_rate, percent), alone(cohort.alerts_per_bad, plain),
      alone(flagging.money_stopped_minor, amount), alone(flagging.money_wrongly_stopped_minor, amount));
  };
  const head = ["", "Decisions", "Judged", "Bad", "Bad ones known", "Approved", "Precision", "Recall", "AUC", "AP", "Bad money stopped", "Alerts for each bad", "Money stopped", "Wrongly stopped"];
  return [thead(head), html("tbody", {}, ...cohorts.map(row))];
}

function ruleRows(rules) {
  const row = ({ name, hits, flagging, alerts_per_bad: alerts }) => html("tr", {}, html("th", { scope: "row" }, name), td(count(hits)), td(count(flagging.flagged)), td(count(flagging.caught)),
    td(interval(flagging.precision, percent)), td(interval(flagging.recall, percent)), td(interval(alerts, plain)), td(interval(flagging.money_stopped_minor, amount)), td(interval(flagging.money_wrongly_stopped_minor, amount)));
  return [thead(["Rule", "Hits", "Judged hits", "Bad", "Precision", "Recall", "Hits for each bad", "Money stopped", "Wrongly stopped"]), html("tbody", {}, ...rules.map(row))];
}

function createCard(chart, place) {
  const message = html("p", { class: "message" });
  const legend = html("p", { class: "legend" });
  const drawing = svg("svg", { role: "slider", tabindex: 0, hidden: "", "aria-roledescription": "chart" });
  place.append(html("figure", { class: `card ${chart.name}` },
    html("figcaption", {}, html("h2", {}, chart.title), html("p", { class: "about" }, chart.about), legend), message, drawing));
  const { show: draw } = createChart(drawing);
  function show(answer) {
    const silence = chart.silence(answer);
    setText(message, silence ?? "");
    drawing.toggleAttribute("hidden", silence !== null);
    legend.replaceChildren();
    if (silence !== null) return;
    const description = chart.describe(answer);
    legend.replaceChildren(...description.legend.map(([kind, words]) => html("span", { class: `swatch ${kind}` }, words)));
    draw(description);
  }
  return { show };
}

function switches(place, choices, chosen, choose) {
  place.replaceChildren(...choices.map(([value, text]) => {
    const button = html("button", { type: "button", "aria-pressed": value === chosen }, text);
    button.addEventListener("click", () => choose(value));
    return button;
  }));
}

// A figure with its interval below it.
const stacked = (figure, text) => (figure.lower === undefined ? [interval(figure, text)] : [text(figure.point), html("small", {}, `${text(figure.lower)} to ${text(figure.upper)}`)]);
const thead = names => html("thead", {}, html("tr", {}, ...names.map((name, place) => html("th", { scope: "col", class: place ? "number" : null }, name))));
const td = (...cells) => html("td", { class: "number" }, ...cells);
const plain = value => (Math.abs(value) >= 100 ? count(value) : value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) < 0.1 ? 4 : 3));

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
  if (again) {
    again = false;
    run();
  }
}

run();
setInterval(() => document.hidden || run(), PAUSE_MS);
