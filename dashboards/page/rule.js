// One rule: its text, which is checked while it is written, what becomes of it when it is saved, how it does, and its versions.

import { Refusal } from "./ask.js";
import { ask, moment, refusal, say, send, table, turnedOut, when } from "./desk.js";
import { html, sayAt, setText, tiles } from "./dom.js";
import { placeOf } from "./event.js";
import { count, dayName, dayNumber, money, percent } from "./format.js";
import { alters, changesOf, diff, isAlone, make, may, stateOf, stateText, tell } from "./proposals.js";
import { createTrial } from "./trial.js";

const CHECK_AFTER_MS = 350;
const LAST_HITS = 10;
const VERSIONS_SHOWN = 500;
// Where a rule may go from where it is; a new one may begin anywhere in the first.
const WAYS = {
  new: ["draft", "shadow", "rollout", "active"],
  draft: ["draft", "shadow", "rollout", "active", "archived"],
  archived: ["archived"],
};
const ELSEWHERE = ["shadow", "rollout", "active", "paused", "archived"];
const ACTS = { active: "Activate", rollout: "Roll out", shadow: "To shadow", paused: "Pause", archived: "Archive" };
const NEW = { name: "", when: "", state: "draft", score_modifier: 0, priority: 0 };
// What is wrong where somebody else was faster.
const VERSIONS = ["version", "change.rule.version"];
// What of a proposal has another name here. Of one that there is already, the id of a new rule is what is wrong.
const INPUTS = { reason: "why", rule_id: "id", "change.rule_id": "id", version: "id", "change.rule.version": "id", "change.rule.reason.text": "reason" };
const LINE = /^rule (\S+) version (\d+), (.*)$/s;

const byId = id => document.getElementById(id);
const form = byId("rule");
const { elements: fields } = form;
const save = form.querySelector("#save button.primary");

