// The charts of two models on the same events: each turns a comparison, as /v1/monitor/comparison answers, into a description for the
// frame. Plain functions of their arguments. Every x axis is a row of bands; curves have PLACES of them from 0 to 1.

import { svg } from "./dom.js";
import { count, dayName, dayNumber, isoDay, number, percent } from "./format.js";
import { line } from "./marks.js";
import { linear } from "./scales.js";

const PLACES = 50;
const SIDES = ["champion", "challenger"];

const shareTicks = width => [0, 0.25, 0.5, 0.75, 1].filter(at => width > 220 || at * 2 === Math.round(at * 2))
  .map(at => ({ at: at * PLACES, text: `${at * 100} %` }));
const legend = comparison => SIDES.map(side => [side, `${side} ${comparison[side]}`]);
const unranked = contest => (contest.champion.curves.roc.length === 0 ? "Nothing to rank: there must be judged events of both kinds" : null);

export const CURVES = [
  curve("roc", "ROC", "Bad events flagged, by good events flagged", ["good flagged", "bad flagged"]),
  curve("precision_recall", "Precision and recall", "Share of flagged events that is bad, by bad events flagged", ["recall", "precision"]),
  calibration(),
  byDay(),
];

function curve(name, title, about, [across, up]) {
  return {
    name,
    title,
    about: `${about}; bands hold 95 % at each place`,
    silence: ({ contest }) => unranked(contest),
    describe(comparison) {
      const { contest } = comparison;
      const sides = SIDES.map(side => ({ side, points: contest[side].curves[name], bands: contest[side].bands[name] }));
      return {
        label: title,
        legend: legend(comparison),
        bands: { count: PLACES, ticks: shareTicks },
        y: linear(1, tickPercent),
        right: 18,
        draw: plot => [
          ...sides.map(({ side, bands }) => area(plot, side, bands)),
          ...sides.map(({ side, points }) => path(plot, `line ${side}`, points.map(({ x, y }) => [x, y]))),
        ],
        read(place) {
          const x = (place + 0.5) / PLACES;
          return {
            title: `${percent(x)} ${across}`,
            rows: sides.map(({ side, points, bands }) => {
              const band = bands.findLast(band => band.x <= x);
              const between = band ? ` (${percent(band.lower)} to ${percent(band.upper)})` : "";
              return { kind: side, name: `${side}: ${up}`, value: `${percent(heightAt(points, x))}${between}` };
            }),
          };
        },
      };
    },
  };
}

function calibration() {
  return {
    name: "calibration",
    title: "Calibration",
    about: "Share of events that is bad, by what the model says; on the line it is true",
    silence: ({ contest }) => (contest.champion.calibration.bins.length === 0 ? "No judged events" : null),
    describe(comparison) {
      const sides = SIDES.map(side => ({ side, bins: comparison.contest[side].calibration.bins }));
      const most = Math.max(0.01, ...sides.flatMap(({ bins }) => bins.flatMap(bin => [bin.predicted, bin.observed.point ?? 0])));
      const y = linear(most, tickPercent);
      const top = y.ticks.at(-1).value;
      const x = value => Math.min(value, top) / top * PLACES;
      return {
        label: "Calibration",
        legend: legend(comparison),
        bands: { count: PLACES, ticks: () => y.ticks.map(({ value, text }) => ({ at: x(value), text })) },
        y,
        right: 18,
        draw: plot => [
          svg("line", { class: "marker", x1: plot.x(0), y1: plot.y(0), x2: plot.x(PLACES), y2: plot.y(top) }),
          ...sides.flatMap(({ side, bins }, place) => bins.map(({ predicted, observed }) => {
            const across = plot.x(x(predicted)) + 4 * place - 2;
            return svg("line", { class: `whisker ${side}`, x1: across, x2: across, y1: plot.y(Math.min(observed.lower, top)), y2: plot.y(Math.min(observed.upper, top)) });
          })),
          ...sides.map(({ side, bins }, place) => svg("path", {
            class: `dot ${side}`, d: bins.map(({ predicted, observed }) => `M${px(plot.x(x(predicted)) + 4 * place - 2)} ${px(plot.y(Math.min(observed.point, top)))}h0`).join(""),
          })),
        ],
        read(place) {
          const at = (place + 0.5) / PLACES * top;
          const nearest = bins => bins.reduce((best, bin) => (Math.abs(bin.predicted - at) < Math.abs(best.predicted - at) ? bin : best), bins[0]);
          return {
            title: `Around ${percent(at)}`,
            rows: sides.flatMap(({ side, bins }) => {
              const { predicted, observed, rows } = nearest(bins);
              return [{ kind: side, name: `${side} says ${percent(predicted)}`, value: `${interval(observed, percent)} of ${count(rows)}` }];
            }),
          };
        },
      };
    },
  };
}

