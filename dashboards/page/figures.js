// The row of key figures: each is {name, value, note}, a plain function of the answers for the days shown and of the status.

import { count, duration, leftOut, money, percent, rate, shortMoney } from "./format.js";

const NONE = "–";

// `answers` maps questions to their answers (undefined where there is none yet).
export function figures(answers, status) {
  return [events(answers, status), speed(status), flagged(answers), waiting(answers), ...detection(answers)];
}

function events({ volume }, status) {
  if (!volume?.length) return none("Events");
  const note = status ? `${count(status.events)} in the log` : "";
  return { name: "Events", value: count(sum(volume, "events")), note };
}

function speed(status) {
  if (!status) return none("Events per second");
  return { name: "Events per second", value: rate(status.events_per_second), note: status.replay ? "replay of past traffic" : "live traffic" };
}

function flagged({ "decision-mix": mix }) {
  const name = "Review or decline";
  if (!mix?.length) return none(name);
  const [review, decline] = [sum(mix, "review"), sum(mix, "decline")];
  const all = review + decline + sum(mix, "approve") + sum(mix, "challenge");
  return { name, value: percent((review + decline) / all), note: `${percent(review / all)} review, ${percent(decline / all)} decline` };
}

function waiting({ latency }) {
  const name = "Time to decide, p99";
  if (!latency?.overall?.decisions) return none(name);
  const { p50_us, p99_us, p999_us } = latency.overall;
  return { name, value: duration(p99_us), note: `p50 ${duration(p50_us)}, p99.9 ${duration(p999_us)}` };
}

function detection({ detection: days }) {
  const names = ["Labels in", "Recall", "Precision", "Money stopped"];
  const [decisions, labelled] = [sum(days ?? [], "decisions"), sum(days ?? [], "labelled")];
  if (labelled === 0) return names.map(name => ({ ...none(name), note: days?.length ? "no labels yet" : "" }));
  const [bad, caught, hits] = [sum(days, "bad"), sum(days, "caught"), sum(days, "flagged")];
  const [stopped, lost, others] = [sum(days, "caught_amount_minor"), sum(days, "bad_amount_minor"), sum(days, "other_currency")];
  const [{ currency }] = days;
  const ofLost = lost ? `${percent(stopped / lost)} of ${money(lost, currency)} in bad ones` : others ? "" : "nothing bad so far";
  return [
    [percent(labelled / decisions), `${count(labelled)} of ${count(decisions)}`],
    [share(caught, bad), `${count(caught)} of ${count(bad)} bad ones caught`],
    [share(caught, hits), `${count(caught)} of ${count(hits)} flagged were bad`],
    [shortMoney(stopped, currency), [ofLost, leftOut(others)].filter(Boolean).join("; ")],
  ].map(([value, note], index) => ({ name: names[index], value, note }));
}

const none = name => ({ name, value: NONE, note: "" });
const share = (part, all) => (all ? percent(part / all) : NONE);
const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);
