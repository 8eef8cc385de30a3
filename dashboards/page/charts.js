// The five charts: each turns one answer of /v1/monitor into a description for the frame. Plain functions of their arguments.
//
// A chart has `question` (the path's last part), `title`, `about`, `modes` where it can be seen in several ways, `days` (the rows
// of an answer, where its x axis is time), `silence(answer)` (what to say in place of a chart, if there is nothing to draw), and
// `describe(answer, view)`: what the frame needs, and `legend`. `view` is {mode, first, last (day numbers shown), running (the day
// that is not over yet), thresholds, choose}.

import { calendar, compact, count, dayName, dayNumber, duration, major, money, percent, plural, roundDuration } from "./format.js";
import { linear, logarithmic, logarithmicCounts } from "./scales.js";
import { bars, endLabels, line, marker, shade, steps } from "./marks.js";

// From which share of labels on a day's detection counts as known.
const MATURE = 0.9;
// From how many days on single days are drawn pale behind their weeks.
const MANY_DAYS = 45;
const BIN = 25;
const NOTHING = "No decisions";

const nothingDecided = rows => (rows.length === 0 ? NOTHING : null);

const volume = {
  question: "volume",
  title: "Volume",
  about: "Events that came in, per day",
  modes: [["events", "Events"], ["amount_minor", "Amount"]],
  days: rows => rows,
  silence: nothingDecided,
  describe(rows, view) {
    const items = rows.map(row => ({ at: bandOf(row, view), to: row[view.mode] }));
    const text = view.mode === "events" ? compact : minor => compact(major(minor, rows[0].currency));
    return {
      ...byDay(rows, view, row => ({
        rows: [{ kind: "volume", name: "events", value: count(row.events) }, { name: "amount", value: money(row.amount_minor, row.currency) }, ...others(row)],
      })),
      label: `${view.mode === "events" ? "Events" : "Amount"} per day`,
      y: linear(most(items, item => item.to), text),
      draw: plot => splitRunning(items, view).map(([kind, some]) => bars(plot, `volume ${kind}`, some)),
    };
  },
};

const decisionMix = {
  question: "decision-mix",
  title: "Decisions",
  about: "Share of each day's decisions; all others were approved",
  modes: [["stopped", "Not approved"], ["all", "All"]],
  days: rows => rows,
  silence: nothingDecided,
  describe(rows, view) {
    const happened = ["decline", "review", "challenge", "approve"].filter(kind => kind !== "challenge" || rows.some(row => row.challenge > 0));
    const kinds = happened.filter(kind => kind !== "approve" || view.mode === "all");
    const total = row => row.approve + row.challenge + row.review + row.decline;
    const stacks = kinds.map((kind, index) => [kind, rows.filter(row => row[kind] > 0).map(row => {
      const below = kinds.slice(0, index).reduce((sum, other) => sum + row[other], 0);
      return { at: bandOf(row, view), from: below / total(row), to: (below + row[kind]) / total(row) };
    })]);
    return {
      ...byDay(rows, view, row => ({
        rows: happened.map(kind => ({ kind, name: kind, value: `${percent(row[kind] / total(row))}  ${count(row[kind])}` })),
      })),
      label: `Share of decisions per day: ${kinds.join(", ")}`,
      legend: kinds.map(kind => [kind, kind]),
      y: linear(view.mode === "all" ? 1 : most(stacks.flatMap(([, items]) => items), item => item.to) || 0.01, tickPercent),
      draw: plot => stacks.flatMap(([kind, items]) =>
        splitRunning(items, view).map(([running, some]) => bars(plot, `${kind} ${running}`, some))),
    };
  },
};

