// Changes: how one is made, by one person or by two, what it makes something else, and what waits for a second person.

import { who } from "./ask.js";
import { ask, refusal, say, send, when } from "./desk.js";
import { html, sayAt } from "./dom.js";
import { count, fullTime, plural } from "./format.js";
import { limitsOf, windowOf } from "./guardrails.js";

const WAYS = { approve: ["Approve", "approved"], reject: ["Reject", "rejected"], withdraw: ["Withdraw", "withdrawn"] };
const ENTRIES_SHOWN = 20;

const byId = id => document.getElementById(id);
export const me = await who();
export const may = scope => me?.scopes.includes(scope) ?? false;

// All pages of a list.
export async function all(path) {
  const items = [];
  let cursor = "";
  do {
    const page = await ask(`${path}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    items.push(...page.items);
    cursor = page.next_cursor ?? "";
  } while (cursor);
  return items;
}

// Makes a change, which keeps why. Where nobody is told from anybody, and for an admin where it alters no decision or the pipeline asks no second person, one is enough:
// the proposal is approved at once. Everything else waits.
export async function make(change, reason, alters) {
  const proposed = await send("/v1/changes", { change, reason });
  return isAlone(alters, change.kind === "rule" ? "rules" : "lists") ? send(`/v1/changes/${proposed.id}/approve`, { reason }) : proposed;
}

// For what the pipeline asks a second person; for all of it where the server does not say.
const asksTwo = await ask("/v1/status").then(status => status.four_eyes, () => ["models", "rules", "lists"]);

export const isAlone = (alters, kind) => Boolean(me?.open) || (may("admin") && (!alters || !asksTwo.includes(kind)));

// Says what became of a change, with the way to where it is approved.
export function tell(element, change, holds) {
  const waits = change.state === "pending";
  say(element, waits ? `Proposed as change ${change.id}; it holds when somebody else approves it. ` : holds);
  if (waits) element.append(html("a", { href: `#change-${change.id}` }, "See it"));
}

export const stateOf = ({ state }) => (typeof state === "string" ? state : "rollout");
export const alters = rule => ["active", "rollout"].includes(stateOf(rule));

export function stateText({ state }) {
  return typeof state === "string" ? state : `rollout ${state.rollout.percent} % by ${state.rollout.by}`;
}

// What a person reads of a rule, by the names of its fields.
const FIELDS = [
  ["Name", rule => rule.name],
  ["What it is for", rule => rule.description ?? ""],
  ["Condition", rule => rule.when],
  ["Action", rule => rule.action ?? "none"],
  ["Points", rule => String(rule.score_modifier ?? 0)],
  ["Priority", rule => String(rule.priority ?? 0)],
  ["State", stateText],
  ["Reason", ({ reason }) => (reason ? `${reason.code}: ${reason.text}` : "")],
];

// What of a rule becomes something else: [name, before, after]. A rule that is new has no before.
export const changesOf = (before, after) => FIELDS
  .map(([name, text]) => [name, before ? text(before) : "", text(after)])
  .filter(([, was, becomes]) => was !== becomes);

export const diff = changed => changed.flatMap(([name, was, becomes]) => [
  html("dt", {}, name), html("dd", {}, was ? html("del", {}, was) : null, becomes ? html("ins", {}, becomes) : null),
]);

const roleText = ({ role, share_percent: share }) => (share && role === "challenger" ? `challenger, decides for ${share} %` : role);
const entryText = ({ reason, valid_from: from, valid_until: until }) => [`on the list${reason && `: ${reason}`}`, from && `from ${fullTime(from)}`, until && `until ${fullTime(until)}`].filter(Boolean).join(", ");
const link = (kind, name) => html("a", { href: `/rules?${kind}=${encodeURIComponent(name)}` }, name);

// The cursor after which what begins so comes first. The API has no search; but its pages are in the order of the values, and a cursor may be any text.
export function before(words) {
  const letters = [...words];
  const last = letters.pop().codePointAt(0);
  return `${letters.join("")}${String.fromCodePoint(Math.max(1, last - 1))}\u{10FFFF}`;
}

// What is on a list under that value, and how it reads; a list may be long, and is not asked for as a whole.
async function present(list, value) {
  const { items } = await ask(`/v1/lists/${encodeURIComponent(list)}/entries?${new URLSearchParams({ limit: 1, cursor: before(value) })}`);
  return items[0]?.value === value ? entryText(items[0]) : "";
}

async function onList(list, some, words, turn) {
  const turns = await Promise.all(some.slice(0, ENTRIES_SHOWN).map(turn));
  return [{ title: [`${plural(some.length, "entry", "entries")} ${words} the list `, link("list", list)], turns, more: some.length - turns.length }];
}

// What each part of a change makes something else, as some {title, turns, more}: a turn is [name, before, after], and `more` are left out. What is not there has no
// before, or no after. What has no title is said in the words of the change.
const PARTS = {
  async role(part) {
    const { name, version, role } = part;
    const { models } = await ask("/v1/models");
    const [was, champion] = [models.find(model => model.version === version), models.find(model => model.role === "champion")];
    const rest = role === "champion" && champion ? [["Champion", `${name} ${champion.version}`, `${name} ${version}`]] : [];
    return [{ turns: [[`${name} ${version}`, was ? roleText(was) : "", roleText(part)], ...rest] }];
  },
  async rules(part, rules) {
    const known = rules ?? await all("/v1/rules");
    return part.rules.map(rule => {
      const present = known.find(({ id }) => id === rule.id);
      return { title: ["Rule ", present ? link("rule", rule.id) : rule.id, ` version ${rule.version}`], turns: changesOf(present, rule) };
    });
  },
  listed: ({ list, entries }) => onList(list, entries, "to come on", async entry => [entry.value, await present(list, entry.value), entryText(entry)]),
  unlisted: ({ list, values }) => onList(list, values, "to go off", async value => [value, await present(list, value) || "not on the list", ""]),
  async policy({ policy: { review, decline, on_failure: onFailure, model_within_ms: within } }) {
    const { policy: was } = await ask("/v1/status");
    return [{ turns: [
      ["Reviewed from", `score ${was.review}`, `score ${review}`], ["Declined from", `score ${was.decline}`, `score ${decline}`],
      ["Where no model could score", was.on_failure, onFailure], ["A model is run within", `${count(was.model_within_ms)} ms`, `${count(within)} ms`],
    ] }];
  },
  experiment({ experiment }) {
    const { name, model, champion, challenger, share_percent: share, planned_end: end, guardrails } = experiment;
    const limits = limitsOf(guardrails).map(([limit, value, about]) => [limit, "", `${value} ${about}`]);
    const judged = limits.length ? [["Judged over", "", windowOf(guardrails)]] : [];
    return [{ turns: [[`Experiment ${name}`, "", `${model} ${challenger} beside ${champion}, ${share ? `decides for ${share} %` : "looks on"}${end ? `, until ${fullTime(end)}` : ""}`], ...limits, ...judged] }];
  },
  experiment_end: ({ name, outcome }) => [{ turns: [[`Experiment ${name}`, "runs", outcome]] }],
};

const details = new Map(); // id -> what exactly a change changes, which stays as it was proposed

async function partsOf({ id }, rules) {
  if (!details.has(id)) details.set(id, (await ask(`/v1/changes/${id}`)).changes);
  return (await Promise.all(details.get(id).map(part => PARTS[part.kind]?.(part, rules) ?? [{ turns: [] }]))).flat();
}

// Nobody approves their own; who has proposed it takes it back.
const waysOf = change => (!me?.open && change.by === me?.name ? may("review") && ["withdraw"] : may("approve") && ["approve", "reject"]) || [];

function item(change, parts, again, told) {
  const isTold = parts.length > 0 && parts.every(({ title }) => title);
  const shown = ({ title, turns, more }) => [
    title ? html("p", {}, ...title) : null, html("dl", { class: "diff" }, ...diff(turns.filter(([, was, becomes]) => was !== becomes))),
    more > 0 ? html("p", {}, `and ${count(more)} more, in GET /v1/changes/${change.id}`) : null,
  ];
  const why = html("input", { name: "reason", "aria-label": `What you say about change ${change.id}`, placeholder: "What you say about it", maxlength: 200, autocomplete: "off" });
  const button = way => {
    const [word, done] = WAYS[way];
    const press = html("button", { type: "button", class: way === "approve" ? "primary" : null }, word);
    press.addEventListener("click", async () => {
      press.disabled = true;
      sayAt(acts);
      try {
        await send(`/v1/changes/${change.id}/${way}`, { reason: why.value.trim() });
        told(`Change ${change.id} was ${done}`);
        await again().catch(() => {}); // it is asked for again anyway
      } catch (error) {
        const text = refusal(error);
        const isThere = sayAt(acts, error.field, text);
        told(isThere ? "" : text, !isThere);
      }
      press.disabled = false;
    });
    return press;
  };
  const acts = html("div", { class: "act" }, why, ...waysOf(change).map(button));
  return html("li", { id: `change-${change.id}` },
    html("p", {}, html("b", {}, `Change ${change.id}`), ` by ${change.by}${change.reason ? `: ${change.reason}` : ""}, `, when(change.at), " UTC"),
    ...(isTold ? [] : change.what.map(line => html("p", {}, line))), ...parts.flatMap(shown), waysOf(change).length ? acts : null);
}

const drawn = new Map(); // id -> {text, item}
let asking = 0;

// Shows what of these waits, and what may be done about it: `rules` are all of them, where they are known, `again` asks for everything again, and `told` says what
// became of it. What is as it was is not drawn anew: somebody may be writing there.
export async function showWaiting(changes, rules, again, told = (text, isRefused) => say(byId("said"), text, isRefused)) {
  const mine = ++asking;
  const waiting = changes.filter(({ state }) => state === "pending");
  const parts = await Promise.all(waiting.map(change => partsOf(change, rules).catch(() => []))); // in words it stands there anyway
  if (mine !== asking) return; // what was asked for later knows more
  const items = waiting.map((change, place) => {
    const text = JSON.stringify([change, parts[place]]);
    if (drawn.get(change.id)?.text !== text) drawn.set(change.id, { text, item: item(change, parts[place], again, told) });
    return drawn.get(change.id).item;
  });
  const list = byId("changes");
  if (items.length !== list.children.length || items.some((item, place) => item !== list.children[place])) {
    const focused = document.activeElement;
    list.replaceChildren(...items);
    if (list.contains(focused)) focused.focus();
  }
  // What became of the last one may be said in there.
  byId("waiting").hidden = !waiting.length && !(byId("waiting").contains(byId("said")) && byId("said").textContent);
}
