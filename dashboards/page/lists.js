// Lists, and what is on one: found by how it begins, put on by hand or from a file, and taken off.

import { Refusal, textOf, who } from "./ask.js";
import { ask, moment, refusal, say } from "./desk.js";
import { html, sayAt, setText } from "./dom.js";
import { count, instant, plural } from "./format.js";
import { before, isAlone, make, may, tell } from "./proposals.js";

const PAGE = 100;
const LARGEST = 8 << 20;
const PATIENCE_MS = 60_000;
const KINDS = { block: "block: declines", allow: "allow: approves", watch: "watch: is reported" };

const byId = id => document.getElementById(id);
const body = byId("entries").tBodies[0];
const [entry, file, find, off] = ["entry", "file", "find", "off"].map(byId);

export async function showLists() {
  const lists = await ask("/v1/lists");
  byId("all-lists").hidden = false;
  byId("no-lists").hidden = lists.length > 0;
  byId("lists").hidden = lists.length === 0;
  byId("lists").tBodies[0].replaceChildren(...lists.map(({ name, kind, of, entries }) => html("tr", {},
    html("td", {}, html("a", { href: `?list=${encodeURIComponent(name)}` }, name)), html("td", {}, KINDS[kind] ?? kind), html("td", {}, of), html("td", { class: "number" }, count(entries)))));
}

let list = null;
let isOld = true; // whether something was done since its entries were shown
let cursor = null; // where the next page begins
let again = null; // asks for what waits, too

// Shows a list; the page that somebody reads stays as it is when it is asked for again, but for how much there is.
export async function showList(name, refresh) {
  const known = (await ask("/v1/lists")).find(list => list.name === name);
  if (!known) throw new Refusal(`there is no list ${name}`);
  const isChanged = isOld || known.entries !== list.entries;
  [list, again, isOld] = [known, refresh, false];
  setText(byId("list-title"), name);
  setText(byId("list-about"), `${KINDS[known.kind] ?? known.kind}, looks at ${known.of}, ${plural(known.entries, "entry", "entries")}${may("review") ? "" : "; your role may look"}`);
  byId("one-list").hidden = false;
  entry.hidden = !may("review");
  file.hidden = !may("admin");
  setText(entry.querySelector("button"), isAlone(true, "lists") ? "Add" : "Propose");
  if (isChanged) await showEntries(false);
}

let asking = 0;

// What begins so, from the first on or from where the page ended.
async function showEntries(goOn) {
  const mine = ++asking;
  const words = find.elements.text.value.trim();
  const query = new URLSearchParams({ limit: PAGE + 1 }); // one more says that there is another page
  if (goOn) query.set("cursor", cursor);
  else if (words) query.set("cursor", before(words));
  try {
    const page = await ask(`/v1/lists/${encodeURIComponent(list.name)}/entries?${query}`);
    if (mine !== asking) return;
    const found = page.items.filter(({ value }) => value.startsWith(words));
    const some = found.slice(0, PAGE);
    if (!goOn) body.replaceChildren();
    body.append(...some.map(row));
    cursor = found.length > PAGE ? some.at(-1).value : null;
    byId("more-entries").hidden = !cursor;
    byId("entries").hidden = body.rows.length === 0;
    setText(byId("entries-shown"), body.rows.length ? `${plural(body.rows.length, "entry", "entries")}${words ? ` beginning with ${words}` : ""}${cursor ? ", and more" : ""}` : words ? `Nothing begins with ${words}` : "Nothing is on this list");
  } catch (error) {
    if (mine === asking) setText(byId("entries-shown"), refusal(error));
  }
}

function row(entry) {
  const { value, reason, created_by, approved_by, valid_from, valid_until } = entry;
  const isOver = valid_until && Date.parse(valid_until) <= Date.now();
  const button = html("button", { type: "button", class: "claim", "aria-label": `Take ${value} off` }, "Take off");
  button.addEventListener("click", () => askWhy(value));
  return html("tr", { class: isOver ? "gone" : null },
    html("td", { class: "value" }, value), html("td", {}, reason || "–"),
    html("td", { class: "wide" }, created_by, approved_by ? html("small", {}, `approved by ${approved_by}`) : null),
    html("td", { class: "wide" }, valid_from ? moment(valid_from) : "–"), html("td", {}, valid_until ? moment(valid_until) : "–", isOver ? html("small", {}, "over") : null),
    html("td", {}, may("review") ? button : null));
}

function askWhy(value) {
  const cancel = html("button", { type: "button" }, "Cancel");
  cancel.addEventListener("click", () => { off.hidden = true; });
  off.dataset.value = value;
  off.hidden = false;
  off.replaceChildren(html("label", { for: "off-why" }, `Why does ${value} go?`), html("input", { id: "off-why", name: "reason", required: "", maxlength: 200, autocomplete: "off" }),
    html("button", { class: "primary" }, isAlone(true, "lists") ? "Take off" : "Propose to take off"), cancel);
  off.elements.reason.focus();
}

// Does something about the list, says what became of it, and shows what is on it then.
async function act(form, work, holds) {
  const button = form.querySelector("button");
  button.disabled = true;
  sayAt(form);
  try {
    const change = await work();
    tell(byId("list-said"), change, holds(change));
    form.reset();
    if (form === off) off.hidden = true;
    isOld = true;
    await again().catch(() => {}); // it is asked for again anyway
  } catch (error) {
    const text = refusal(error);
    say(byId("list-said"), sayAt(form, error.field, text) ? "" : text, true);
  }
  button.disabled = false;
}

entry.addEventListener("submit", event => {
  event.preventDefault();
  const { value, reason, valid_from, valid_until } = entry.elements;
  const draft = { value: value.value.trim(), reason: reason.value.trim(), valid_from: instant(valid_from.value), valid_until: instant(valid_until.value) };
  act(entry, () => make({ kind: "listed", list: list.name, entries: [draft] }, draft.reason, true), () => `${draft.value} is on the list`);
});
off.addEventListener("submit", event => {
  event.preventDefault();
  const { value } = off.dataset;
  act(off, () => make({ kind: "unlisted", list: list.name, values: [value] }, off.elements.reason.value.trim(), true), () => `${value} is off the list`);
});
file.addEventListener("submit", event => {
  event.preventDefault();
  const [chosen] = file.elements.file.files;
  const put = async () => {
    if (chosen.size > LARGEST) throw new Refusal(`the file has more than ${LARGEST >> 20} MiB`);
    const token = (await who())?.csrf_token;
    const headers = { accept: "application/json", "content-type": "text/csv", ...(token ? { "x-csrf-token": token } : {}) };
    const why = new URLSearchParams({ reason: file.elements.reason.value.trim() });
    return JSON.parse(await textOf(`/v1/lists/${encodeURIComponent(list.name)}/import?${why}`, PATIENCE_MS, { method: "POST", headers, body: chosen }));
  };
  act(file, put, ({ changed }) => `${plural(changed, "entry is", "entries are")} on the list`);
});
find.addEventListener("submit", event => event.preventDefault());
find.addEventListener("input", () => showEntries(false));
byId("more-entries").addEventListener("click", () => showEntries(true));
