// One experiment: how it stands, what must hold while it runs, how its two models compare in its own time, and how it is ended.

import { Refusal, textOf } from "./ask.js";
import { moment, refusal, say, send } from "./desk.js";
import { html, sayAt, setText, tiles } from "./dom.js";
import { showDuel } from "./duel.js";
import { limitsOf, windowOf } from "./guardrails.js";
import { isAlone, may, tell } from "./proposals.js";

// Figures over many events take the server a while.
const PATIENCE_MS = 120_000;
const ENDS = { promote: ["Promote", "good"], keep: ["Keep the champion", null], abort: ["Abort", "bad"] };
const DONE = { promote: "has ended: its challenger is champion from now on", keep: "has ended: the champion stays", abort: "was broken off: the champion stays" };

const byId = id => document.getElementById(id);
const words = byId("words");

export const stateOf = ({ ended }) => ended?.outcome ?? "running";

// What its challenger does, or did.
export function wayOf({ share_percent: share, ended }) {
  if (!share) return ended ? "looked on" : "looks on";
  return `${ended ? "decided" : "decides"} for ${share} %`;
}

// Its state as elements: the word and, where it has ended, through whom, when and why.
export function stateWords(experiment) {
  const { ended } = experiment;
  const state = html("span", { class: `course ${stateOf(experiment)}` }, stateOf(experiment));
  return ended ? [state, html("small", {}, `by ${ended.by}, `, moment(ended.at)), html("small", {}, ended.reason)] : [state];
}

// How a caller may end it, or propose to.
const waysOf = ({ ended }) => (ended || !may("review") ? [] : Object.keys(ENDS));

// Whether one person is enough to end it so.
const alone = way => isAlone(way === "promote", "models");

// What becomes of the champion when it ends so.
function consequence({ model, champion, challenger, share_percent: share }, way) {
  if (way === "promote") {
    const then = `${model} ${challenger} becomes champion and decides for everybody; ${champion} decides for nobody any more`;
    return alone(way) ? `${then}. A rollback gives its place back.` : `When a second person approves it, ${then}. Until then the experiment runs.`;
  }
  const stays = `${model} ${champion} stays champion${share ? " and decides for everybody again" : ""}, and ${challenger} runs no longer.`;
  const then = way === "keep" ? stays : `It is broken off without a result: ${stays}`;
  return alone(way) ? then : `When an approver approves it: ${then} Until then the experiment runs.`;
}

// Its own time, to the moment; one that runs has no end yet.
const timeOf = ({ started_at: from, ended }) => ({ from, ...(ended ? { to: ended.at } : {}) });

// The days of which that has a part.
const daysOf = experiment => Object.fromEntries(Object.entries(timeOf(experiment)).map(([end, moment]) => [end, moment.slice(0, 10)]));