function byDay() {
  return {
    name: "days",
    title: "Area under the curve, by day",
    about: "Pale where many bad events are not known yet",
    silence: ({ days }) => (days.some(day => day.champion_auc.point !== undefined) ? null : "No day has judged events of both kinds"),
    describe(comparison) {
      const { days } = comparison;
      const [first, last] = [dayNumber(days[0].day), dayNumber(days.at(-1).day)];
      const at = day => dayNumber(day.day) - first;
      const figures = days.flatMap(day => SIDES.map(side => day[`${side}_auc`])).filter(figure => figure.point !== undefined);
      const low = Math.max(0, Math.floor(Math.min(...figures.map(figure => figure.lower ?? figure.point)) * 10) / 10);
      const scale = linear(1 - low, value => number(Math.round((low + value) * 100) / 100));
      const y = { at: value => scale.at(value - low), ticks: scale.ticks.map(tick => ({ ...tick, value: tick.value + low })).filter(({ value }) => value <= 1.0001) };
      return {
        label: "Area under the curve by day",
        legend: legend(comparison),
        bands: { count: last - first + 1, ticks: width => dayTicks(first, last, width) },
        y,
        draw: plot => [
          ...days.filter(day => !isMature(day)).map(day => svg("rect", { class: "shade", x: plot.x(at(day)), y: plot.top, width: plot.band, height: plot.height })),
          ...SIDES.flatMap((side, place) => days.filter(day => day[`${side}_auc`].lower !== undefined).map(day => {
            const x = plot.x(at(day) + 0.5) + (place - 0.5) * Math.min(6, plot.band / 3);
            return svg("line", { class: `whisker ${side}`, x1: x, x2: x, y1: plot.y(day[`${side}_auc`].lower), y2: plot.y(day[`${side}_auc`].upper) });
          })),
          ...SIDES.map(side => line(plot, side, days.map(day => ({ at: at(day), value: day[`${side}_auc`].point ?? null })))),
        ],
        read(band) {
          const day = days.find(day => at(day) === band);
          const title = dayName(first + band);
          if (!day) return { title, rows: [], note: "No data" };
          return {
            title,
            rows: [
              ...SIDES.map(side => ({ kind: side, name: side, value: interval(day[`${side}_auc`], value => value.toFixed(3)) })),
              { name: "judged", value: `${count(judged(day.outcomes))} of ${count(day.events)}` },
              { name: "bad", value: count(day.outcomes.bad) },
              { name: "bad ones known", value: interval(day.maturity, percent) },
            ],
            note: isMature(day) ? undefined : "Immature: figures will change",
          };
        },
      };
    },
  };
}

// From which share of known bad events on a cohort counts as mature, as the server has it by default.
const MATURE = 0.9;
export const isMature = cohort => (cohort.maturity.point ?? 0) >= MATURE;
export const judged = ({ bad, good, presumed }) => bad + good + presumed;

// A figure with its interval, or why there is none.
export function interval(figure, text) {
  if (figure.point === undefined) return figure.missing.replaceAll("_", " ");
  return figure.lower === undefined ? text(figure.point) : `${text(figure.point)} (${text(figure.lower)} to ${text(figure.upper)})`;
}

function dayTicks(first, last, width) {
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, width / 70)));
  return Array.from({ length: Math.ceil((last - first + 1) / every) }, (_, index) => index * every)
    .map(at => ({ at: at + 0.5, text: isoDay(first + at).slice(5) }));
}

// Where a curve of {x, y} is at x, on the straight line between its points.
function heightAt(points, x) {
  const after = points.findIndex(point => point.x >= x);
  if (after <= 0) return points[Math.max(0, after)].y;
  const [a, b] = [points[after - 1], points[after]];
  return b.x === a.x ? b.y : a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x);
}

const path = (plot, kind, pairs) => svg("path", { class: kind, d: `M${pairs.map(([x, y]) => `${px(plot.x(x * PLACES))} ${px(plot.y(y))}`).join("L")}` });

function area(plot, kind, bands) {
  const there = bands.map(({ x, upper }) => `${px(plot.x(x * PLACES))} ${px(plot.y(upper))}`);
  const back = bands.toReversed().map(({ x, lower }) => `${px(plot.x(x * PLACES))} ${px(plot.y(lower))}`);
  return svg("path", { class: `band ${kind}`, d: bands.length ? `M${[...there, ...back].join("L")}z` : "" });
}

const tickPercent = value => `${number(Math.round(value * 10_000) / 100)} %`;
const px = value => value.toFixed(1);
