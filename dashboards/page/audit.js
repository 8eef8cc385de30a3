// The page of the audit: entries, the newest first, as the filters say, which stand in the address.

import { explain, textOf } from "./ask.js";
import { html, setText } from "./dom.js";
import { dateTime, plural } from "./format.js";

const PATIENCE_MS = 60_000;
const PAGE = 100;

const byId = id => document.getElementById(id);
const filters = byId("filters");
const rows = byId("entries").tBodies[0];
let cursor = null;
let asking = 0;

const queryOf = parts => new URLSearchParams(Object.entries(parts).filter(([, value]) => value)).toString();
const asked = () => Object.fromEntries(["who", "what", "object", "from", "to"].map(name => [name, new URLSearchParams(location.search).get(name) ?? ""]));
const words = what => what.replaceAll("_", " ");

// Shows what is asked for, from the newest on, or from where the page ended on.
async function show(goOn) {
  const mine = ++asking;
  const wanted = asked();
  for (const [name, value] of Object.entries(wanted)) if (document.activeElement !== filters.elements[name]) filters.elements[name].value = value;
  if (!goOn) {
    cursor = null;
    rows.replaceChildren();
  }
  setText(byId("asked"), "asking …");
  byId("banner").hidden = true;
  try {
    const page = JSON.parse(await textOf(`/v1/audit?${queryOf({ limit: PAGE, ...wanted, cursor })}`, PATIENCE_MS));
    // Somebody has asked for something else meanwhile.
    if (mine !== asking) return;
    cursor = page.next_cursor ?? null;
    rows.append(...page.items.map(row));
    suggest("names", page.items.map(entry => entry.who));
    suggest("words", page.items.map(entry => entry.what));
  } catch (error) {
    if (mine !== asking) return;
    byId("banner").hidden = false;
    setText(byId("banner"), explain(error, PATIENCE_MS));
  }
  setText(byId("asked"), rows.rows.length ? `${plural(rows.rows.length, "entry", "entries")}${cursor ? ", and older ones" : ""}` : "");
  setText(byId("message"), rows.rows.length || !byId("banner").hidden ? "" : cursor ? "Nothing like that among the newest; look among older ones" : "Nothing like that was done");
  byId("older").hidden = !cursor;
}

function row(entry) {
  const change = [entry.before && html("span", { class: "before" }, entry.before), entry.after && html("span", { class: "after" }, entry.after)].filter(Boolean);
  const link = (name, value, shown) => html("a", { href: `?${queryOf({ ...asked(), [name]: value })}` }, shown);
  const where = entry.record ? `position ${entry.record.position} of the log` : null;
  return html("tr", { class: ["refused", "log_in_failed", "locked_out", "session_refused", "password_refused"].includes(entry.what) ? "refused" : null },
    html("td", { title: entry.at }, dateTime(entry.at)), html("td", {}, link("who", entry.who, entry.who)), html("td", {}, link("what", entry.what, words(entry.what))),
    html("td", {}, entry.object), html("td", {}, ...change), html("td", {}, entry.reason ?? ""),
    html("td", { class: "number", title: [where, `hash ${entry.hash}`].filter(Boolean).join(", ") }, String(entry.sequence), html("code", {}, entry.hash.slice(0, 8))));
}

// What the fields offer grows with what was seen.
function suggest(list, values) {
  const place = byId(list);
  const seen = new Set([...place.options].map(option => option.value));
  place.append(...[...new Set(values)].filter(value => !seen.has(value)).map(value => html("option", { value })));
}

filters.addEventListener("change", () => {
  history.pushState(null, "", `${location.pathname}?${queryOf(Object.fromEntries(new FormData(filters)))}`);
  show(false);
});
filters.addEventListener("submit", event => event.preventDefault());
addEventListener("popstate", () => show(false));
byId("older").addEventListener("click", () => show(true));

show(false);
