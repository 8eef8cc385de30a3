// The frame that every chart stands in: axes, gridlines, the cursor that reads values by mouse, touch and arrow keys. What is
// drawn inside comes as a plain description; the frame knows nothing of payments.
//
// The x axis is a row of equal bands (days, score bins), counted from 0. A description has: `label`, `bands` {count, ticks(width)},
// `y` (a scale from scales.js), `right` (room for labels, px), `draw(plot)` -> elements, `read(band)` -> {title, rows, note} or
// null, and, where bands may be chosen by a drag or by Shift with the arrow keys and Enter, `choose(first, last)`. Where a part of a
// whole is shown, `back()` leads to the whole, by a double click or Escape, and what lies beyond the plot is cut off. Charts with
// the same `link` share the cursor.

import { html, svg } from "./dom.js";

const TOP = 10;
const BOTTOM = 22;
const charts = new Set();
const tooltip = document.getElementById("tooltip");

// Makes `element` a chart; returns `show`, which draws a description, and draws it again whenever the size changes.
export function createChart(element) {
  let shown = null;
  let plot = null;
  let band = null;
  let chosenFrom = null; // the band where a choice began that is not made yet
  const overlay = svg("g", { class: "overlay" });
  const cut = `plot-${charts.size}`;
  const chart = { mark, link: () => shown?.link };
  charts.add(chart);

  function show(description) {
    shown = description;
    draw();
  }

  function draw() {
    const { width, height } = element.getBoundingClientRect();
    if (!shown || width === 0) return;
    plot = layout(shown, width, height);
    const { left: x, top: y, width: across, height: up } = plot;
    const inside = shown.back ? [svg("clipPath", { id: cut }, svg("rect", { x, y, width: across, height: up }))] : [];
    const marks = svg("g", { class: "marks", "clip-path": shown.back ? `url(#${cut})` : null }, ...shown.draw(plot));
    element.replaceChildren(...inside, ...grid(shown, plot), marks, overlay);
    for (const [name, value] of Object.entries({ "aria-label": shown.label, "aria-valuemin": 0, "aria-valuemax": shown.bands.count - 1 })) {
      element.setAttribute(name, value);
    }
    if (band !== null && band >= shown.bands.count) band = null;
    mark(band);
    if (element === tooltip.chart) describe();
  }

  // Shows where the cursor is, here or in a chart linked to this one.
  function mark(at) {
    band = at;
    const lines = [];
    if (at !== null && plot) {
      const width = Math.max(plot.band, 1);
      lines.push(svg("rect", { class: "cursor", x: plot.x(at + 0.5) - width / 2, y: plot.top, width, height: plot.height }));
    }
    if (chosenFrom !== null && at !== null) {
      const [first, last] = order(chosenFrom, at);
      lines.push(svg("rect", { class: "chosen", x: plot.x(first), y: plot.top, width: plot.x(last + 1) - plot.x(first), height: plot.height }));
    }
    overlay.replaceChildren(...lines);
  }

  function move(at) {
    for (const other of charts) if (other === chart || (shown.link && other.link() === shown.link)) other.mark(at);
    tooltip.chart = at === null ? null : element;
    if (at === null) tooltip.hidden = true;
    else describe();
  }

  function describe() {
    const reading = shown.read(band);
    element.setAttribute("aria-valuenow", band);
    const [first, last] = order(chosenFrom ?? band, band);
    element.setAttribute("aria-valuetext", first === last ? spoken(reading) : `${shown.read(first).title} to ${shown.read(last).title}`);
    tooltip.replaceChildren(...written(reading));
    tooltip.hidden = false;
    const box = element.getBoundingClientRect();
    const x = box.left + plot.x(band + 0.5);
    const side = x + 16 + tooltip.offsetWidth > window.innerWidth - 8 ? -16 - tooltip.offsetWidth : 16;
    const top = Math.min(box.top + TOP, window.innerHeight - tooltip.offsetHeight - 8);
    tooltip.style.transform = `translate(${Math.max(8, Math.round(x + side))}px, ${Math.max(8, Math.round(top))}px)`;
  }

  // Makes the choice that was begun, if it is of more than one band.
  function made(at) {
    const [first, last] = order(chosenFrom, at);
    chosenFrom = null;
    move(null);
    if (last > first) shown.choose(first, last);
  }

  const bandUnder = event => clamp(Math.floor((event.clientX - element.getBoundingClientRect().left - plot.left) / plot.band), shown.bands.count);

  element.addEventListener("pointermove", event => shown && move(bandUnder(event)));
  element.addEventListener("pointerleave", () => chosenFrom === null && move(null));
  element.addEventListener("pointerdown", event => {
    if (!shown?.choose || event.pointerType !== "mouse" || event.button !== 0) return;
    chosenFrom = bandUnder(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointerup", event => chosenFrom !== null && made(bandUnder(event)));
  element.addEventListener("dblclick", () => shown?.back?.());
  for (const kind of ["pointercancel", "blur"]) {
    element.addEventListener(kind, () => {
      chosenFrom = null;
      if (shown) move(null);
    });
  }
  element.addEventListener("keydown", event => {
    if (!shown) return;
    const last = shown.bands.count - 1;
    const from = band ?? last + (event.key === "ArrowLeft" ? 1 : 0);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, PageDown: from - 7, PageUp: from + 7, Home: 0, End: last }[event.key];
    if (event.key === "Escape") {
      const leads = chosenFrom === null ? shown.back : null;
      chosenFrom = null;
      move(null);
      leads?.();
    }
    if (event.key === "Enter" && chosenFrom !== null) made(band);
    if (to === undefined) return;
    event.preventDefault();
    chosenFrom = event.shiftKey && shown.choose ? chosenFrom ?? clamp(from, shown.bands.count) : null;
    move(clamp(to, shown.bands.count));
  });
  new ResizeObserver(draw).observe(element);
  return { show };
}

// The part of the drawing that the marks have, and where values fall in it.
function layout({ bands, y, right = 12 }, width, height) {
  const widest = Math.max(...y.ticks.map(({ text }) => text.length));
  const left = Math.round(widest * 6.4 + 12);
  const plot = { left, top: TOP, width: Math.max(40, width - left - right), height: height - TOP - BOTTOM };
  plot.bottom = plot.top + plot.height;
  plot.band = plot.width / bands.count;
  plot.x = at => plot.left + at * plot.band;
  plot.y = value => plot.bottom - y.at(value) * plot.height;
  return plot;
}

function grid({ bands, y }, plot) {
  const right = plot.left + plot.width;
  return [
    ...y.ticks.flatMap(({ value, text }) => {
      const at = Math.round(plot.y(value)) + 0.5;
      return [
        svg("line", { class: "grid", x1: plot.left, x2: right, y1: at, y2: at }),
        svg("text", { class: "axis", x: plot.left - 8, y: at + 3.5, "text-anchor": "end" }, text),
      ];
    }),
    svg("line", { class: "base", x1: plot.left, x2: right, y1: plot.bottom + 0.5, y2: plot.bottom + 0.5 }),
    ...bands.ticks(plot.width).flatMap(({ at, text }) => [
      svg("line", { class: "base", x1: plot.x(at), x2: plot.x(at), y1: plot.bottom, y2: plot.bottom + 4 }),
      svg("text", { class: "axis", x: plot.x(at), y: plot.bottom + 17, "text-anchor": "middle" }, text),
    ]),
  ];
}

const written = ({ title, rows, note }) => [
  html("b", {}, title),
  html("dl", {}, ...rows.flatMap(({ kind, name, value }) => [html("dt", { class: kind && `swatch ${kind}` }, name), html("dd", {}, value)])),
  note ? html("p", {}, note) : null,
].filter(Boolean);

const spoken = ({ title, rows, note }) => [title, ...rows.map(({ name, value }) => `${name} ${value}`), note].filter(Boolean).join(", ");

const order = (one, other) => (one < other ? [one, other] : [other, one]);
const clamp = (at, size) => Math.min(size - 1, Math.max(0, at));