const scoreDistribution = {
  question: "score-distribution",
  title: "Scores",
  about: "Decisions by score, and what they turned out to be",
  modes: [["log", "Log"], ["linear", "Linear"]],
  silence: bins => (bins.some(bin => bin.decisions > 0) ? null : NOTHING),
  describe(bins, { mode, thresholds }) {
    const byBand = Array.from({ length: 1000 / BIN }, (_, band) => ({ decisions: 0, bad: 0, good: 0, from_score: band * BIN }));
    for (const bin of bins) byBand[bin.from_score / BIN] = bin;
    const top = most(byBand, bin => bin.decisions);
    return {
      label: "Decisions by score, with labels",
      legend: [["every", "all decisions"], ["good", "labelled good"], ["bad", "labelled bad"]],
      bands: {
        count: byBand.length,
        ticks: width => [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]
          .filter(score => width > 420 || score % 200 === 0)
          .map(score => ({ at: score / BIN, text: String(score) })),
      },
      right: 16,
      y: mode === "log" ? logarithmicCounts(top, compact) : linear(top, compact),
      draw: plot => [
        ...["every", "good", "bad"].map(kind => steps(plot, kind, byBand.map(bin => bin[kind === "every" ? "decisions" : kind]))),
        ...Object.entries(thresholds ?? {}).map(([name, score]) => marker(plot, score / BIN, name)),
      ],
      read(band) {
        const { from_score, decisions, bad, good } = byBand[band];
        return {
          title: `Score ${from_score} to ${from_score + BIN === 1000 ? 1000 : from_score + BIN - 1}`,
          rows: [
            { kind: "every", name: "decisions", value: count(decisions) },
            { kind: "bad", name: "labelled bad", value: count(bad) },
            { kind: "good", name: "labelled good", value: count(good) },
            { name: "bad among labelled", value: bad + good === 0 ? "no labels" : percent(bad / (bad + good)) },
          ],
        };
      },
    };
  },
};

const QUANTILES = [["p999_us", "p99.9"], ["p99_us", "p99"], ["p90_us", "p90"], ["p50_us", "p50"]];

const latency = {
  question: "latency",
  title: "Time to decide",
  about: "From queue to decision, without the wait for the disk; log scale",
  days: answer => answer.days,
  silence: answer => nothingDecided(answer.days),
  describe({ days: rows }, view) {
    const values = rows.flatMap(row => QUANTILES.map(([key]) => Math.max(1, row[key])));
    return {
      ...byDay(rows, view, row => ({
        rows: [
          { name: "longest", value: duration(row.max_us) },
          ...QUANTILES.map(([kind, name]) => ({ kind, name, value: duration(row[kind]) })),
          { name: "decisions", value: count(row.decisions) },
        ],
      })),
      label: "Time to decide per day: median, 90th, 99th and 99.9th percentile",
      right: 46,
      y: logarithmic(Math.min(...values), Math.max(...values), roundDuration),
      draw: plot => [
        ...QUANTILES.map(([key]) => line(plot, key, rows.map(row => ({ at: bandOf(row, view), value: Math.max(1, row[key]) })))),
        ...endLabels(plot, QUANTILES.map(([kind, text]) => ({ kind, text, value: Math.max(1, rows.at(-1)[kind]) }))),
      ],
    };
  },
};

const detection = {
  question: "detection",
  title: "Detection",
  about: "How much bad is caught; how much flagged is bad",
  days: rows => rows,
  silence: rows => nothingDecided(rows) ?? (rows.some(row => row.labelled > 0) ? null : "No labels"),
  describe(rows, view) {
    const mature = row => row.labelled >= MATURE * row.decisions;
    const points = (name, keep) => rows.filter(keep).map(row => ({ at: bandOf(row, view), value: row[name] }));
    const known = rows.filter(mature);
    const weekly = rows.length > MANY_DAYS && known.length > 0;
    const pooled = (part, whole) => weekly ? known.map(row => ({ at: bandOf(row, view), value: lastWeek(known, row, part, whole) })) : [];
    return {
      ...byDay(rows, view, row => ({
        rows: [
          { kind: mature(row) ? "recall" : "early", name: "recall", value: share(row.recall) },
          { kind: mature(row) ? "precision" : "early", name: "precision", value: share(row.precision) },
          { name: "known bad", value: count(row.bad) },
          { name: "flagged", value: count(row.flagged) },
          { name: "caught", value: count(row.caught) },
          { name: "money stopped", value: `${money(row.caught_amount_minor, row.currency)} of ${money(row.bad_amount_minor, row.currency)}` },
          ...others(row),
          { name: "labels in", value: `${percent(row.labelled / Math.max(1, row.decisions))} of ${count(row.decisions)}` },
        ],
        note: mature(row) ? null : "Too early to judge: labels are still arriving",
      })),
      label: "Recall and precision per day",
      legend: [["recall", weekly ? "recall, 7 days" : "recall"], ["precision", weekly ? "precision, 7 days" : "precision"], ["early", "under 90 % of labels in"]],
      y: { ...linear(1, tickPercent), ticks: [0, 0.25, 0.5, 0.75, 1].map(value => ({ value, text: tickPercent(value) })) },
      draw: plot => [
        ...runsOf(rows.filter(row => !mature(row)).map(row => bandOf(row, view))).map(([from, to]) => shade(plot, from, to)),
        ...["precision", "recall"].flatMap(name => [line(plot, "early", points(name, row => !mature(row))), line(plot, weekly ? `${name} thin` : name, points(name, mature))]),
        line(plot, "precision", pooled("caught", "flagged")),
        line(plot, "recall", pooled("caught", "bad")),
      ],
    };
  },
};

