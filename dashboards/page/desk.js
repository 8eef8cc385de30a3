// What both pages of the alert desk need: words and ages as people at a desk read them, and how something is done with an alert. Times are UTC, as
// everywhere, and in the reader's zone when pointed at, since people talk about them; ages go by the server's clock.

import { explain, textOf } from "./ask.js";
import { html, setText } from "./dom.js";
import { dateTime, fullTime, time } from "./format.js";

export const PATIENCE_MS = 30_000;
export const SEVERITIES = ["critical", "high", "medium", "low"];
export const STATES = { open: "open", in_review: "in review", escalated: "escalated", resolved: "resolved", dismissed: "dismissed" };
export const OUTCOMES = { confirmed_fraud: "confirmed fraud", false_positive: "false positive", inconclusive: "inconclusive", duplicate: "duplicate" };

export const ask = async path => JSON.parse(await textOf(path, PATIENCE_MS));

// Sends something; null where the answer is empty.
export async function send(path, body) {
  const text = await textOf(path, PATIENCE_MS, { method: "POST", body: JSON.stringify(body) });
  return text ? JSON.parse(text) : null;
}

export const refusal = error => explain(error, PATIENCE_MS);

const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

// A time, to the minute, with all of it when pointed at.
export const when = text => html("time", { datetime: text, title: `${fullTime(text)}, here ${here.format(new Date(text))}` }, time(text).slice(0, -3));

// The same with its year.
export function moment(text) {
  const shown = when(text);
  setText(shown, dateTime(text).slice(0, -3));
  return shown;
}

// How long ago, in the one or two units that say enough: 45 s, 12 min, 3 h 20 min, 5 d 4 h.
export function age(from, now) {
  const seconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(from)) / 1_000));
  return span(seconds);
}

export function span(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  const days = Math.floor(hours / 24);
  return days < 10 && hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export const pill = severity => html("b", { class: `pill ${severity}` }, severity);

// Where an alert is, and who has it.
export function state({ state, assignee, outcome }, me) {
  const who = assignee === null ? "" : assignee === me ? "you" : assignee;
  const word = outcome ? OUTCOMES[outcome] : STATES[state];
  return html("span", { class: `state ${state}${who === "you" ? " mine" : ""}` }, word, who ? html("small", {}, ` ${who}`) : null);
}

export const subject = ({ subject, events }) => (subject ? `${subject.entity} ${subject.key}` : events === 1 ? "one event" : `${events} events`);

// A table of some rows; `numbers` are the places of those columns that hold some.
export const table = (names, rows, numbers) => html("table", { class: "plain" },
  html("thead", {}, html("tr", {}, ...names.map((name, place) => html("th", { scope: "col", class: numbers.includes(place) ? "number" : null }, name)))),
  html("tbody", {}, ...rows));

// What an event turned out to be, as a cell: null where nobody has said so yet, and undefined where that is not known here.
export const turnedOut = (label, source) => html("td", { class: `label ${label ?? "unknown"}` }, label === undefined ? "–" : label ? `${label}${source === "analyst" ? ", analyst" : ""}` : "not yet");

export const place = id => `/alerts/${encodeURIComponent(id)}`;

// Whether keys are commands now, and not somebody's words.
export function isCommand(event) {
  const typing = event.target.closest?.("input, textarea, select");
  return !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
}

// Says what was done, or why not.
export function say(element, text, refused = false) {
  element.textContent = text;
  element.hidden = !text;
  element.classList.toggle("refused", refused);
  element.setAttribute("role", refused ? "alert" : "status");
}

// Takes the next alert of some view and goes there.
export async function claimNext(query, element) {
  try {
    const alert = await send(`/v1/alerts/next${query}`, {});
    if (alert) location.href = place(alert.id) + query;
    else say(element, "Nothing is open here: you are done");
  } catch (error) {
    say(element, refusal(error), true);
  }
}
