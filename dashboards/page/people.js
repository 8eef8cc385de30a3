// The page of people: who may log in, what their role opens, who is locked out, and what an admin does about them. Every change holds at once and stands in the
// audit. Whoever is no admin sees what the server says to that, and nothing else. Filters are in the address.

import { explain, textOf, who } from "./ask.js";
import { age, ask, isCommand, PATIENCE_MS, say, when } from "./desk.js";
import { html, setText } from "./dom.js";
import { count, plural } from "./format.js";

const PAUSE_MS = 4_000;
const ROLES = {
  viewer: "looks on",
  analyst: "works on alerts, labels",
  reviewer: "works on escalated alerts, proposes changes, sees the audit",
  approver: "approves changes of others",
  admin: "everything, people among it",
};
const VIEWS = [["", "All", () => true], ["locked_out", "Locked out", user => user.locked_out], ["disabled", "Disabled", user => user.disabled]];

const byId = id => document.getElementById(id);
const form = byId("filters");
const words = byId("words");
const body = byId("users").tBodies[0];
const me = await who();
const rows = new Map(); // name -> {row, text}
let found = null; // what the server said last
let chosen = null; // the name of who is chosen
let asked = 0;

const address = () => new URLSearchParams(location.search);
const user = () => found?.users.find(({ name }) => name === chosen);
const isMe = ({ name }) => name === me?.name;
const isRefused = me && !me.scopes.includes("admin"); // it is said once

async function run() {
  const mine = ++asked;
  try {
    const users = await ask("/v1/users");
    if (mine !== asked) return; // what was asked for later knows more
    found = users;
    byId("banner").hidden = true;
    document.querySelector("main").hidden = false;
    show();
  } catch (error) {
    if (mine !== asked) return;
    setText(byId("banner"), explain(error, PATIENCE_MS));
    byId("banner").hidden = false;
  }
}

function show() {
  const { users, now } = found;
  const name = (address().get("name") ?? "").toLowerCase();
  const view = VIEWS.find(([value]) => value === (address().get("show") ?? "")) ?? VIEWS[0];
  const shown = users.filter(user => view[2](user) && user.name.toLowerCase().includes(name)).sort((one, other) => one.name.localeCompare(other.name));
  const locked = users.filter(VIEWS[1][2]).length;
  setText(byId("shown"), `${count(shown.length)} of ${plural(users.length, "user")}${locked ? `, ${count(locked)} locked out` : ""}`);
  // Nobody can be added where nobody has to log in: the first user shuts the door.
  byId("add").hidden = Boolean(me?.open);
  setText(byId("message"), me?.open ? "Nobody has to log in yet. Add the first user at the command line: riskflow user add NAME --role admin" : shown.length ? "" : "Nobody like that");
  byId("users").hidden = shown.length === 0;
  const wanted = shown.map(user => {
    const text = JSON.stringify([user, user.locked_out && age(user.locked_out.since, now), user.name === chosen]);
    const known = rows.get(user.name);
    if (known?.text === text) return known.row;
    const row = create(user, now);
    // Whoever has the keyboard in a row keeps it there.
    if (known?.row.contains(document.activeElement)) queueMicrotask(() => row.querySelector("button").focus());
    rows.set(user.name, { row, text });
    return row;
  });
  if (wanted.length !== body.rows.length || wanted.some((row, index) => row !== body.rows[index])) {
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    if (body.contains(focused)) focused.focus();
  }
  showFilters();
  showWork();
}

function create(user, now) {
  const pick = html("button", { type: "button", class: "pick", "aria-pressed": user.name === chosen }, user.name, isMe(user) ? html("small", {}, " you") : null);
  const row = html("tr", { class: user.name === chosen ? "lead" : null },
    html("td", {}, pick), html("td", {}, user.role), html("td", { class: "soft" }, ROLES[user.role]), html("td", {}, ...state(user, now)),
    html("td", { class: "number" }, user.sessions ? count(user.sessions) : "–"), html("td", {}, when(user.password_at)), html("td", {}, when(user.created_at)));
  row.addEventListener("click", () => choose(user.name));
  return row;
}

function state({ disabled, locked_out, sessions }, now) {
  if (disabled) return [html("span", { class: "state disabled" }, "disabled")];
  if (locked_out) return [html("span", { class: "state locked-out" }, "locked out since ", when(locked_out.since), html("small", {}, `, for ${age(now, locked_out.until)} more`))];
  return [html("span", { class: "state open" }, sessions ? "logged in" : "may log in")];
}

function choose(name) {
  close();
  say(byId("said"), "");
  chosen = name;
  show();
}

let views = "";

function showFilters() {
  const { elements } = form;
  if (document.activeElement !== elements.name) elements.name.value = address().get("name") ?? "";
  const view = address().get("show") ?? "";
  // Drawn anew only when it says something else, so that whoever has the keyboard there keeps it.
  if (view === views && byId("views").firstChild) return;
  views = view;
  byId("views").replaceChildren(...VIEWS.map(([value, text]) => {
    const button = html("button", { type: "button", "aria-pressed": value === view }, text);
    button.addEventListener("click", () => filter({ show: value }));
    return button;
  }));
}

function filter(changes) {
  const to = address();
  for (const [name, value] of Object.entries(changes)) value ? to.set(name, value) : to.delete(name);
  history.replaceState(null, "", to.size ? `?${to}` : location.pathname);
  show();
}

