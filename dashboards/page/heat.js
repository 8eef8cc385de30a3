// The heat map: a row for each thing, a column for each window. It draws what it is given and says what was chosen.

import { html, svg } from "./dom.js";

const ROW = 22;
const TOP = 20;
const NAME = 220;
const LEAST = 5;
const MOST = 40;
const tooltip = document.getElementById("tooltip");

// `rows` are names, `columns` {key, label}; `cell(row, column)` is {severity, once} or null for no data, `read(row, column)` what a
// reader is told, `chosen` {row, column} or null, `choose(row, column)` takes a click.
export function drawHeat(element, { rows, columns, cell, read, chosen, choose }) {
  const room = element.parentElement.clientWidth - NAME - 12;
  const width = Math.max(LEAST, Math.min(MOST, room / Math.max(1, columns.length)));
  const gap = width > 8 ? 1 : 0;
  const x = column => NAME + column * width;
  const y = row => TOP + row * ROW;
  element.setAttribute("width", NAME + columns.length * width + 12);
  element.setAttribute("height", TOP + rows.length * ROW + 8);
  const every = Math.max(1, Math.ceil(64 / width));
  const marks = [];
  columns.forEach(({ label }, column) => {
    if (column % every === 0) marks.push(svg("text", { x: x(column), y: TOP - 7 }, label));
  });
  rows.forEach((name, row) => {
    const short = name.length > 32 ? `${name.slice(0, 31)}…` : name;
    const kind = chosen?.row === row ? "name chosen-name" : "name";
    marks.push(svg("text", { x: NAME - 10, y: y(row) + 15, "text-anchor": "end", class: kind }, svg("title", {}, name), short));
    columns.forEach((_, column) => {
      const found = cell(row, column);
      const box = { x: x(column) + 0.5, y: y(row) + 1.5, width: width - gap, height: ROW - 3, rx: gap * 2 };
      marks.push(svg("rect", { ...box, class: found ? `cell ${found.severity}` : "cell nothing", "data-row": row, "data-column": column }));
      if (found?.once) marks.push(svg("circle", { cx: x(column) + width / 2, cy: y(row) + ROW / 2, r: Math.min(3, width / 3), class: `once ${found.once}` }));
    });
  });
  if (chosen) {
    marks.push(svg("rect", { x: x(chosen.column) - 0.5, y: y(chosen.row) + 0.5, width: width + 1, height: ROW - 1, rx: 3, class: "chosen" }));
  }
  element.replaceChildren(...marks);

  const under = event => {
    const { row, column } = event.target.dataset ?? {};
    return row === undefined ? null : [Number(row), Number(column)];
  };
  element.onclick = event => {
    const at = under(event);
    if (at) choose(...at);
  };
  element.onpointermove = event => {
    const at = under(event);
    tooltip.hidden = !at;
    if (!at) return;
    const { title, rows: lines, note } = read(...at);
    const list = lines.flatMap(({ name, value }) => [html("dt", {}, name), html("dd", {}, value)]);
    tooltip.replaceChildren(...[html("b", {}, title), html("dl", {}, ...list), note ? html("p", {}, note) : null].filter(Boolean));
    const left = event.clientX + 16 + tooltip.offsetWidth > window.innerWidth - 8 ? event.clientX - 16 - tooltip.offsetWidth : event.clientX + 16;
    const top = Math.min(event.clientY + 12, window.innerHeight - tooltip.offsetHeight - 8);
    tooltip.style.transform = `translate(${Math.max(8, Math.round(left))}px, ${Math.max(8, Math.round(top))}px)`;
  };
  element.onpointerleave = () => (tooltip.hidden = true);
}
