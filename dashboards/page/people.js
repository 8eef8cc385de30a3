// The page of people: who may log in, what their role opens, who is locked out, and what an admin does about them. Every change holds at once and stands in the
// audit.

import { textOf } from "./ask.js";
import { age, ask, PATIENCE_MS, when } from "./desk.js";
import { html } from "./dom.js";
import { count } from "./format.js";
import { byId, field, me, openTable, plain } from "./table_page.js";

const ROLES = {
  viewer: "looks on",
  analyst: "works on alerts, labels",
  reviewer: "works on escalated alerts, proposes changes, sees the audit",
  approver: "approves changes of others",
  admin: "everything, people among it",
};
const VIEWS = [["", "All", () => true], ["locked_out", "Locked out", user => user.locked_out], ["disabled", "Disabled", user => user.disabled]];

const isMe = ({ name }) => name === me?.name;

async function load() {
  const { users, now } = await ask("/v1/users");
  return { all: users, now };
}

function cells(pick, user, { now }) {
  if (isMe(user)) pick.append(html("small", {}, " you"));
  return [
    html("td", {}, pick), html("td", {}, user.role), html("td", { class: "soft" }, ROLES[user.role]), html("td", {}, ...state(user, now)),
    html("td", { class: "number" }, user.sessions ? count(user.sessions) : "–"), html("td", {}, when(user.password_at)), html("td", {}, when(user.created_at)),
  ];
}

function state({ disabled, locked_out, sessions }, now) {
  if (disabled) return [html("span", { class: "state disabled" }, "disabled")];
  if (locked_out) return [html("span", { class: "state locked-out" }, "locked out since ", when(locked_out.since), html("small", {}, `, for ${age(now, locked_out.until)} more`))];
  return [html("span", { class: "state open" }, sessions ? "logged in" : "may log in")];
}

const standing = user => ({
  title: `${user.name}, ${user.role}`,
  note: isMe(user) ? "That is you: your password is below your name above, and another admin changes the rest." : null,
  links: [["who", user.name, "What they did"], ["object", `user ${user.name}`, "What was done about them"]],
});

function acts(user) {
  // Who takes their own role away stands before the door.
  if (isMe(user)) return [];
  const door = user.disabled ? ["enable", "Enable", "D", "good"] : ["disable", "Disable", "D", "bad"];
  return [["role", "Change role", "R"], ["password", "Set a password", "P"], door, ["remove", "Remove", "X", "bad"]];
}

const reason = () => field("Why", "reason", { maxlength: 4000 });
const password = () => field("Password", "password", { type: "password", required: "", minlength: 12, maxlength: 256, autocomplete: "new-password" });

function role(present) {
  const select = html("select", { name: "role", "aria-label": "Role" }, ...Object.entries(ROLES).map(([role, opens]) => html("option", { value: role }, `${role}: ${opens}`)));
  select.value = present;
  return html("label", {}, "Role", select);
}

const tell = (method, path, content) => textOf(path, PATIENCE_MS, { method, ...(content ? { body: JSON.stringify(content) } : {}) });
const at = name => `/v1/users/${encodeURIComponent(name)}`;
const change = (name, said, change) => tell("PUT", at(name), { change, reason: said.get("reason") });

// What each act asks for, what is said of it, and what is sent.
const FORMS = {
  add: {
    button: "Add", done: name => `${name} may log in`,
    about: "At least 12 characters. They set another one below their name once they are in",
    fields: () => [field("Name", "name", { required: "", maxlength: 64, ...plain }), role("viewer"), password()],
    send: (_, said) => tell("POST", "/v1/users", Object.fromEntries(said)),
  },
  role: {
    button: "Change role", done: name => `${name} has another role`,
    about: "It holds from the next request on",
    fields: user => [role(user.role), reason()],
    send: (name, said) => change(name, said, { role: said.get("role") }),
  },
  password: {
    button: "Set password", done: name => `${name} has another password`,
    about: "All their sessions end, and a lock-out with them. Be sure that it is they who ask",
    fields: () => [password(), reason()],
    send: (name, said) => change(name, said, { password: said.get("password") }),
  },
  disable: {
    button: "Disable", done: name => `${name} may log in no longer`,
    about: "All their sessions end. What they did stays",
    fields: () => [reason()],
    send: (name, said) => change(name, said, { disabled: true }),
  },
  enable: {
    button: "Enable", done: name => `${name} may log in again`,
    about: "With the password that they had",
    fields: () => [reason()],
    send: (name, said) => change(name, said, { disabled: false }),
  },
  remove: {
    button: "Remove", done: name => `${name} is removed`,
    about: "Nobody logs in under the name any more, until somebody is added under it. What was done stays",
    fields: () => [],
    send: name => tell("DELETE", at(name)),
  },
};

openTable(byId("users"), {
  load, views: VIEWS, finds: ({ name }) => [name], cells, standing, acts, forms: FORMS,
  texts: {
    one: "user", add: "Somebody new", unlike: "Nobody like that", none: "Nobody like that",
    open: "Nobody has to log in yet. Add the first user at the command line: riskflow user add NAME --role admin",
  },
});