// What may be done: [act, name, key, kind].
function acts() {
  const chosen = user();
  // Who takes their own role away stands before the door.
  if (!chosen || isMe(chosen)) return [];
  const door = chosen.disabled ? ["enable", "Enable", "D", "good"] : ["disable", "Disable", "D", "bad"];
  return [["role", "Change role", "R"], ["password", "Set a password", "P"], door, ["remove", "Remove", "X", "bad"]];
}

let drawn = "";

function showWork() {
  const chosen = user();
  const adds = words.dataset.act === "add" && !words.hidden;
  byId("work").hidden = !chosen && !adds;
  const text = JSON.stringify([chosen?.name, chosen?.role, chosen?.disabled, adds]);
  if (text === drawn) return;
  drawn = text;
  const audit = (name, value, shown) => html("a", { href: `/audit?${new URLSearchParams({ [name]: value })}` }, shown);
  byId("standing").replaceChildren(...(adds ? [html("b", {}, "Somebody new")] : chosen ? [
    html("b", {}, `${chosen.name}, ${chosen.role}`), " ",
    ...(isMe(chosen) ? ["That is you: your password is below your name above, and another admin changes the rest. "] : []),
    audit("who", chosen.name, "What they did"), " ", audit("object", `user ${chosen.name}`, "What was done about them"),
  ] : []));
  byId("acts").replaceChildren(...(adds ? [] : acts()).map(([act, name, key, kind]) => {
    const button = html("button", { type: "button", class: kind ?? null, "data-act": act, "aria-keyshortcuts": key }, name, html("kbd", {}, key));
    button.addEventListener("click", () => write(act));
    return button;
  }));
}

const field = (label, name, attributes) => html("label", {}, label, html("input", { name, ...attributes }));
const reason = () => field("Why", "reason", { maxlength: 4000, autocomplete: "off" });
const password = () => field("Password", "password", { type: "password", required: "", minlength: 12, maxlength: 256, autocomplete: "new-password" });

function role(present) {
  const select = html("select", { name: "role", "aria-label": "Role" }, ...Object.entries(ROLES).map(([role, opens]) => html("option", { value: role }, `${role}: ${opens}`)));
  select.value = present;
  return html("label", {}, "Role", select);
}

// What each act asks for, what is said of it, and what is sent.
const FORMS = {
  add: {
    button: "Add", done: name => `${name} may log in`,
    about: "At least 12 characters. They set another one below their name once they are in",
    fields: () => [field("Name", "name", { required: "", maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false" }), role("viewer"), password()],
    send: (_, said) => ["POST", "/v1/users", said],
  },
  role: {
    button: "Change role", done: name => `${name} has another role`,
    about: "It holds from the next request on",
    fields: user => [role(user.role), reason()],
    send: (path, { role, reason }) => ["PUT", path, { change: { role }, reason }],
  },
  password: {
    button: "Set password", done: name => `${name} has another password`,
    about: "All their sessions end, and a lock-out with them. Be sure that it is they who ask",
    fields: () => [password(), reason()],
    send: (path, { password, reason }) => ["PUT", path, { change: { password }, reason }],
  },
  disable: {
    button: "Disable", done: name => `${name} may log in no longer`,
    about: "All their sessions end. What they did stays",
    fields: () => [reason()],
    send: (path, { reason }) => ["PUT", path, { change: { disabled: true }, reason }],
  },
  enable: {
    button: "Enable", done: name => `${name} may log in again`,
    about: "With the password that they had",
    fields: () => [reason()],
    send: (path, { reason }) => ["PUT", path, { change: { disabled: false }, reason }],
  },
  remove: {
    button: "Remove", done: name => `${name} is removed`,
    about: "Nobody logs in under the name any more, until somebody is added under it. What was done stays",
    fields: () => [],
    send: path => ["DELETE", path, null],
  },
};

function write(act) {
  const { button, about, fields } = FORMS[act];
  const cancel = html("button", { type: "button" }, "Cancel");
  cancel.addEventListener("click", close);
  words.dataset.act = act;
  words.hidden = false;
  words.replaceChildren(html("div", {}, ...fields(user())), html("div", {}, html("button", { class: "primary" }, button), cancel, html("small", { class: "soft" }, about)));
  say(byId("said"), "");
  showWork();
  words.querySelector("input, select, button").focus();
}

function close() {
  words.hidden = true;
  words.replaceChildren();
  if (found) showWork();
}

words.addEventListener("submit", async event => {
  event.preventDefault();
  const { send, done } = FORMS[words.dataset.act];
  const said = Object.fromEntries(new FormData(words));
  const name = words.dataset.act === "add" ? said.name : chosen;
  const [method, path, content] = send(`/v1/users/${encodeURIComponent(name)}`, said);
  const button = words.querySelector("button.primary");
  button.disabled = true; // a password takes its time, and is to be set once
  try {
    await textOf(path, PATIENCE_MS, { method, ...(content ? { body: JSON.stringify(content) } : {}) });
    close();
    say(byId("said"), done(name));
  } catch (error) {
    button.disabled = false;
    say(byId("said"), explain(error, PATIENCE_MS), true);
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

run();
setInterval(() => document.hidden || isRefused || run(), PAUSE_MS);