// Shows one experiment, and keeps what is written while it is asked for again. `refresh` asks for everything, `flips` says which events the table of flips is about,
// and `change` puts something into the address.
export function openExperiment(name, { refresh, flips, change }) {
  let experiment = null;
  let comparison = null;
  let isAsking = false;
  let answered = ""; // the question that `comparison` is the answer to
  let drawn = "";

  async function show(experiments) {
    experiment = experiments.find(known => known.name === name) ?? null;
    if (!experiment) throw new Refusal(`there is no experiment ${name}`);
    byId("one").hidden = false;
    const text = JSON.stringify(experiment);
    if (text !== drawn) {
      drawn = text;
      showHead();
      showGuardrails();
    }
    if (comparison) showComparison(); // the address may have other flips
    await compare();
  }

  function showHead() {
    const { model, champion, challenger, by, reason, started_at: since, planned_end: end, ended, inputs } = experiment;
    setText(byId("name"), name);
    byId("standing").replaceChildren(html("span", { class: `course ${stateOf(experiment)}` }, stateOf(experiment)),
      `, ${model} ${challenger} ${wayOf(experiment)}${experiment.share_percent ? " of the entities" : ""} beside ${champion}${may("review") ? "" : "; your role may look"}`);
    tiles(byId("course-facts"), [
      ["Since", moment(since), `by ${by}: ${reason}`],
      ...(ended ? [["Ended", moment(ended.at), `${ended.outcome} by ${ended.by}: ${ended.reason}`]] : [["Planned end", end ? moment(end) : "open", end ? "then it ends by itself" : "it runs until somebody ends it"]]),
    ]);
    const only = [[`${champion}`, inputs?.only_champion], [`${challenger}`, inputs?.only_challenger]].filter(([, features]) => features?.length);
    setText(byId("inputs"), only.map(([version, features]) => `Only ${version} reads ${features.join(", ")}.`).join(" "));
    byId("acts").replaceChildren(...waysOf(experiment).map(way => {
      const [word, kind] = ENDS[way];
      const button = html("button", { type: "button", class: kind, "data-act": way }, alone(way) ? word : `Propose to ${word[0].toLowerCase()}${word.slice(1)}`);
      button.addEventListener("click", () => askWhy(way));
      return button;
    }));
    if (ended) close();
  }

  function showGuardrails() {
    const { share_percent: share, guardrails } = experiment;
    const limits = limitsOf(guardrails);
    byId("limits").hidden = !limits.length;
    tiles(byId("limits"), limits);
    setText(byId("limits-about"), limits.length
      ? `Judged over windows of ${windowOf(guardrails)}. When one breaks in two windows in a row, the challenger decides for nobody any more, and looks on.`
      : share ? "None was declared: nothing stops it but a person." : "None: in shadow it decides for nobody, so that there is nothing to stop.");
  }

  // How the two stand on what both scored in its time, which takes the server a while: one question at a time, and the time of one that has ended is asked for once.
  async function compare() {
    const { champion, challenger, ended } = experiment;
    const query = String(new URLSearchParams({ champion, challenger, ...timeOf(experiment) }));
    byId("see-curves").href = `/models?${new URLSearchParams({ champion, challenger, ...daysOf(experiment) })}`;
    if (isAsking || (ended && query === answered)) return;
    isAsking = true;
    try {
      comparison = JSON.parse(await textOf(`/v1/monitor/comparison?${query}`, PATIENCE_MS));
      answered = query;
      byId("comparison-message").classList.remove("error");
      setText(byId("comparison-message"), "");
      showComparison();
    } catch (error) {
      // What is refused is not what was answered before.
      if (error instanceof Refusal) comparison = null;
      byId("duel").hidden = comparison === null;
      byId("comparison-message").classList.add("error");
      setText(byId("comparison-message"), `How they compare is not known: ${refusal(error)}`);
    }
    isAsking = false;
  }

  function showComparison() {
    showDuel(comparison, flips(), value => {
      change({ flips: value });
      showComparison();
    });
  }

  function askWhy(way) {
    const cancel = html("button", { type: "button" }, "Cancel");
    cancel.addEventListener("click", () => {
      close();
      byId("acts").querySelector(`[data-act=${way}]`)?.focus();
    });
    words.dataset.way = way;
    words.hidden = false;
    words.replaceChildren(html("p", { id: "consequence" }, consequence(experiment, way)),
      html("div", { class: "act" }, html("input", { name: "reason", required: "", maxlength: 200, autocomplete: "off", "aria-label": "Why it ends", placeholder: "Why it ends", "aria-describedby": "consequence" }),
        html("button", { class: "primary" }, alone(way) ? ENDS[way][0] : "Propose"), cancel));
    say(byId("end-said"), "");
    words.elements.reason.focus();
  }

  function close() {
    words.hidden = true;
    words.replaceChildren();
  }

  words.addEventListener("submit", async event => {
    event.preventDefault();
    const { way } = words.dataset;
    const reason = words.elements.reason.value.trim();
    const button = words.querySelector("button.primary");
    button.disabled = true;
    sayAt(words);
    try {
      // Who may end none proposes it.
      const answer = await (may("admin") ? send(`/v1/experiments/${encodeURIComponent(name)}/end`, { outcome: way, reason })
        : send("/v1/changes", { change: { kind: "experiment_end", name, outcome: way }, reason }));
      close();
      tell(byId("end-said"), answer, `${name} ${DONE[way]}`);
      await refresh().catch(() => {}); // it is asked for again anyway
    } catch (error) {
      button.disabled = false;
      const text = refusal(error);
      say(byId("end-said"), sayAt(words, error.field, text) ? "" : text, true);
    }
  });
  words.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    words.querySelector("button[type=button]").click();
  });

  return { show };
}
