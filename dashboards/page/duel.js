// How two models stand on the same events, in words and tables: the verdict with its reasons, guardrails, figures of both with what differs, and whose decisions
// would change. Functions of a comparison, as /v1/monitor/comparison answers it; none of them asks for anything.

import { html, setText, switches } from "./dom.js";
import { count, leftOut, money, percent, plural } from "./format.js";
import { interval, judged } from "./rivals.js";

const VERDICTS = ["approve", "review", "decline"];
const GUARDRAILS = { approval_rate: "Approval rate, change", latency: "Latency, times the champion’s", unscored: "Events without a score" };
const STATES = { no_data: "too few events", holds: "holds", broken: "broken" };

// Which events a table of flips is about.
export const FLIPS = [["events", "All"], ["bad", "Bad"], ["good", "Good"], ["open", "Not judged"]];

const byId = id => document.getElementById(id);
let drawn = "";

// Shows it where both pages have it, with the flips of those events; `choose` takes others. What is as it was is not drawn anew: somebody may be reading there.
// Whether something was.
export function showDuel(comparison, flips, choose) {
  byId("duel").hidden = false;
  switches(byId("flips-of"), FLIPS, flips, choose);
  const text = JSON.stringify([comparison, flips]);
  if (text === drawn) return false;
  drawn = text;
  const [kind, words] = verdictOf(comparison);
  byId("duel").classList.toggle("empty", kind === "no_data");
  byId("verdict").className = kind;
  setText(byId("verdict"), words);
  setText(byId("scope"), scopeOf(comparison));
  byId("reasons").replaceChildren(...reasonItems(comparison));
  byId("guardrails").replaceChildren(...guardrailItems(comparison));
  byId("duel-figures").replaceChildren(...figureTable(comparison));
  byId("flips").replaceChildren(...flipTable(comparison, flips));
  return true;
}

// Its kind and its words.
function verdictOf({ state, verdict, summary }) {
  if (state === "no_data") return ["no_data", "No data"];
  return [verdict, { promote: "Promote", keep: "Keep the champion", need_more: `${summary[0].toUpperCase()}${summary.slice(1)}` }[verdict]];
}

function scopeOf({ model, champion, challenger, events, outcomes, maturity, contest: { entities }, currency, other_currency: elsewhere }) {
  const whose = entities === null ? " (each taken as independent)" : entities > 0 ? ` (of ${plural(entities, "entity", "entities")})` : "";
  const others = elsewhere ? ` Money is in ${currency}; ${leftOut(elsewhere)}.` : "";
  return `${model} ${challenger} against ${champion}: ${plural(events, "event")} that both scored, ${count(judged(outcomes))} judged${whose}, ${count(outcomes.bad)} bad. Of the bad ones ${interval(maturity, percent)} are known by now.${others}`;
}

const reasonItems = ({ reasons }) => reasons.map(reason => html("li", {}, reason));

const guardrailItems = ({ guardrails }) => guardrails.map(({ name, state, value, limit }) => html("li", { class: state },
  html("b", {}, GUARDRAILS[name]), html("span", {}, STATES[state]), html("small", {}, `${interval(value, plain)}, at most ${plain(limit)}`)));

function figureTable({ contest, champion, challenger, currency }) {
  const inMoney = minor => money(minor, currency);
  const rows = [
    ["Area under the curve", "auc", contest.auc],
    ["Average precision", "average_precision", contest.average_precision],
    ["KS", "ks"], ["Gini", "gini"], ["Brier, lower is better", "brier"], ["Calibration error, lower is better", "calibration_error"],
  ].map(([name, key, lead]) => [name, interval(contest.champion.figures[key], plain), interval(contest.challenger.figures[key], plain), lead && ahead(lead, plain)]);
  contest.decisions.forEach(({ flips, ...leads }, place) => {
    const sides = [contest.champion, contest.challenger].map(side => side.decisions[place]);
    const row = (name, key, text, lead, lower) => rows.push([`From ${flips.threshold.name}: ${name}`, ...sides.map(side => interval(side[key], text)), lead && ahead(lead, text, lower)]);
    row("precision", "precision", percent);
    row("recall", "recall", percent);
    row("good for each bad", "false_positive_ratio", plain);
    row("money stopped", "money_stopped_minor", inMoney, leads.money_stopped_minor);
    row("money wrongly stopped", "money_wrongly_stopped_minor", inMoney, leads.money_wrongly_stopped_minor, true);
    const { model_only, champion_only, mid_p } = flips.all;
    rows.push([`From ${flips.threshold.name}: only it is right`, count(champion_only), count(model_only), `McNemar mid-p ${mid_p.toPrecision(2)}`]);
  });
  const head = ["", `Champion ${champion}`, `Challenger ${challenger}`, "Difference, at every look"];
  return [thead(head), html("tbody", {}, ...rows.map(([name, ...cells]) => html("tr", {},
    html("th", { scope: "row" }, name), ...cells.map(cell => td(cell ?? "")))))];
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

// The champion's decisions down, the challenger's across.
function flipTable({ flips }, of) {
  const value = ({ events, outcomes }) => ({ events, bad: outcomes.bad, good: outcomes.good + outcomes.presumed, open: outcomes.open })[of];
  const total = flips.reduce((sum, flip) => sum + value(flip), 0);
  const cell = (down, across) => {
    const flip = flips.find(({ champion, challenger }) => champion === VERDICTS[down] && challenger === VERDICTS[across]);
    if (!flip) return td("");
    const kind = down === across ? "same" : across > down ? "stricter" : "milder";
    return td(html("span", { class: kind }, count(value(flip))), html("small", {}, total ? percent(value(flip) / total) : ""));
  };
  return [thead(["Champion, challenger", ...VERDICTS]), html("tbody", {}, ...VERDICTS.map((name, down) => html("tr", {},
    html("th", { scope: "row" }, name), ...VERDICTS.map((_, across) => cell(down, across)))))];
}

// The head of a table whose columns, but for the first, are numbers; and a cell of one.
export const thead = names => html("thead", {}, html("tr", {}, ...names.map((name, place) => html("th", { scope: "col", class: place ? "number" : null }, name))));
export const td = (...cells) => html("td", { class: "number" }, ...cells);
export const plain = value => (Math.abs(value) >= 100 ? count(value) : value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) < 0.1 ? 4 : 3));
