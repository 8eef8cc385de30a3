// A backtest of a rule as it is written: which past, and what would have come of it.

import { refusal, send, table } from "./desk.js";
import { html, setText, tiles } from "./dom.js";
import { count, dayName, dayNumber, money, percent, plural } from "./format.js";
import { createChart } from "./frame.js";
import { bars } from "./marks.js";
import { linear } from "./scales.js";

const DAY_MS = 86_400_000;
const KINDS = [["bad", "bad"], ["good", "good"], ["unlabelled", "no label"]];

const byId = id => document.getElementById(id);
const form = byId("trial");
const said = byId("trial-said");

// `wanted` says {id, draft}; `days` asks for the days that are suggested.
export function createTrial(wanted, days) {
  const chart = createChart(byId("trial-days"));

  async function begin() {
    const range = await days().catch(() => null);
    if (!range || form.elements.from.value) return;
    form.elements.from.value = range.from;
    form.elements.to.value = range.to;
  }

  form.addEventListener("submit", async event => {
    event.preventDefault();
    const { from, to, maturity, against } = form.elements;
    const { id, draft } = wanted();
    const body = {
      from: `${from.value}T00:00:00Z`, to: new Date(Date.parse(to.value) + DAY_MS).toISOString(), against: against.value, rule: draft,
      ...(maturity.value ? { maturity: `${maturity.value}d` } : {}),
    };
    const button = form.querySelector("button");
    button.disabled = true;
    said.classList.remove("error");
    setText(said, "Deciding the past again …");
    try {
      show(await send(`/v1/rules/${encodeURIComponent(id)}/backtest`, body));
    } catch (error) {
      byId("report").hidden = true;
      said.classList.add("error");
      setText(said, refusal(error));
    }
    button.disabled = false;
  });

  function show(report) {
    const { total, days, notes } = report;
    const [{ hits, present, snoozed, errors }] = total.rules;
    const moves = total.moves.filter(({ from, to }) => from !== to);
    setText(said, `${plural(total.events, "event")}, ${count(total.bad)} bad, ${count(total.good)} good${total.presumed_good ? ` (${count(total.presumed_good)} presumed)` : ""}, ${count(total.unlabelled)} without a label; took ${report.seconds.toFixed(1)} s.`);
    byId("report").hidden = false;
    const asks = [present ? `${count(present.events)} as it is` : "it is not asked at present", snoozed ? `${count(snoozed)} outside its share` : "", errors ? `${count(errors)} without an answer` : ""].filter(Boolean).join(", ");
    tiles(byId("trial-figures"), [
      ["Hits", count(hits.events), asks],
      ["Precision", share(hits.precision), `${reach(hits.precision)}${count(hits.bad)} of ${count(hits.bad + hits.good)} judged hits were bad`],
      ["Recall", share(hits.recall), `${reach(hits.recall)}${count(hits.bad)} of ${count(total.bad)} bad events`],
      ["Money stopped", sum(hits, "stopped_minor"), "of bad events that it hits"],
      ["Wrongly stopped", sum(hits, "wrongly_stopped_minor"), "of good events that it hits"],
      ["Decisions that flip", count(total.flips), total.flips ? `${percent(total.flips / total.events)} of all` : "everything is decided as before"],
    ]);
    byId("notes").replaceChildren(...notes.map(note => html("li", {}, note)));
    fill(byId("sides"), ["", "Events", "Bad", "Good", "No label", "Precision", "Recall", "Money stopped", "Wrongly stopped"], [
      ["Declined, before", total.baseline.declined], ["Declined, with the rule", total.candidate.declined],
      ["Not approved, before", total.baseline.not_approved], ["Not approved, with the rule", total.candidate.not_approved],
    ].map(([name, picked]) => [name, ...counts(picked), share(picked.precision), share(picked.recall), sum(picked, "stopped_minor"), sum(picked, "wrongly_stopped_minor")]));
    byId("moves").hidden = !moves.length;
    fill(byId("moves"), ["Flips", "Events", "Bad", "Good", "No label", "Money of bad ones", "Money of good ones"],
      moves.map(moved => [`${moved.from} → ${moved.to}`, ...counts(moved), sum(moved, "stopped_minor"), sum(moved, "wrongly_stopped_minor")]));
    fill(byId("trial-table"), ["Day", "Events", "Hits", "Bad", "Good", "No label", "Precision", "Recall", "Money stopped", "Wrongly stopped", "Flips"], days.map(day => {
      const [{ hits }] = day.rules;
      return [day.day, count(day.events), ...counts(hits), share(hits.precision), share(hits.recall), sum(hits, "stopped_minor"), sum(hits, "wrongly_stopped_minor"), count(day.flips)];
    }));
    showDays(days);
  }

  function showDays(days) {
    byId("trial-legend").replaceChildren(...KINDS.map(([kind, words]) => html("span", { class: `swatch ${kind}` }, words)));
    const first = dayNumber(days[0].day);
    const size = dayNumber(days.at(-1).day) - first + 1;
    const found = new Map(days.map(day => [dayNumber(day.day) - first, day]));
    const hitsOf = day => day.rules[0].hits;
    chart.show({
      label: "Hits per day, by what they turned out to be",
      bands: { count: size, ticks: width => ticks(first, size, width) },
      y: linear(Math.max(1, ...days.map(day => hitsOf(day).events)), count),
      draw: plot => KINDS.map(([kind], index) => bars(plot, kind, [...found].filter(([, day]) => hitsOf(day)[kind] > 0).map(([at, day]) => {
        const from = KINDS.slice(0, index).reduce((below, [other]) => below + hitsOf(day)[other], 0);
        return { at, from, to: from + hitsOf(day)[kind] };
      }))),
      read(band) {
        const day = found.get(band);
        if (!day) return { title: dayName(first + band), rows: [], note: "No events" };
        const hits = hitsOf(day);
        return { title: dayName(first + band), rows: [
          ...KINDS.map(([kind, name]) => ({ kind, name, value: count(hits[kind]) })),
          { name: "precision", value: share(hits.precision) }, { name: "money stopped", value: sum(hits, "stopped_minor") },
          { name: "wrongly stopped", value: sum(hits, "wrongly_stopped_minor") }, { name: "flips", value: `${count(day.flips)} of ${count(day.events)}` },
        ] };
      },
    });
  }

  return { begin };
}

const counts = ({ events, bad, good, unlabelled }) => [events, bad, good, unlabelled].map(count);
const share = proportion => (proportion ? percent(proportion.point) : "–");
const reach = proportion => (proportion ? `${percent(proportion.lower)} to ${percent(proportion.upper)}; ` : "");

// An amount in each currency that there is.
const sum = ({ money: sums }, key) => (sums ? Object.entries(sums).map(([currency, amounts]) => money(amounts[key], currency)).join(", ") || "0" : "–");

const fill = (place, head, rows) => place.replaceChildren(table(head, rows.map(([name, ...cells]) => html("tr", {},
  html("th", { scope: "row" }, name), ...cells.map(cell => html("td", { class: "number" }, cell)))), head.map((_, at) => at).slice(1)));

function ticks(first, size, width) {
  const every = Math.max(1, Math.ceil((size * 64) / width));
  return Array.from({ length: Math.ceil(size / every) }, (_, index) => ({ at: index * every + 0.5, text: dayName(first + index * every).split(" ").slice(1, 3).join(" ") }));
}
