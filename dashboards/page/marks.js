// The shapes that charts are made of. Positions are in bands and values; the plot turns them into pixels.

import { svg } from "./dom.js";

// Bars, as one shape: each {at, from, to} stands in band `at` from value `from` up to `to`.
export function bars(plot, kind, items) {
  const width = Math.min(plot.band - Math.min(plot.band * 0.25, 8), 48);
  const sides = at => {
    if (plot.band < 5) return [Math.round(plot.x(at)), Math.round(plot.x(at + 1))]; // no room for gaps: whole pixels leave no seams
    return [plot.x(at + 0.5) - width / 2, plot.x(at + 0.5) + width / 2];
  };
  const shape = items.map(({ at, from = 0, to }) => {
    const [left, right] = sides(at);
    return `M${px(left)} ${px(plot.y(to))}H${px(right)}V${px(plot.y(from))}H${px(left)}z`;
  });
  return svg("path", { class: `bar ${kind}`, d: shape.join("") });
}

// A line through {at, value}, broken where a band is left out or has no value; a point that stands alone is a dot.
export function line(plot, kind, points) {
  const runs = [];
  for (const { at, value } of points) {
    if (value === null) continue;
    const run = runs.at(-1);
    if (run && run.at(-1).at === at - 1) run.push({ at, value });
    else runs.push([{ at, value }]);
  }
  const spot = ({ at, value }) => `${px(plot.x(at + 0.5))} ${px(plot.y(value))}`;
  const alone = runs.filter(run => run.length === 1).map(([only]) => `M${spot(only)}h0`);
  const joined = runs.filter(run => run.length > 1).map(run => `M${run.map(spot).join("L")}`);
  return svg("g", {}, svg("path", { class: `line ${kind}`, d: joined.join("") }), svg("path", { class: `dot ${kind}`, d: alone.join("") }));
}

// A histogram's outline over neighbouring bands, filled down to the base.
export function steps(plot, kind, values) {
  const tops = values.map((value, at) => `V${px(plot.y(value))}H${px(plot.x(at + 1))}`);
  const shape = `M${px(plot.x(0))} ${px(plot.bottom)}${tops.join("")}V${px(plot.bottom)}`;
  return svg("path", { class: `steps ${kind}`, d: shape });
}

// A grey ground behind bands `first` to `last`.
export function shade(plot, first, last) {
  return svg("rect", { class: "shade", x: plot.x(first), y: plot.top, width: plot.x(last + 1) - plot.x(first), height: plot.height });
}

// A named place on the x axis.
export function marker(plot, at, text) {
  const x = plot.x(at);
  return svg("g", {},
    svg("line", { class: "marker", x1: x, x2: x, y1: plot.top, y2: plot.bottom }),
    svg("text", { class: "axis", x: x - 4, y: plot.top + 9, "text-anchor": "end" }, text));
}

// Names at the right end of lines, moved apart where they would touch.
export function endLabels(plot, labels) {
  const sorted = labels.map(label => ({ ...label, y: plot.y(label.value) })).sort((one, other) => one.y - other.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + 13);
  const over = Math.max(0, (sorted.at(-1)?.y ?? 0) - plot.bottom);
  return sorted.map(({ y, kind, text }) => svg("text", { class: `end ${kind}`, x: plot.left + plot.width + 6, y: y - over + 4 }, text));
}

const px = value => value.toFixed(1);
