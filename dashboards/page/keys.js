// The page of keys: which programs may call and for how long yet, and what an admin does about them. Every change holds at once and stands in the audit, with why. A
// secret is shown when it is made, and never again.

import { textOf } from "./ask.js";
import { age, ask, moment, PATIENCE_MS, send } from "./desk.js";
import { html, setText } from "./dom.js";
import { count, fullTime, instant } from "./format.js";
import { byId, field, openTable, plain } from "./table_page.js";

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

const left = ({ expires_at: end }, now) => (end ? Date.parse(end) - Date.parse(now) : Infinity);
const stateOf = left => (left <= 0 ? "ended" : left < SOON_MS ? "soon" : "good");

// The keys of a name as one: the newest whose secret is good, or else the newest, with its state, and those `before` it that are good still.
function together(secrets, now) {
  const good = secrets.filter(secret => left(secret, now) > 0);
  const newest = good.at(-1) ?? secrets.at(-1);
  return { ...newest, state: stateOf(left(newest, now)), before: good.slice(0, -1) };
}

async function load() {
  const { keys, now, used_since } = await ask("/v1/keys");
  const names = new Map();
  for (const secret of keys) names.set(secret.name, [...(names.get(secret.name) ?? []), secret]);
  return { all: [...names.values()].map(secrets => together(secrets, now)), now, used_since };
}

function cells(pick, key, found) {
  return [
    html("td", {}, pick, key.owner === key.name ? null : html("small", {}, ` acts for ${key.owner}`)), html("td", {}, key.scopes.join(", ")),
    html("td", { class: "number", "data-name": "Requests a second" }, key.requests_per_second ? count(key.requests_per_second) : "any"), html("td", { class: "standing" }, ...state(key, found)),
    html("td", { "data-name": "Last used" }, used(key, found)), html("td", { "data-name": "Made" }, moment(key.created_at)),
  ];
}

function state({ state, expires_at: end, before }, found) {
  const { now } = found;
  const words = {
    good: () => [html("span", { class: "state open" }, "valid"), html("small", {}, ...(end ? [" until ", moment(end)] : [" for ever"]))],
    soon: () => [html("span", { class: "state ends-soon" }, `ends in ${age(now, end)}`), html("small", {}, ", ", moment(end))],
    ended: () => [html("span", { class: "state disabled" }, "ended"), html("small", {}, " ", moment(end))],
  };
  // Whether its caller has changed over is to be seen before it ends.
  const waits = before.map(secret => html("small", { class: "line" }, `the secret before ends in ${age(now, secret.expires_at)}, `, ...(secret.last_used_at ? ["last used ", used(secret, found)] : ["not used"])));
  return [...words[state](), ...waits];
}

function used({ last_used_at: last }, { now, used_since: since }) {
  return last ? html("span", { title: fullTime(last) }, `${age(last, now)} ago`) : html("span", { title: `Not since the server has started, ${fullTime(since)}` }, "–");
}

const standing = ({ name, owner, scopes }) => ({
  title: `${name}: ${scopes.join(", ")}`,
  links: [["who", owner, `What ${owner} did`], ["object", `key ${name}`, "What was done about it"]],
});

// What has ended needs no other secret: its name is free for another key.
const acts = ({ state }) => [state !== "ended" && ["rotate", "Rotate", "R"], ["revoke", "Revoke", "X", "bad"]].filter(Boolean);

const why = () => field("Why", "reason", { required: "", maxlength: 4000 });
const ends = attributes => field("Ends, UTC", "expires_at", { type: "datetime-local", max: "9999-12-31T23:59", ...attributes });
const local = ms => new Date(ms).toISOString().slice(0, 16);

// Without any of it a key is none.
function scopes() {
  const box = scope => html("input", { type: "checkbox", name: "scopes", value: scope });
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

// A secret that was made is in the answer.
function made(name, secret) {
  choose(name);
  reveal(secret);
}

// What each act asks for, what is said of it, and what is sent.
const FORMS = {
  add: {
    button: "Make it", done: name => `${name} may call`, answered: made,
    about: "Without an end it is good for ever, and without a number it may send as many requests as it likes. Where no owner is said, what opens review, approve or admin acts for you",
    fields: (_, { now }) => [
      field("Name", "name", { required: "", maxlength: 64, ...plain }), field("Owner", "owner", { maxlength: 64, placeholder: "its name, or yours", ...plain }),
      field("Requests a second", "requests_per_second", { type: "number", min: 1, max: 4_294_967_295, step: 1, placeholder: "any" }), ends({ value: local(Date.parse(now) + USUAL_MS) }), scopes(), why(),
    ],
    send: (name, said) => send("/v1/keys", {
      name, owner: said.get("owner").trim() || undefined, scopes: said.getAll("scopes"), requests_per_second: Number(said.get("requests_per_second")),
      expires_at: instant(said.get("expires_at")), reason: said.get("reason").trim(),
    }),
  },
  rotate: {
    button: "Rotate", done: name => `${name} has another secret`, answered: made,
    about: "Where no end is said, the other secret is good for as long as the one before was made for",
    fields: () => [overlap(), ends(), why()],
    send: (name, said) => send(`${at(name)}/rotate`, { overlap: said.get("overlap"), expires_at: instant(said.get("expires_at")), reason: said.get("reason").trim() }),
  },
  revoke: {
    button: "Revoke", done: name => `${name} opens nothing any more`, answered: () => choose(null),
    about: "Whoever calls with it is refused from the next request on. It cannot be taken back; another key of the name can be made",
    fields: () => [why()],
    send: (name, said) => textOf(`${at(name)}?${new URLSearchParams({ reason: said.get("reason").trim() })}`, PATIENCE_MS, { method: "DELETE" }),
  },
};

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

// A browser that goes back may show a page as it was.
addEventListener("pagehide", () => byId("secrets").replaceChildren());

const choose = openTable(byId("keys"), {
  load, views: VIEWS, finds: ({ name, owner }) => [name, owner], cells, standing, acts, forms: FORMS, isBeside: true,
  texts: {
    one: "key", add: "A new key", unlike: "No key like that", none: "There is no key",
    open: "Nobody needs a key yet: whoever reaches the server may do everything. Make the first one at the command line: riskflow key add --name NAME --scopes admin",
  },
});