export const CHARTS = [volume, decisionMix, scoreDistribution, latency, detection];

const share = value => (value === null ? "not known yet" : percent(value));
// What of a day its money leaves out.
const others = ({ other_currency: events }) => (events ? [{ name: "in other currencies, left out of the money", value: plural(events, "event") }] : []);
const bandOf = (row, view) => dayNumber(row.day) - view.first;
const most = (items, value) => items.reduce((top, item) => Math.max(top, value(item)), 0);
const tickPercent = share => `${Number((share * 100).toPrecision(3))} %`;

// What all charts over days have in common: the days as bands, the reading of one day, the shared cursor, the choice by dragging.
function byDay(rows, view, reading) {
  const byBand = new Map(rows.map(row => [bandOf(row, view), row]));
  return {
    link: "days",
    bands: { count: view.last - view.first + 1, ticks: width => dayTicks(view.first, view.last, width) },
    choose: (from, to) => view.choose(view.first + from, view.first + to),
    read(band) {
      const title = dayName(view.first + band);
      const row = byBand.get(band);
      if (!row) return { title, rows: [], note: "No decisions" };
      const { rows, note } = reading(row);
      return { title, rows, note: note ?? (view.first + band === view.running ? "This day is not over" : null) };
    },
  };
}

// Months where there are many days, else Mondays, else single days; as many as fit.
function dayTicks(first, last, width) {
  const days = Array.from({ length: last - first + 1 }, (_, index) => ({ at: index + 0.5, ...calendar(first + index) }));
  const room = Math.max(1, Math.floor(width / 64));
  const every = (list, text) => list.filter((_, index) => index % Math.ceil(list.length / room) === 0).map((day, index) => ({ at: day.at, text: text(day, index) }));
  const dayText = ({ day, month }) => `${day} ${month}`;
  if (days.length <= room) return every(days, dayText);
  if (days.length <= 62) return every(days.filter(({ weekday }) => weekday === 1), dayText);
  return every(days.filter(({ day }) => day === 1), ({ month, year }, index) => (index === 0 || month === "Jan" ? `${month} ${year}` : month));
}

// `part` over `whole` in the seven days up to that of `row`; null where there was nothing.
function lastWeek(rows, row, part, whole) {
  const day = dayNumber(row.day);
  const week = rows.filter(other => dayNumber(other.day) > day - 7 && dayNumber(other.day) <= day);
  const [some, all] = [part, whole].map(key => week.reduce((sum, other) => sum + other[key], 0));
  return all === 0 ? null : some / all;
}

// The bars of days that are over, and those of the day that is not.
const splitRunning = (items, view) => [
  ["", items.filter(item => view.first + item.at !== view.running)],
  ["running", items.filter(item => view.first + item.at === view.running)],
];

// Neighbouring bands as [first, last].
function runsOf(bands) {
  const runs = [];
  for (const band of bands) {
    if (runs.at(-1)?.[1] === band - 1) runs.at(-1)[1] = band;
    else runs.push([band, band]);
  }
  return runs;
}
