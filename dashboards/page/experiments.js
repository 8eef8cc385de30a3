// The page of experiments: challengers beside the champion, as they were declared, run and ended; one of them with its comparison; and the form that starts one.
// Which of these is shown is in the address. It asks again every half a minute, never in a hidden tab.

import { ask, isCommand, moment, refusal } from "./desk.js";
import { html, setText } from "./dom.js";
import { FLIPS } from "./duel.js";
import { openExperiment, stateOf, stateWords, wayOf } from "./experiment.js";
import { plural } from "./format.js";
import { limitsOf } from "./guardrails.js";
import { all, may, showWaiting } from "./proposals.js";
import { createStart } from "./start.js";

const PAUSE_MS = 30_000;

const byId = id => document.getElementById(id);
const body = byId("experiments").tBodies[0];
const address = () => new URLSearchParams(location.search);
const name = address().get("experiment");
let opened = null; // what shows one experiment
let drawn = "";

const isNew = () => address().has("new") && may("review");
const start = createStart(() => {
  go({ new: null });
  run();
});

function go(changes) {
  const to = address();
  for (const [part, value] of Object.entries(changes)) value === null ? to.delete(part) : to.set(part, value);
  history.pushState(null, "", to.size ? `?${to}` : location.pathname);
}

// Those that run come first, then what began last.
const inOrder = experiments => experiments.toSorted((one, other) => Boolean(one.ended) - Boolean(other.ended) || (one.started_at < other.started_at ? 1 : -1));

// What of the changes is of what is shown here: an experiment that begins or ends, and a promotion, which ends it as well.
function isHere({ what }, shown) {
  const lines = shown.flatMap(({ name, model, challenger }) => [`experiment ${name}`, `${model} ${challenger} becomes champion`]);
  return what.some(line => (name === null && line.startsWith("experiment ")) || lines.some(known => line === known || line.startsWith(`${known}:`) || line.startsWith(`${known} `)));
}

async function refresh() {
  const [known, changes] = await Promise.all([all("/v1/experiments"), all("/v1/changes")]);
  const experiments = inOrder(known);
  setText(byId("message"), "");
  await showWaiting(changes.filter(change => isHere(change, experiments.filter(one => name === null ? !one.ended : one.name === name))), null, refresh);
  if (name !== null) {
    opened ??= openExperiment(name, { refresh, change: go, flips: () => FLIPS.find(([value]) => value === address().get("flips"))?.[0] ?? FLIPS[0][0] });
    return opened.show(experiments);
  }
  byId("start").hidden = !isNew();
  byId("all").hidden = isNew();
  if (isNew()) start.show((await ask("/v1/models")).models, experiments.filter(({ ended }) => !ended));
  else showAll(experiments);
}

function showAll(experiments) {
  const running = experiments.filter(({ ended }) => !ended).length;
  byId("new").hidden = !may("review");
  const ended = experiments.length - running;
  setText(byId("shown"), [running ? plural(running, "runs", "run") : "", ended ? `${plural(ended, "has", "have")} ended` : ""].filter(Boolean).join(", "));
  byId("nothing").hidden = experiments.length > 0;
  byId("begin").hidden = !may("review");
  byId("experiments").hidden = byId("keys").hidden = experiments.length === 0;
  const text = JSON.stringify(experiments);
  if (text === drawn) return;
  drawn = text;
  const focused = document.activeElement?.closest?.("#experiments a")?.getAttribute("href");
  body.replaceChildren(...experiments.map(row));
  if (focused) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function row(experiment) {
  const { name, model, champion, challenger, started_at: since, planned_end: end, guardrails, by, reason } = experiment;
  const limits = limitsOf(guardrails);
  return html("tr", { class: stateOf(experiment) === "running" ? null : "gone" },
    html("td", { class: "called" }, html("a", { href: `?experiment=${encodeURIComponent(name)}` }, name), html("small", {}, `${by}: ${reason}`)),
    html("td", {}, `${challenger} against ${champion}`, html("small", {}, model)),
    html("td", {}, wayOf(experiment)),
    html("td", { class: "wide" }, moment(since)),
    html("td", { class: "wide" }, end ? moment(end) : "–"),
    html("td", { class: "wide" }, ...(limits.length ? limits.map(([words, limit]) => html("small", {}, `${words} ${limit}`)) : ["–"])),
    html("td", { class: "outcome" }, ...stateWords(experiment)));
}

document.addEventListener("keydown", event => {
  if (!isCommand(event)) return;
  const links = [...body.querySelectorAll("a")];
  const here = links.indexOf(document.activeElement);
  const move = to => links[Math.min(links.length - 1, Math.max(0, to))]?.focus();
  const isListed = !byId("all").hidden;
  const command = isListed && { j: () => move(here + 1), k: () => move(here - 1), n: () => byId("new").hidden || byId("new").click() }[event.key];
  if (!command) return;
  event.preventDefault();
  command();
});
addEventListener("popstate", () => run());

const run = () => refresh().then(() => "", refusal).then(text => {
  byId("banner").hidden = !text;
  setText(byId("banner"), text);
  if (text) setText(byId("message"), "");
});

run();
setInterval(() => document.hidden || run(), PAUSE_MS);
