// The form that starts an experiment: which version is tried, how, until when, and what must hold meanwhile.

import { refusal, say, send } from "./desk.js";
import { html, sayAt, setText } from "./dom.js";
import { instant } from "./format.js";
import { isAlone, tell } from "./proposals.js";

// What of an experiment is about several fields.
const INPUTS = { guardrails: "approval_rate_change" };

const byId = id => document.getElementById(id);
const form = byId("start");
const { elements: fields } = form;
const begin = form.querySelector("button.primary");

// `started` is called once it runs, or waits.
export function createStart(started) {
  let drawn = "";
  let champion = null;

  // A share, in percent, as the API has it: 5 is 0.05.
  const share = ({ value }) => (value ? Number((Number(value) / 100).toPrecision(12)) : undefined);
  const given = ({ value }) => (value ? Number(value) : undefined);
  const decides = () => fields.way.value === "share";

  // Only what was said; without a limit there are no guardrails.
  function guardrails() {
    const limits = { approval_rate_change: share(fields.approval_rate_change), latency_p99_ms: given(fields.latency_p99_ms), error_share: share(fields.error_share) };
    if (!decides() || Object.values(limits).every(limit => limit === undefined)) return undefined;
    return { ...limits, minimum_events: given(fields.minimum_events), window: fields.window.value ? `${fields.window.value}m` : undefined };
  }

  function draft() {
    const { name, challenger, share_percent: percent, planned_end: end, reason } = fields;
    return {
      name: name.value.trim(), champion: champion.version, challenger: Number(challenger.value), share_percent: decides() ? Number(percent.value) : 0,
      guardrails: guardrails(), planned_end: instant(end.value), reason: reason.value.trim(),
    };
  }

  // What follows from what is written now.
  function written() {
    const isSplit = decides();
    for (const place of form.querySelectorAll(".of-share")) place.hidden = !isSplit;
    fields.limits.disabled = !isSplit;
    fields.share_percent.disabled = !isSplit;
    const waits = isSplit && !isAlone(true, "models");
    setText(begin, waits ? "Propose" : "Start");
    const who = isSplit ? `${fields.challenger.value || "It"} decides for ${fields.share_percent.value || "this"} % of the entities` : `${fields.challenger.value || "It"} looks on and decides for nobody`;
    setText(byId("start-about"), `${who}, ${waits ? "once a second person approves it" : "from the next decision on"}.${isSplit && !guardrails() ? " Without a guardrail nothing stops it but a person." : ""}`);
  }

  // The versions that may be tried against the champion; what was chosen stays.
  function show(models, running) {
    champion = models.find(({ role }) => role === "champion") ?? null;
    const others = models.filter(model => model !== champion).toReversed();
    const busy = new Map(running.map(({ challenger, name }) => [challenger, name]));
    const isReady = champion !== null && others.some(({ version }) => !busy.has(version));
    setText(byId("start-title"), champion ? `A challenger beside ${champion.name} ${champion.version}` : "A new experiment");
    setText(byId("start-message"), isReady ? "" : !champion ? "There is no champion to compare with: promote a version first."
      : others.length ? "Every other version is in an experiment already: end one first." : `There is only version ${champion.version}: train another one first.`);
    byId("start-fields").hidden = !isReady;
    const text = JSON.stringify([others, running]);
    if (text !== drawn) {
      drawn = text;
      const chosen = fields.challenger.value;
      fields.challenger.replaceChildren(...others.map(({ version, role }) => html("option", { value: version, disabled: busy.has(version) ? "" : null },
        `${version}, ${busy.has(version) ? `in ${busy.get(version)}` : role}`)));
      const free = others.map(({ version }) => version).filter(version => !busy.has(version));
      fields.challenger.value = free.includes(Number(chosen)) ? chosen : String(free[0] ?? "");
    }
    written();
  }

  for (const kind of ["input", "change"]) form.addEventListener(kind, written);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    begin.disabled = true;
    sayAt(form);
    say(byId("start-said"), "");
    try {
      const wanted = draft();
      const answer = await send("/v1/experiments", wanted);
      form.reset();
      written();
      tell(byId("said"), answer, `Experiment ${wanted.name} runs: ${wanted.challenger} beside ${wanted.champion}`);
      started();
    } catch (error) {
      const text = refusal(error);
      say(byId("start-said"), sayAt(form, INPUTS[error.field] ?? error.field, text) ? "" : text, true);
    }
    begin.disabled = false;
  });

  return { show };
}