// Shows the rule of that id, or a new one where there is none, and keeps what is written while it is asked for again.
export function openRule(id, { refresh, days, figures }) {
  let rule = null; // as it was when writing began; null while there is none
  let names = []; // what a condition may use: [group, name, value in the newest event]
  let checked = null; // the condition that was checked last, and what is wrong with it
  let checking = 0;
  let isFilled = false; // whether the fields have what holds now
  let filled = NEW; // as the fields had it before anybody wrote: they change ends of lines, and spaces at ends are none
  const isNew = id === null;
  const mayWrite = () => may("review") && (rule === null || stateOf(rule) !== "archived");
  const isWritten = () => mayWrite() && changesOf(filled, draft()).length > 0;
  const trial = createTrial(() => ({ id: id ?? (fields.id.value || "new"), draft: draft() }), days);

  function draft() {
    const state = fields.state.value === "rollout" ? { rollout: { percent: Number(fields.percent.value), by: fields.by.value.trim() } } : fields.state.value;
    const [code, text] = [fields.code.value.trim(), fields.reason.value.trim()];
    return {
      name: fields.name.value.trim(), description: fields.description.value.trim(), when: fields.when.value.trim(), action: fields.action.value || undefined,
      score_modifier: Number(fields.score_modifier.value), priority: Number(fields.priority.value), state, reason: code || text ? { code, text } : undefined,
    };
  }

  // Writes a rule into the fields.
  function fill(from) {
    const { rollout } = from.state;
    const values = { id: rule?.id ?? "", name: from.name, description: from.description ?? "", when: from.when, action: from.action ?? "", score_modifier: from.score_modifier ?? 0, priority: from.priority, percent: rollout?.percent ?? 10, by: rollout?.by ?? "", code: from.reason?.code ?? "", reason: from.reason?.text ?? "", why: "" };
    fields.state.replaceChildren(...(rule ? WAYS[stateOf(rule)] ?? ELSEWHERE : WAYS.new).map(state => html("option", {}, state)));
    for (const [name, value] of Object.entries({ ...values, state: stateOf(from) })) fields[name].value = value;
    sayAt(form);
    filled = draft();
    byId("fields").disabled = !mayWrite();
    byId("save").hidden = !mayWrite();
    showHead();
    written();
  }

  function showHead() {
    setText(byId("rule-title"), rule ? rule.id : "A new rule");
    byId("rule-about").replaceChildren(...(rule
      ? [html("span", { class: `rule-state ${stateOf(rule)}` }, stateText(rule)), `, version ${rule.version} by ${rule.author}${may("review") ? "" : "; your role may look, and try it on the past"}`]
      : ["It has no effect as a draft. In shadow it is asked and reported, and changes nothing."]));
    byId("id-field").hidden = fields.id.disabled = rule !== null;
    fields.id.required = rule === null;
    const ways = rule && mayWrite() ? fields.state.options : [];
    byId("acts").replaceChildren(...[...ways].map(({ value }) => value).filter(state => state !== stateOf(rule) && ACTS[state]).map(state => {
      const button = html("button", { type: "button", "data-act": state, class: state === "active" ? "good" : state === "paused" || state === "archived" ? "bad" : null }, ACTS[state]);
      button.addEventListener("click", () => {
        fields.state.value = state;
        written();
        (state === "rollout" ? fields.percent : fields.why).focus();
      });
      return button;
    }));
  }

  // What follows from what is written now.
  function written() {
    const present = draft();
    const isRollout = fields.state.value === "rollout";
    for (const label of form.querySelectorAll(".of-rollout")) label.hidden = !isRollout;
    fields.percent.required = fields.by.required = isRollout;
    fields.code.required = fields.reason.required = Boolean(present.reason);
    const changed = changesOf(filled, present);
    const decides = alters(present) || (rule !== null && alters(rule));
    byId("diff").replaceChildren(...(rule ? diff(changed) : []));
    byId("diff-title").hidden = byId("undo").hidden = !rule || !changed.length;
    save.disabled = !changed.length;
    setText(save, isAlone(decides, "rules") ? "Save" : "Propose");
    setText(byId("save-about"), isAlone(decides, "rules") ? (decides ? "It holds from the next decision on." : "It alters no decision.") : decides ? "It can alter decisions: it holds when a second person approves it." : "It holds when an approver approves it.");
    showEvidence();
    if (checked?.when !== present.when) {
      fields.when.setCustomValidity("");
      later();
    }
  }

  let timer = null;

  function later() {
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_AFTER_MS);
  }

  // Has the condition checked; whether it is one.
  async function check() {
    clearTimeout(timer);
    const mine = ++checking;
    const when = fields.when.value.trim();
    if (!when) {
      checked = { when, error: null };
      showCheck();
      return false;
    }
    try {
      const { error } = await send("/v1/rules/check", { when: fields.when.value });
      if (mine !== checking) return false; // something else was written meanwhile
      checked = { when, error };
    } catch {
      if (mine !== checking) return false;
      checked = { when: null, error: null };
      setText(byId("when-said"), "It could not be checked now; it is when it is saved.");
      return true;
    }
    showCheck();
    return checked.error === null;
  }

  function showCheck() {
    const { when, error } = checked;
    const place = byId("when-said");
    fields.when.setCustomValidity(error ?? "");
    if (error) fields.when.setAttribute("aria-invalid", "true");
    else fields.when.removeAttribute("aria-invalid");
    place.classList.toggle("error", Boolean(error));
    if (!error) return setText(place, when ? "This condition is valid." : "");
    const [, line, column, words] = error.match(/^(\d+):(\d+): (.*)$/s) ?? [];
    if (!line) return setText(place, error);
    const text = fields.when.value;
    const lines = text.split("\n");
    const from = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
    const word = text.slice(from).match(/^[\w.]+|^./s)?.[0] ?? "";
    const there = html("button", { type: "button", class: "place", title: "Show where" }, `Line ${line}, column ${column}`);
    there.addEventListener("click", () => {
      fields.when.focus();
      fields.when.setSelectionRange(from, from + word.length);
    });
    const [, wrong, meant] = words.match(/`([^`]+)`: did you mean `([^`]+)`\?/) ?? [];
    const fix = meant && text.startsWith(wrong, from) ? html("button", { type: "button", class: "place" }, `Write ${meant}`) : null;
    fix?.addEventListener("click", () => put(meant, from, from + wrong.length));
    place.replaceChildren(there, `: ${words} `, ...(fix ? [fix] : []));
  }

  // Puts something into the condition.
  function put(text, from = fields.when.selectionStart, to = fields.when.selectionEnd) {
    fields.when.setRangeText(text, from, to, "end");
    fields.when.focus();
    written();
  }

  // The names are those of the newest event's decision, with its values, and of the lists.
  async function askNames() {
    const [range, lists] = await Promise.all([days(), ask("/v1/lists")]);
    const event = range && await ask(`/v1/decisions/${encodeURIComponent(range.event)}`);
    const attributes = Object.entries(event?.attributes ?? {}).map(([name, value]) => ["Event", `event.${name}`, value]);
    const money = event?.amount_minor == null ? [] : [["Event", "event.amount_minor", event.amount_minor], ["Event", "event.currency", event.currency]];
    names = [
      ...(event?.features ?? []).map(({ name, value }) => ["Features", name, value ?? "missing"]),
      ...money, ...attributes, ["Event", "event.time", event?.occurred_at], ["Event", "event.id", event?.event_id],
      ...Object.entries(event?.entities ?? {}).map(([name, value]) => ["Entities", `entity.${name}`, value]),
      ["Model", "score", event?.score], ["Model", "probability", event?.model?.probability],
      ...lists.map(({ name, of, kind }) => ["Lists, after in", `lists.${name}`, `${kind}, of ${of}`]),
    ];
    byId("entities").replaceChildren(...Object.keys(event?.entities ?? {}).map(value => html("option", { value })));
    showNames();
    showEvidence();
  }

  function showNames() {
    const text = byId("name-text").value.trim().toLowerCase();
    const groups = Map.groupBy(names.filter(([, name]) => name.includes(text)), ([group]) => group);
    byId("name-groups").replaceChildren(...[...groups].map(([group, some]) => html("p", {}, html("b", {}, group), ...some.map(([, name, value]) => {
      const button = html("button", { type: "button", disabled: mayWrite() ? null : "" }, name, value == null ? null : html("small", {}, ` ${value}`));
      button.addEventListener("click", () => put(name));
      return button;
    }))));
  }

  let lastHits = "";

  // The events of lately that it hit last, also while it was in shadow.
  async function showHits() {
    const range = await days();
    if (!range) return;
    const { items } = await ask(`/v1/decisions?limit=${LAST_HITS}&rule=${encodeURIComponent(id)}&from=${range.from}&to=${range.to}`);
    const text = JSON.stringify(items);
    if (text === lastHits) return;
    lastHits = text;
    byId("last-hits").hidden = !items.length;
    byId("last-hits").replaceChildren(table(["Time, UTC", "Event", "Amount", "Decision", "Score", "Label"], items.map(hit => html("tr", {},
      html("td", {}, when(hit.occurred_at)), html("td", {}, html("a", { href: placeOf("event", hit.event_id) }, hit.event_id)), html("td", { class: "number" }, money(hit.amount_minor, hit.currency)),
      html("td", {}, html("b", { class: `word ${hit.decision}` }, hit.decision)), html("td", { class: "number" }, hit.score === null ? "–" : String(hit.score)), turnedOut(hit.label))), [2, 4]));
  }

  // What is recorded with each match: the value of each name in the condition.
  function showEvidence() {
    const used = new Set(fields.when.value.match(/[\w.]+/g) ?? []);
    const some = names.filter(([group, name]) => !group.startsWith("Lists") && (used.has(name) || used.has(`feature.${name}`) || used.has(`model.${name}`)));
    byId("evidence").replaceChildren(...(some.length ? ["Kept with each match as evidence: ", ...some.map(([, name, value]) => html("span", {}, html("code", {}, name), value == null ? null : html("small", {}, ` ${value} in the newest event`)))] : []));
  }

  function showFigures() {
    const known = rule && figures(rule);
    if (!known) return;
    const { hits, flagging, currency } = known;
    const inMoney = minor => money(minor, currency);
    byId("lately").hidden = false;
    days().then(range => setText(byId("lately-about"), range ? `${dayName(dayNumber(range.from))} to ${dayName(dayNumber(range.to))}, all its versions, by what is known by now.${stateOf(rule) === "shadow" ? " In shadow: what it would have come to." : ""}` : ""), () => {});
    const figure = (figure, text) => (figure ? (figure.point === undefined ? "not known" : text(figure.point)) : "–");
    const between = (figure, text) => (figure?.lower === undefined ? "" : `${text(figure.lower)} to ${text(figure.upper)}`);
    tiles(byId("lately-figures"), [
      ["Hits", hits === null ? "–" : count(hits), flagging ? `${count(flagging.flagged)} of them judged, ${count(flagging.caught)} bad` : hits === null ? "counted here while it is asked; try it on the past" : ""],
      ["Precision", figure(flagging?.precision, percent), between(flagging?.precision, percent)],
      ["Recall", figure(flagging?.recall, percent), between(flagging?.recall, percent)],
      ["Money stopped", figure(flagging?.money_stopped_minor, inMoney), between(flagging?.money_stopped_minor, inMoney)],
      ["Wrongly stopped", figure(flagging?.money_wrongly_stopped_minor, inMoney), between(flagging?.money_wrongly_stopped_minor, inMoney)],
    ]);
    showHits().catch(error => console.error(error)); // without them the figures stand alone
  }

  // Its versions, with what of it was proposed: what was approved last may not have reached them yet. Whether the present one is shown.
  async function showPast(changes) {
    const { items } = await ask(`/v1/rules/${encodeURIComponent(id)}/versions?limit=${VERSIONS_SHOWN}`).catch(() => ({ items: [] })); // changes are known anyway
    const known = items.map(({ rule: { version, when, action, state }, by, reason, at, approved }) => ({
      version, by, reason, at, holds: true, said: `${stateText({ state })}${action ? `, ${action}` : ""}: ${when}`,
      state: approved ? `approved by ${approved.by}` : "", answer: approved?.reason,
    }));
    const proposed = changes.flatMap(({ what, by, reason, at, state, settled }) => what.flatMap(line => {
      const [, name, version, said] = line.match(LINE) ?? [];
      const holds = state === "approved";
      if (name !== id || (holds && known.some(one => one.version === Number(version)))) return [];
      return [{ version: Number(version), by, reason, at: settled?.at ?? at, holds, said, state: settled ? `${state} by ${settled.by}` : "waits", answer: settled?.reason, gone: settled && !holds }];
    }));
    const found = [...known, ...proposed].toSorted((one, other) => other.version - one.version || (one.at < other.at ? 1 : -1));
    setText(byId("past-about"), found.length ? "The newest first." : `Version ${rule.version} by ${rule.author}; nothing else is known of it.`);
    byId("past").hidden = !found.length;
    byId("past").replaceChildren(table(["Version", "When", "What", "Who", "Why"], found.map(one => html("tr", { class: one.gone ? "gone" : null },
      html("td", {}, String(one.version)), html("td", {}, moment(one.at)), html("td", { class: "said-of" }, one.said),
      html("td", {}, one.by, html("small", {}, one.state)), html("td", {}, one.reason, one.answer ? html("small", {}, one.answer) : null))), []));
    return found.some(({ version, holds }) => holds && version === rule.version);
  }

  let past = "";

  // Shows it as it is now; what somebody is writing stays, and they are told when somebody else was faster.
  async function show(rules, changes) {
    const known = rules.find(rule => rule.id === id) ?? null;
    if (id && !known) throw new Refusal(`there is no rule ${id}`);
    const isWriting = isFilled && isWritten();
    if (!isFilled || (known && known.version !== rule?.version && !isWriting)) {
      [rule, isFilled] = [known, true];
      byId("one-rule").hidden = false;
      fill(rule ?? NEW);
      showFigures();
    }
    const faster = known && rule && known.version !== rule.version;
    say(byId("stale"), faster ? `${known.author} saved version ${known.version} while you were writing over version ${rule.version}. Copy what you need, and undo.` : "", true);
    byId("past").closest("section").hidden = !rule;
    const text = JSON.stringify([changes, rule?.version]);
    if (rule && text !== past) past = await showPast(changes) ? text : "";
  }

  // What was written stays. Where somebody else was faster, what they made of the rule is asked for, too.
  async function refused(error, wantedId) {
    const { field } = error;
    const isStale = VERSIONS.includes(field);
    const text = !isStale ? refusal(error) : rule ? "Not saved: somebody else has changed the rule meanwhile. What you wrote is still here." : `There is a rule ${wantedId} already`;
    say(byId("rule-said"), sayAt(form, INPUTS[field] ?? field, text) ? "" : text, true);
    if (isStale && rule) await refresh().catch(() => {}); // it is asked for again anyway
  }

  form.addEventListener("input", ({ target }) => target.id === "name-text" ? showNames() : written());
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const [wanted, wantedId] = [draft(), id ?? fields.id.value];
    const decides = alters(wanted) || (rule !== null && alters(rule));
    const version = rule?.version ?? 0; // nobody overwrites what they have not seen
    save.disabled = true;
    sayAt(form);
    try {
      if (!await check()) return fields.when.focus();
      const change = await make({ kind: "rule", rule_id: wantedId, rule: { ...wanted, version } }, fields.why.value.trim(), decides);
      tell(byId("rule-said"), change, `Saved as version ${version + 1}${decides ? "; it holds from the next decision on" : ""}`);
      if (isNew && change.state !== "pending") {
        id = wantedId;
        history.replaceState(null, "", `?rule=${id}`);
      }
      isFilled = false;
      await refresh().catch(() => {}); // it is asked for again anyway
    } catch (error) {
      await refused(error, wantedId);
    } finally {
      if (mayWrite()) written();
    }
  });
  byId("undo").addEventListener("click", () => {
    isFilled = false;
    say(byId("rule-said"), "");
    refresh().catch(error => say(byId("rule-said"), refusal(error), true));
  });
  addEventListener("beforeunload", event => {
    if (isFilled && isWritten()) event.preventDefault();
  });
  askNames().catch(error => setText(byId("name-groups"), refusal(error)));
  trial.begin();
  return { show, showFigures };
}
