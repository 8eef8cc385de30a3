// What both pages of the alert desk need: words, ages and money as people at a desk read them, and how something is done with an alert. Times are in the
// reader's zone here, since people talk about them; ages go by the server's clock.

import { explain, textOf } from "./ask.js";
import { html } from "./dom.js";

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

const moment = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const fullMoment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const zoneName = new Intl.DateTimeFormat("en", { timeZoneName: "long" }).formatToParts().find(({ type }) => type === "timeZoneName").value;

// Which zone the times are in.
export const zone = () => `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone} (${zoneName})`;

// A time, short, with all of it when pointed at.
export const when = text => html("time", { datetime: text, title: fullMoment.format(new Date(text)) }, moment.format(new Date(text)));

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

const formats = new Map();

// Minor units in their currency, with as many decimals as it has.
export function money(minor, currency) {
  if (minor === null || minor === undefined) return "–";
  const known = currency ?? "EUR";
  if (!formats.has(known)) formats.set(known, new Intl.NumberFormat("en", currency ? { style: "currency", currency } : { minimumFractionDigits: 2 }));
  const format = formats.get(known);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export const pill = severity => html("b", { class: `pill ${severity}` }, severity);

// Where an alert is, and who has it.
export function state({ state, assignee, outcome }, me) {
  const who = assignee === null ? "" : assignee === me ? "you" : assignee;
  const word = outcome ? OUTCOMES[outcome] : STATES[state];
  return html("span", { class: `state ${state}${who === "you" ? " mine" : ""}` }, word, who ? html("small", {}, ` ${who}`) : null);
}

export const subject = ({ subject, events }) => (subject ? `${subject.entity} ${subject.key}` : events === 1 ? "one event" : `${events} events`);

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
