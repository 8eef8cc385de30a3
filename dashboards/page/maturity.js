// The chart of how late bad events become known: of an answer of /v1/monitor/performance, for the frame. A plain function of it.

import { svg } from "./dom.js";
import { count, percent } from "./format.js";
import { line } from "./marks.js";
import { interval } from "./rivals.js";
import { linear } from "./scales.js";

export const MATURITY = {
  name: "maturity",
  title: "When bad events become known",
  about: "Share of bad events that is known at an age, of those that become known at all; young figures are read with it",
  silence: ({ curve }) => (curve.missing === undefined ? null : `No curve: ${curve.missing.replaceAll("_", " ")}`),
  describe({ curve: { bad, horizon_days: horizon, shares } }) {
    const known = shares.map((share, day) => ({ ...share, day })).filter(share => share.point !== undefined);
    return {
      label: "Share of bad events that is known, by age",
      legend: [["champion", `from ${count(bad)} bad events, followed for ${Math.round(horizon)} days`]],
      bands: { count: shares.length, ticks: width => dayTicks(shares.length, width) },
      y: linear(1, percent),
      right: 18,
      draw: plot => [
        ...known.filter(share => share.lower !== undefined).map(({ day, lower, upper }) => svg("line", {
          class: "whisker champion", x1: plot.x(day + 0.5), x2: plot.x(day + 0.5), y1: plot.y(lower), y2: plot.y(upper),
        })),
        line(plot, "champion", shares.map(({ point }, day) => ({ at: day, value: point ?? null }))),
      ],
      read: day => ({ title: `${day} ${day === 1 ? "day" : "days"} old`, rows: [{ kind: "champion", name: "known", value: interval(shares[day], percent) }] }),
    };
  },
};

function dayTicks(days, width) {
  const every = Math.max(1, Math.ceil(days / Math.max(1, width / 60)));
  return Array.from({ length: Math.ceil(days / every) }, (_, index) => index * every).map(day => ({ at: day + 0.5, text: `${day} d` }));
}
