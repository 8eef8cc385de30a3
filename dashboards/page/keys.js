// The page of keys: which programs may call and for how long yet, and what an admin does about them. Every change holds at once and stands in the audit, with why. A
// secret is shown when it is made, and never again. Whoever is no admin sees what the server says to that, and nothing else. Filters are in the address.

import { textOf, who } from "./ask.js";
import { age, ask, isCommand, moment, PATIENCE_MS, refusal, say, send } from "./desk.js";
import { html, sayAt, setText, switches } from "./dom.js";
import { count, fullTime, instant, plural } from "./format.js";

const PAUSE_MS = 4_000;
const DAY_MS = 86_400_000;
// An end that is nearer than that is to be seen from afar.
const SOON_MS = 14 * DAY_MS;
// A key that is made is good for so long, unless somebody says something else.
const USUAL_MS = 90 * DAY_MS;
const SCOPES = {
  score: "have events decided",
  label: "say what events turned out to be",
  read: "see decisions, figures and the pages",
  alerts: "work on alerts that nobody has escalated",
  review: "work on all alerts, propose changes, see the audit",
  approve: "approve changes of others",
  admin: "everything, people and keys among it",
};
const OVERLAPS = [["0s", "not at all"], ["1h", "an hour"], ["1d", "a day"], ["7d", "seven days"]];
const VIEWS = [["", "All", () => true], ["soon", "Ending soon", key => key.state === "soon"], ["ended", "Ended", key => key.state === "ended"]];

const byId = id => document.getElementById(id);
const form = byId("filters");
const words = byId("words");
const body = byId("keys").tBodies[0];
const me = await who();
const rows = new Map(); // name -> {row, text}
let found = null; // what the server said last: {keys, used_since, now}
let chosen = null; // the name of what is chosen
let asked = 0;

const address = () => new URLSearchParams(location.search);
const picked = () => found?.keys.find(({ name }) => name === chosen);
const isRefused = me && !me.scopes.includes("admin"); // it is said once

const left = ({ expires_at: end }, now) => (end ? Date.parse(end) - Date.parse(now) : Infinity);
const stateOf = left => (left <= 0 ? "ended" : left < SOON_MS ? "soon" : "good");

// The keys of a name as one: the newest whose secret is good, or else the newest, with its state, and those `before` it that are good still.
function together(secrets, now) {
  const good = secrets.filter(secret => left(secret, now) > 0);
  const newest = good.at(-1) ?? secrets.at(-1);
  return { ...newest, state: stateOf(left(newest, now)), before: good.slice(0, -1) };
}

async function run() {
  const mine = ++asked;
  try {
    const { keys, now, used_since } = await ask("/v1/keys");
    if (mine !== asked) return; // what was asked for later knows more
    const names = new Map();
    for (const secret of keys) names.set(secret.name, [...(names.get(secret.name) ?? []), secret]);
    found = { keys: [...names.values()].map(secrets => together(secrets, now)), now, used_since };
    byId("banner").hidden = true;
    document.querySelector("main").hidden = false;
    show();
  } catch (error) {
    if (mine !== asked) return;
    setText(byId("banner"), refusal(error));
    byId("banner").hidden = false;
  }
}

function show() {
  const { keys } = found;
  const wanted = (address().get("name") ?? "").toLowerCase();
  const view = VIEWS.find(([value]) => value === (address().get("show") ?? "")) ?? VIEWS[0];
  const has = ({ name, owner }) => [name, owner].some(text => text.toLowerCase().includes(wanted));
  const shown = keys.filter(key => view[2](key) && has(key)).sort((one, other) => one.name.localeCompare(other.name));
  const soon = keys.filter(VIEWS[1][2]).length;
  setText(byId("shown"), `${count(shown.length)} of ${plural(keys.length, "key")}${soon ? `, ${count(soon)} ending soon` : ""}`);
  // The first key shuts the door to everybody without one, and to whoever loses it.
  byId("add").hidden = Boolean(me?.open);
  const first = "Nobody needs a key yet: whoever reaches the server may do everything. Make the first one at the command line: riskflow key add --name NAME --scopes admin";
  setText(byId("message"), me?.open ? first : shown.length ? "" : keys.length ? "No key like that" : "There is no key");
  byId("keys").hidden = shown.length === 0;
  const lines = shown.map(key => {
    const row = create(key);
    const text = row.outerHTML;
    const known = rows.get(key.name);
    if (known?.text === text) return known.row;
    // Whoever has the keyboard in a row keeps it there.
    if (known?.row.contains(document.activeElement)) queueMicrotask(() => row.querySelector("button").focus());
    rows.set(key.name, { row, text });
    return row;
  });
  if (lines.length !== body.rows.length || lines.some((row, index) => row !== body.rows[index])) {
    const focused = document.activeElement;
    body.replaceChildren(...lines);
    if (body.contains(focused)) focused.focus();
  }
  const { elements } = form;
  if (document.activeElement !== elements.name) elements.name.value = address().get("name") ?? "";
  switches(byId("views"), VIEWS.map(([value, text]) => [value, text]), view[0], value => filter({ show: value }));
  showWork();
}

