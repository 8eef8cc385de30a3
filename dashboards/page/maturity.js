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
  describe({ curve: { bad, horizon_days: horizon, shares } }, { part, choose }) {
    const [first, last] = part?.every(Number.isInteger) && part[1] < shares.length ? part : [0, shares.length - 1];
    const known = shares.map((share, day) => ({ ...share, day })).filter(share => share.point !== undefined);
    return {
      label: "Share of bad events that is known, by age",
      legend: [["champion", `from ${count(bad)} bad events, followed for ${Math.round(horizon)} days`]],
      bands: { count: last - first + 1, ticks: width => dayTicks(first, last, width) },
      choose: (from, to) => choose(first + from, first + to),
      y: linear(1, percent),
      right: 18,
      draw: plot => [
        ...known.filter(share => share.lower !== undefined).map(({ day, lower, upper }) => svg("line", {
          class: "whisker champion", x1: plot.x(day - first + 0.5), x2: plot.x(day - first + 0.5), y1: plot.y(lower), y2: plot.y(upper),
        })),
        line(plot, "champion", shares.map(({ point }, day) => ({ at: day - first, value: point ?? null }))),
      ],
      read(band) {
        const day = first + band;
        return { title: `${day} ${day === 1 ? "day" : "days"} old`, rows: [{ kind: "champion", name: "known", value: interval(shares[day], percent) }] };
      },
    };
  },
};

function dayTicks(first, last, width) {
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, width / 60)));
  return Array.from({ length: Math.ceil((last - first + 1) / every) }, (_, index) => index * every).map(band => ({ at: band + 0.5, text: `${first + band} d` }));
}
