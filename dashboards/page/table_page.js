// A page with one table, of people or of keys, that an admin keeps: what of it is shown, what is chosen, and what is done about that. It is asked for again by itself,
// and whoever has the keyboard somewhere keeps it there. Whoever is no admin sees what the server says to that, and nothing else. Filters are in the address.

import { who } from "./ask.js";
import { isCommand, refusal, say } from "./desk.js";
import { html, sayAt, setText, switches } from "./dom.js";
import { count, plural } from "./format.js";

const PAUSE_MS = 4_000;

export const byId = id => document.getElementById(id);
export const me = await who();

export const field = (label, name, attributes) => html("label", {}, label, html("input", { name, autocomplete: "off", ...attributes }));
// Of a field for a name, which is written as it is.
export const plain = { autocapitalize: "none", spellcheck: "false" };

const form = byId("filters");
const words = byId("words");
const address = () => new URLSearchParams(location.search);
const isRefused = me && !me.scopes.includes("admin"); // it is said once

// Opens the page over a table; what it gives back chooses by name, or nothing with null. A page says of what it shows:
//
// - `load`: asks the server; what it finds is {all, now, ...}, and each of `all` has a name
// - `views`: [value, words, is] each; how many are in the second one is always said
// - `texts`: {one, add, open, unlike, none}: the word for one, what stands over a form that adds one, and what is said where the door is open, where nothing is like
//   what is looked for, and where there is nothing
// - `finds`: the texts of one in which is looked for a name
// - `cells`: the cells of one's row, around the button that chooses it, which has its name in it
// - `standing`: {title, note, links} of what is chosen, where a link is [parameter, value, words] of the audit
// - `acts`: what may be done about it: [act, name, key, kind] each
// - `forms`: act -> {button, about, fields, send, done, answered}: what it asks for and sends, what is said when it is done, and what is done with the answer
// - `isBeside`: whether what the server refuses is said beside the field that it is about
export function openTable(table, { load, views, texts, finds, cells, standing, acts, forms, isBeside }) {
  const body = table.tBodies[0];
  const rows = new Map(); // name -> {row, text}
  let found = null; // what the server said last
  let chosen = null; // the name of what is chosen
  let asked = 0;
  let drawn = "";

  const picked = () => found?.all.find(({ name }) => name === chosen);

  async function run() {
    const mine = ++asked;
    try {
      const answer = await load();
      if (mine !== asked) return; // what was asked for later knows more
      found = answer;
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
    const { all } = found;
    const wanted = (address().get("name") ?? "").toLowerCase();
    const view = views.find(([value]) => value === (address().get("show") ?? "")) ?? views[0];
    const has = one => finds(one).some(text => text.toLowerCase().includes(wanted));
    const shown = all.filter(one => view[2](one) && has(one)).sort((one, other) => one.name.localeCompare(other.name));
    const [, told, isTold] = views[1];
    const many = all.filter(isTold).length;
    setText(byId("shown"), `${count(shown.length)} of ${plural(all.length, texts.one)}${many ? `, ${count(many)} ${told.toLowerCase()}` : ""}`);
    // Nothing is added here where the door is open: the first one shuts it to everybody else, and to whoever loses it.
    byId("add").hidden = Boolean(me?.open);
    setText(byId("message"), me?.open ? texts.open : shown.length ? "" : all.length ? texts.unlike : texts.none);
    table.hidden = shown.length === 0;
    const lines = shown.map(one => {
      const row = create(one);
      const text = [row.className, row.textContent, ...[...row.querySelectorAll("[title]")].map(({ title }) => title)].join(" ");
      const known = rows.get(one.name);
      if (known?.text === text) return known.row;
      // Whoever has the keyboard in a row keeps it there.
      if (known?.row.contains(document.activeElement)) queueMicrotask(() => row.querySelector("button").focus());
      rows.set(one.name, { row, text });
      return row;
    });
    if (lines.length !== body.rows.length || lines.some((row, index) => row !== body.rows[index])) {
      const focused = document.activeElement;
      body.replaceChildren(...lines);
      if (body.contains(focused)) focused.focus();
    }
    const { elements } = form;
    if (document.activeElement !== elements.name) elements.name.value = address().get("name") ?? "";
    switches(byId("views"), views, view[0], value => filter({ show: value }));
    showWork();
  }

  function create(one) {
    const isChosen = one.name === chosen;
    const pick = html("button", { type: "button", class: "pick", "aria-pressed": isChosen }, one.name);
    const row = html("tr", { class: isChosen ? "lead" : null }, ...cells(pick, one, found));
    row.addEventListener("click", () => choose(one.name));
    return row;
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

  function showWork() {
    const one = picked();
    const adds = words.dataset.act === "add" && !words.hidden;
    byId("work").hidden = !one && !adds;
    const { title, note, links } = adds ? { title: texts.add } : one ? standing(one) : {};
    const may = adds || !one ? [] : acts(one);
    // Drawn anew only when it says something else, so that whoever has the keyboard there keeps it.
    const text = JSON.stringify([title, note, links, may]);
    if (text === drawn) return;
    drawn = text;
    const audit = ([parameter, value, shown]) => [" ", html("a", { href: `/audit?${new URLSearchParams({ [parameter]: value })}` }, shown)];
    byId("standing").replaceChildren(...(title ? [html("b", {}, title)] : []), ...(note ? [` ${note}`] : []), ...(links ?? []).flatMap(audit));
    byId("acts").replaceChildren(...may.map(([act, name, key, kind]) => {
      const button = html("button", { type: "button", class: kind ?? null, "data-act": act, "aria-keyshortcuts": key }, name, html("kbd", {}, key));
      button.addEventListener("click", () => write(act));
      return button;
    }));
  }

  function write(act) {
    const { button, about, fields } = forms[act];
    const back = html("button", { type: "button" }, "Cancel");
    back.addEventListener("click", cancel);
    words.dataset.act = act;
    words.hidden = false;
    words.replaceChildren(html("div", {}, ...fields(picked(), found)), html("div", {}, html("button", { class: "primary" }, button), back, html("small", { class: "soft" }, about)));
    say(byId("said"), "");
    showWork();
    words.querySelector("input, select, button").focus();
  }

  function close() {
    words.hidden = true;
    words.replaceChildren();
    if (found) showWork();
  }

  // Whoever thinks better of it is where they were before.
  function cancel() {
    const { act } = words.dataset;
    close();
    (act === "add" ? byId("add") : byId("acts").querySelector(`[data-act=${act}]`))?.focus();
  }

  function add() {
    chosen = null;
    write("add");
    show();
  }

  words.addEventListener("submit", async event => {
    event.preventDefault();
    const { act } = words.dataset;
    const { send, done, answered } = forms[act];
    const said = new FormData(words);
    const name = act === "add" ? said.get("name").trim() : chosen;
    const button = words.querySelector("button.primary");
    button.disabled = true; // it may take its time, and is done once
    sayAt(words);
    say(byId("said"), "");
    try {
      const answer = await send(name, said);
      close();
      answered?.(name, answer);
      say(byId("said"), done(name));
    } catch (error) {
      button.disabled = false;
      const text = refusal(error);
      say(byId("said"), isBeside && sayAt(words, error.field, text) ? "" : text, true);
    }
    await run();
  });
  words.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    cancel();
  });

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
  return choose;
}