function create(key) {
  const pick = html("button", { type: "button", class: "pick", "aria-pressed": key.name === chosen }, key.name);
  const row = html("tr", { class: key.name === chosen ? "lead" : null },
    html("td", {}, pick, key.owner === key.name ? null : html("small", {}, ` acts for ${key.owner}`)), html("td", {}, key.scopes.join(", ")),
    html("td", { class: "number" }, key.requests_per_second ? count(key.requests_per_second) : "any"), html("td", {}, ...state(key)), html("td", {}, used(key)), html("td", {}, moment(key.created_at)));
  row.addEventListener("click", () => choose(key.name));
  return row;
}

function state({ state, expires_at: end, before }) {
  const { now } = found;
  const words = {
    good: () => [html("span", { class: "state open" }, "valid"), html("small", {}, ...(end ? [" until ", moment(end)] : [" for ever"]))],
    soon: () => [html("span", { class: "state ends-soon" }, `ends in ${age(now, end)}`), html("small", {}, ", ", moment(end))],
    ended: () => [html("span", { class: "state disabled" }, "ended"), html("small", {}, " ", moment(end))],
  };
  // Whether its caller has changed over is to be seen before it ends.
  const waits = before.map(secret => html("small", { class: "line" }, `the secret before ends in ${age(now, secret.expires_at)}, `, ...(secret.last_used_at ? ["last used ", used(secret)] : ["not used"])));
  return [...words[state](), ...waits];
}

function used({ last_used_at: last }) {
  const { now, used_since: since } = found;
  return last ? html("span", { title: fullTime(last) }, `${age(last, now)} ago`) : html("span", { title: `Not since the server has started, ${fullTime(since)}` }, "–");
}

function choose(name) {
  close();
  say(byId("said"), "");
  chosen = name;
  show();
}

function filter(changes) {
  const to = address();
  for (const [name, value] of Object.entries(changes)) value ? to.set(name, value) : to.delete(name);
  history.replaceState(null, "", to.size ? `?${to}` : location.pathname);
  show();
}

let drawn = "";

function showWork() {
  const key = picked();
  const adds = words.dataset.act === "add" && !words.hidden;
  byId("work").hidden = !key && !adds;
  const text = JSON.stringify([key?.name, key?.scopes, key?.state, adds]);
  if (text === drawn) return;
  drawn = text;
  const audit = (name, value, shown) => html("a", { href: `/audit?${new URLSearchParams({ [name]: value })}` }, shown);
  byId("standing").replaceChildren(...(adds ? [html("b", {}, "A new key")] : key ? [
    html("b", {}, `${key.name}: ${key.scopes.join(", ")}`), " ",
    audit("who", key.owner, `What ${key.owner} did`), " ", audit("object", `key ${key.name}`, "What was done about it"),
  ] : []));
  // What has ended needs no other secret: its name is free for another key.
  const acts = [key?.state !== "ended" && ["rotate", "Rotate", "R"], ["revoke", "Revoke", "X", "bad"]].filter(Boolean);
  byId("acts").replaceChildren(...(adds || !key ? [] : acts).map(([act, name, shortcut, kind]) => {
    const button = html("button", { type: "button", class: kind ?? null, "data-act": act, "aria-keyshortcuts": shortcut }, name, html("kbd", {}, shortcut));
    button.addEventListener("click", () => write(act));
    return button;
  }));
}

const field = (label, name, attributes) => html("label", {}, label, html("input", { name, autocomplete: "off", ...attributes }));
const plain = { autocapitalize: "none", spellcheck: "false" };
const why = () => field("Why", "reason", { required: "", maxlength: 4000 });
const ends = attributes => field("Ends, UTC", "expires_at", { type: "datetime-local", max: "9999-12-31T23:59", ...attributes });
const local = ms => new Date(ms).toISOString().slice(0, 16);

// What is open to whoever makes the key can be given, and nothing else; without any of it a key is none.
function scopes() {
  const box = scope => html("input", { type: "checkbox", name: "scopes", value: scope, disabled: me?.scopes.includes(scope) ? null : "" });
  const boxes = Object.keys(SCOPES).map(box);
  const lines = boxes.map(box => html("label", {}, box, html("b", {}, box.value), SCOPES[box.value]));
  const place = html("fieldset", {}, html("legend", {}, "What it may do"), ...lines);
  const check = () => boxes[0].setCustomValidity(boxes.some(box => box.checked) ? "" : "Say what it may do: one of these at least");
  place.addEventListener("change", check);
  check();
  return place;
}

function overlap() {
  const select = html("select", { name: "overlap" }, ...OVERLAPS.map(([length, text]) => html("option", { value: length }, text)));
  select.value = "1d";
  return html("label", {}, "The secret before stays good for", select);
}

const at = name => `/v1/keys/${encodeURIComponent(name)}`;

