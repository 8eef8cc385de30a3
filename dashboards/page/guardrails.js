// Guardrails in words: what must hold while a challenger decides for somebody, and over what it is judged. Plain functions of them, as /v1/experiments has them.

import { count, number, plural } from "./format.js";

const UNITS = { s: "s", m: "min", h: "h" };
const LIMITS = {
  approval_rate_change: ["Approval rate", value => `± ${number(value * 100)} points`, "of the champion’s share of approved events"],
  latency_p99_ms: ["Latency, p99", value => `≤ ${number(value)} ms`, "from the door to the decision"],
  error_share: ["Without a score", value => `≤ ${number(value * 100)} %`, "of its events, or out of time"],
};

// The limits that there are: [name, limit, of what] each.
export const limitsOf = guardrails => Object.entries(LIMITS)
  .filter(([name]) => guardrails?.[name] != null)
  .map(([name, [words, text, about]]) => [words, text(guardrails[name]), about]);

// What they are judged over.
export const windowOf = ({ window, minimum_events: least }) => `at least ${lengthOf(window)} with at least ${plural(least, "event")} of the challenger`;

// A length of time as the API writes it: "90m" is "90 min", "7d" is "7 days".
function lengthOf(text) {
  const [, size, unit] = text.match(/^(\d+)([smhd])$/) ?? [];
  if (!size) return text;
  return unit === "d" ? plural(Number(size), "day") : `${count(Number(size))} ${UNITS[unit]}`;
}
