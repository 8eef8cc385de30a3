// The charts of two models on the same events: each turns a comparison, as /v1/monitor/comparison answers, into a description for the
// frame. Plain functions of their arguments. Every x axis is a row of bands; curves have PLACES of them.
//
// Beside the comparison they are given {part, choose}: which part of the x axis is shown, as [from, to], null for all of it, and what
// takes another one. Of curves they are shares, of days `from` and `to` as "2018-08-01".

import { svg } from "./dom.js";
import { count, dayName, dayNumber, isoDay, number, percent } from "./format.js";
import { line } from "./marks.js";
import { between, linear, within } from "./scales.js";

const PLACES = 50;
// No narrower a part of a curve is shown: its points lie no closer.
const NARROWEST = 0.001;
const SIDES = ["champion", "challenger"];

// The x axis of shares from `from` to `to`: its bands, where a share falls among them, and the choice of a part.
function shares([from, to], choose) {
  const share = band => from + band / PLACES * (to - from);
  const place = value => (value - from) / (to - from) * PLACES;
  const short = value => Number(value.toPrecision(4));
  return {
    place,
    share,
    bands: { count: PLACES, ticks: width => within(from, to, width > 220 ? 5 : 2).map(value => ({ at: place(value), text: tickPercent(value) })) },
    choose: (first, last) => {
      const part = [short(share(first)), short(share(last + 1))];
      if (part[1] - part[0] >= NARROWEST) choose(...part);
    },
  };
}

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
    describe(comparison, { part, choose }) {
      const { contest } = comparison;
      const sides = SIDES.map(side => ({ side, points: contest[side].curves[name], bands: contest[side].bands[name] }));
      const [from, to] = part ?? [0, 1];
      const { place, share, ...axis } = shares([from, to], choose);
      const heights = part ? sides.flatMap(({ points, bands }) => heightsWithin(points, bands, from, to)) : [0, 1];
      return {
        ...axis,
        label: title,
        legend: legend(comparison),
        y: between(Math.min(...heights), Math.max(...heights), tickPercent),
        right: 18,
        draw: plot => [
          ...sides.map(({ side, bands }) => area(plot, side, bands.map(band => ({ ...band, at: place(band.x) })))),
          ...sides.map(({ side, points }) => path(plot, `line ${side}`, points.map(({ x, y }) => [place(x), y]))),
        ],
        read(band) {
          const x = share(band + 0.5);
          return {
            title: `${percent(x)} ${across}`,
            rows: sides.map(({ side, points, bands }) => {
              const band = bands.findLast(band => band.x <= x);
              const around = band ? ` (${percent(band.lower)} to ${percent(band.upper)})` : "";
              return { kind: side, name: `${side}: ${up}`, value: `${percent(heightAt(points, x))}${around}` };
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
    describe(comparison, { part, choose }) {
      const sides = SIDES.map(side => ({ side, bins: comparison.contest[side].calibration.bins }));
      const most = Math.max(0.01, ...sides.flatMap(({ bins }) => bins.flatMap(bin => [bin.predicted, bin.observed.point ?? 0])));
      const whole = linear(most, tickPercent);
      const [from, to] = part ?? [0, whole.ticks.at(-1).value];
      const shown = sides.flatMap(({ bins }) => bins).filter(({ predicted }) => predicted >= from && predicted <= to);
      const y = part ? between(Math.min(from, ...shown.map(bin => bin.observed.lower)), Math.max(to, ...shown.map(bin => bin.observed.upper)), tickPercent) : whole;
      const top = y.ticks.at(-1).value;
      const { place, share, ...axis } = shares([from, to], choose);
      const beside = (plot, predicted, side) => plot.x(place(predicted)) + 4 * side - 2;
      return {
        ...axis,
        label: "Calibration",
        legend: legend(comparison),
        y,
        right: 18,
        draw: plot => [
          svg("line", { class: "marker", x1: plot.x(0), y1: plot.y(from), x2: plot.x(PLACES), y2: plot.y(to) }),
          ...sides.flatMap(({ side, bins }, which) => bins.map(({ predicted, observed }) => {
            const across = beside(plot, predicted, which);
            return svg("line", { class: `whisker ${side}`, x1: across, x2: across, y1: plot.y(Math.min(observed.lower, top)), y2: plot.y(Math.min(observed.upper, top)) });
          })),
          ...sides.map(({ side, bins }, which) => svg("path", {
            class: `dot ${side}`, d: bins.map(({ predicted, observed }) => `M${px(beside(plot, predicted, which))} ${px(plot.y(Math.min(observed.point, top)))}h0`).join(""),
          })),
        ],
        read(band) {
          const at = share(band + 0.5);
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
    describe(comparison, { choose }) {
      const { days, mature_at: matureAt } = comparison;
      const [first, last] = [dayNumber(days[0].day), dayNumber(days.at(-1).day)];
      const at = day => dayNumber(day.day) - first;
      const figures = days.flatMap(day => SIDES.map(side => day[`${side}_auc`])).filter(figure => figure.point !== undefined);
      const low = Math.max(0, Math.floor(Math.min(...figures.map(figure => figure.lower ?? figure.point)) * 10) / 10);
      return {
        label: "Area under the curve by day",
        legend: legend(comparison),
        bands: { count: last - first + 1, ticks: width => dayTicks(first, last, width) },
        choose: (from, to) => choose(isoDay(first + from), isoDay(first + to)),
        y: between(low, 1, value => number(Math.round(value * 100) / 100)),
        draw: plot => [
          ...days.filter(day => !isMature(day, matureAt)).map(day => svg("rect", { class: "shade", x: plot.x(at(day)), y: plot.top, width: plot.band, height: plot.height })),
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
            note: isMature(day, matureAt) ? undefined : `Immature: figures will change until ${percent(matureAt)} of the bad ones are known`,
          };
        },
      };
    },
  };
}

// Whether so large a share of a cohort's bad events is known as is asked for.
export const isMature = (cohort, matureAt) => (cohort.maturity.point ?? 0) >= matureAt;
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

// How high and how low a curve and its bands are from one x to another.
function heightsWithin(points, bands, from, to) {
  const shown = ({ x }) => x >= from && x <= to;
  const heights = points.filter(shown).map(({ y }) => y);
  return [heightAt(points, from), heightAt(points, to), ...heights, ...bands.filter(shown).flatMap(({ lower, upper }) => [lower, upper])];
}

const path = (plot, kind, pairs) => svg("path", { class: kind, d: `M${pairs.map(([at, y]) => `${px(plot.x(at))} ${px(plot.y(y))}`).join("L")}` });

function area(plot, kind, bands) {
  const there = bands.map(({ at, upper }) => `${px(plot.x(at))} ${px(plot.y(upper))}`);
  const back = bands.toReversed().map(({ at, lower }) => `${px(plot.x(at))} ${px(plot.y(lower))}`);
  return svg("path", { class: `band ${kind}`, d: bands.length ? `M${[...there, ...back].join("L")}z` : "" });
}

const tickPercent = value => `${number(Math.round(value * 10_000) / 100)} %`;
const px = value => value.toFixed(1);
