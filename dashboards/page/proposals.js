// Changes of rules and lists: how one is made, by one person or by two, what of a rule it changes, and what waits for a second person.

import { who } from "./ask.js";
import { ask, refusal, say, send, when } from "./desk.js";
import { html } from "./dom.js";
import { count, dateTime, plural } from "./format.js";

const WAYS = { approve: ["Approve", "approved"], reject: ["Reject", "rejected"], withdraw: ["Withdraw", "withdrawn"] };
const ENTRIES_SHOWN = 10;

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

// A time with its year, to the minute, with all of it when pointed at.
export function moment(text) {
  const time = when(text);
  time.textContent = dateTime(text).slice(0, -3);
  return time;
}

// Makes a change, which keeps why. Where nobody is told from anybody, and for an admin where it alters no decision, one person is enough: the proposal is approved at
// once. Everything else waits.
export async function make(change, reason, alters) {
  const proposed = await send("/v1/changes", { change, reason });
  return isAlone(alters) ? send(`/v1/changes/${proposed.id}/approve`, {}) : proposed;
}

export const isAlone = alters => Boolean(me?.open) || (may("admin") && !alters);

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

const details = new Map(); // id -> what exactly a change changes, which stays as it was proposed

async function detail({ id }) {
  if (!details.has(id)) details.set(id, (await ask(`/v1/changes/${id}`)).changes);
  return details.get(id);
}

function partOf(part, rules) {
  if (part.kind === "rules") {
    return part.rules.map(rule => {
      const present = rules.find(({ id }) => id === rule.id);
      const name = present ? html("a", { href: `?rule=${rule.id}` }, rule.id) : rule.id;
      return html("dl", { class: "diff" }, html("dt", {}, "Rule"), html("dd", {}, name, ` version ${rule.version}`), ...diff(changesOf(present, rule)));
    });
  }
  const [some, words] = part.kind === "listed" ? [part.entries, "to come on"] : [part.values ?? [], "to go off"];
  const entry = entry => html("li", {}, entry.value ?? entry, ...(entry.value ? [`: ${entry.reason || "no reason"}`, entry.valid_until ? html("span", {}, ", until ", moment(entry.valid_until)) : null] : []));
  return [html("p", {}, `${plural(some.length, "entry", "entries")} ${words} the list `, html("a", { href: `?list=${encodeURIComponent(part.list)}` }, part.list)),
    html("ul", {}, ...some.slice(0, ENTRIES_SHOWN).map(entry), some.length > ENTRIES_SHOWN ? html("li", {}, `and ${count(some.length - ENTRIES_SHOWN)} more`) : null)];
}

// Nobody approves their own; who has proposed it takes it back.
const waysOf = change => (!me?.open && change.by === me?.name ? may("review") && ["withdraw"] : may("approve") && ["approve", "reject"]) || [];

async function item(change, rules, again) {
  let parts;
  try {
    parts = (await detail(change)).flatMap(part => partOf(part, rules));
  } catch {
    parts = change.what.map(line => html("p", {}, line));
  }
  const why = html("input", { "aria-label": "What you say about it", placeholder: "What you say about it", maxlength: 200, autocomplete: "off" });
  const button = way => {
    const [word, done] = WAYS[way];
    const press = html("button", { type: "button", class: way === "approve" ? "primary" : null }, word);
    press.addEventListener("click", async () => {
      press.disabled = true;
      try {
        await send(`/v1/changes/${change.id}/${way}`, { reason: why.value.trim() });
        say(byId("said"), `Change ${change.id} was ${done}`);
        await again();
      } catch (error) {
        say(byId("said"), refusal(error), true);
        press.disabled = false;
      }
    });
    return press;
  };
  const ways = waysOf(change);
  return html("li", { id: `change-${change.id}` },
    html("p", {}, html("b", {}, `Change ${change.id}`), ` by ${change.by}, `, when(change.at), change.reason ? `: ${change.reason}` : ""),
    ...parts, ways.length ? html("div", { class: "act" }, why, ...ways.map(button)) : null);
}

let drawn = "";

// Shows what waits, of what is on this page; nothing is drawn anew that is as it was, so that words stay that somebody writes there.
export async function showWaiting(changes, rules, again) {
  const waiting = changes.filter(({ state }) => state === "pending");
  const text = JSON.stringify([waiting, rules]);
  if (text === drawn) return;
  drawn = text;
  byId("changes").replaceChildren(...await Promise.all(waiting.map(change => item(change, rules, again))));
  byId("waiting").hidden = !waiting.length;
}