// What each act asks for, what is said of it, and what is sent. Where a secret was made, the answer has it.
const FORMS = {
  add: {
    button: "Make it", done: name => `${name} may call`,
    about: "Without an end it is good for ever, and without a number it may send as many requests as it likes",
    fields: () => [
      field("Name", "name", { required: "", maxlength: 64, ...plain }), field("Owner", "owner", { maxlength: 64, placeholder: "the name", ...plain }),
      field("Requests a second", "requests_per_second", { type: "number", min: 1, max: 4_294_967_295, step: 1, placeholder: "any" }), ends({ value: local(Date.parse(found.now) + USUAL_MS) }), scopes(), why(),
    ],
    send: (name, said) => send("/v1/keys", {
      name, owner: said.get("owner").trim() || undefined, scopes: said.getAll("scopes"), requests_per_second: Number(said.get("requests_per_second")),
      expires_at: instant(said.get("expires_at")), reason: said.get("reason").trim(),
    }),
  },
  rotate: {
    button: "Rotate", done: name => `${name} has another secret`,
    about: "Where no end is said, the other secret is good for as long as the one before was made for",
    fields: () => [overlap(), ends(), why()],
    send: (name, said) => send(`${at(name)}/rotate`, { overlap: said.get("overlap"), expires_at: instant(said.get("expires_at")), reason: said.get("reason").trim() }),
  },
  revoke: {
    button: "Revoke", done: name => `${name} opens nothing any more`,
    about: "Whoever calls with it is refused from the next request on. It cannot be taken back; another key of the name can be made",
    fields: () => [why()],
    send: (name, said) => textOf(`${at(name)}?${new URLSearchParams({ reason: said.get("reason").trim() })}`, PATIENCE_MS, { method: "DELETE" }),
  },
};

function write(act) {
  const { button, about, fields } = FORMS[act];
  const cancel = html("button", { type: "button" }, "Cancel");
  cancel.addEventListener("click", close);
  words.dataset.act = act;
  words.hidden = false;
  words.replaceChildren(html("div", {}, ...fields()), html("div", {}, html("button", { class: "primary" }, button), cancel, html("small", { class: "soft" }, about)));
  say(byId("said"), "");
  showWork();
  words.querySelector("input, select, button").focus();
}

function close() {
  words.hidden = true;
  words.replaceChildren();
  if (found) showWork();
}

// Shows a secret until somebody says that they have it, or goes.
function reveal({ name, secret, before_ends_at: before }) {
  const text = html("input", { readonly: "", value: secret, "aria-label": `The secret of ${name}`, autocomplete: "off", spellcheck: "false" });
  const copy = html("button", { type: "button", class: "primary" }, "Copy");
  const had = html("button", { type: "button" }, "I have it");
  const card = html("section", { class: "card secret", "aria-label": `The secret of ${name}` },
    html("p", {}, html("b", {}, `The secret of ${name}`), " is shown now and never again: what is kept is its hash.", ...(before ? [" The one before ends ", moment(before), "."] : [])),
    html("div", { class: "act" }, text, copy, had));
  copy.addEventListener("click", async () => {
    text.select();
    // Only pages that come by TLS, or from this machine, have a clipboard.
    const isCopied = await navigator.clipboard?.writeText(secret).then(() => true, () => false) || document.execCommand("copy");
    setText(copy, isCopied ? "Copied" : "Press Ctrl+C");
  });
  had.addEventListener("click", () => card.remove());
  byId("secrets").append(card);
  text.select();
  text.focus();
}

words.addEventListener("submit", async event => {
  event.preventDefault();
  const { act } = words.dataset;
  const { send, done } = FORMS[act];
  const said = new FormData(words);
  const name = act === "add" ? said.get("name").trim() : chosen;
  const button = words.querySelector("button.primary");
  button.disabled = true; // it is done once
  sayAt(words);
  say(byId("said"), "");
  try {
    const made = await send(name, said);
    chosen = act === "revoke" ? null : name;
    close();
    say(byId("said"), done(name));
    if (made) reveal(made);
  } catch (error) {
    button.disabled = false;
    const text = refusal(error);
    say(byId("said"), sayAt(words, error.field, text) ? "" : text, true);
  }
  await run();
});
words.addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  close();
});

function add() {
  chosen = null;
  write("add");
  show();
}

byId("add").addEventListener("click", add);
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", ({ target }) => filter({ [target.name]: target.value.trim() }));
document.addEventListener("keydown", event => {
  if (!found || !isCommand(event)) return;
  const picks = [...body.querySelectorAll(".pick")];
  const here = picks.indexOf(document.activeElement);
  const move = to => picks[Math.min(picks.length - 1, Math.max(0, to))]?.focus();
  const keys = {
    j: () => move(here + 1),
    k: () => move(here - 1),
    n: () => byId("add").hidden || add(),
    "/": () => form.elements.name.focus(),
    Escape: () => choose(null),
  };
  const button = [...byId("acts").querySelectorAll("button")].find(known => known.getAttribute("aria-keyshortcuts").toLowerCase() === event.key);
  const command = button ? () => button.click() : keys[event.key];
  if (!command) return;
  event.preventDefault();
  command();
});
// A browser that goes back may show a page as it was.
addEventListener("pagehide", () => byId("secrets").replaceChildren());

run();
setInterval(() => document.hidden || isRefused || run(), PAUSE_MS);
