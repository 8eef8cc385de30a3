// The heat map: a row for each thing, a column for each window. It draws what it is given and says what was chosen: a cell by a click, or
// by the arrow keys and Enter; some columns by a drag across them, or by Shift with the arrow keys and Enter.

import { html, svg } from "./dom.js";

const ROW = 22;
const TOP = 20;
const NAME = 220;
const LEAST = 5;
const MOST = 80;
const tooltip = document.getElementById("tooltip");

let here = null; // where the keyboard is, as [row, column]
let chosenFrom = null; // the column where a choice began that is not made yet

// `rows` are names, `columns` {key, label}; `cell(row, column)` is {severity, once} or null for no data, `read(row, column)` what a
// reader is told, `chosen` {row, column} or null, `choose(row, column)` takes a cell, `zoom(first, last)` columns, and `back()`, where
// it is not null, leads to all of them, by a double click or Escape.
export function drawHeat(element, { rows, columns, cell, read, chosen, choose, zoom, back }) {
  const room = element.parentElement.clientWidth - NAME - 12;
  const width = Math.max(LEAST, Math.min(MOST, room / Math.max(1, columns.length)));
  const gap = width > 8 ? 1 : 0;
  const x = column => NAME + column * width;
  const y = row => TOP + row * ROW;
  element.setAttribute("width", NAME + columns.length * width + 12);
  element.setAttribute("height", TOP + rows.length * ROW + 8);
  element.setAttribute("aria-valuemax", Math.max(0, columns.length - 1));
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
  const frame = (row, column, kind) => svg("rect", { x: x(column) - 0.5, y: y(row) + 0.5, width: width + 1, height: ROW - 1, rx: 3, class: kind });
  if (chosen) marks.push(frame(chosen.row, chosen.column, "chosen"));
  const overlay = svg("g");
  element.replaceChildren(...marks, overlay);
  mark(here?.[1]);

  // Shows where the keyboard is, and the columns from where a choice began up to one.
  function mark(to) {
    const shown = [];
    if (here && here[0] < rows.length && here[1] < columns.length) shown.push(frame(...here, "here"));
    if (chosenFrom !== null && to !== undefined) {
      const [first, last] = order(chosenFrom, to);
      shown.push(svg("rect", { x: x(first), y: TOP, width: (last - first + 1) * width, height: rows.length * ROW, class: "zoomed" }));
    }
    overlay.replaceChildren(...shown);
  }

  function tell(row, column, left, top) {
    const { title, rows: lines, note } = read(row, column);
    const list = lines.flatMap(({ name, value }) => [html("dt", {}, name), html("dd", {}, value)]);
    tooltip.replaceChildren(...[html("b", {}, title), html("dl", {}, ...list), note ? html("p", {}, note) : null].filter(Boolean));
    tooltip.hidden = false;
    const across = left + 16 + tooltip.offsetWidth > window.innerWidth - 8 ? left - 16 - tooltip.offsetWidth : left + 16;
    const down = Math.min(top + 12, window.innerHeight - tooltip.offsetHeight - 8);
    tooltip.style.transform = `translate(${Math.max(8, Math.round(across))}px, ${Math.max(8, Math.round(down))}px)`;
    return [title, ...lines.map(({ name, value }) => `${name} ${value}`), note].filter(Boolean).join(", ");
  }

  function leave() {
    chosenFrom = null;
    tooltip.hidden = true;
    mark();
  }

  // Makes the choice that was begun, if it is of more than one column; whether it was.
  function made(to) {
    const from = chosenFrom;
    leave();
    if (from === null || from === to) return false;
    zoom(...order(from, to));
    return true;
  }

  const under = ({ target: { dataset } }) => (dataset?.row === undefined ? null : [Number(dataset.row), Number(dataset.column)]);
  const columnUnder = event => clamp(Math.floor((event.clientX - element.getBoundingClientRect().left - NAME) / width), columns.length);

  element.onclick = event => {
    const at = under(event);
    if (at) choose(...at);
  };
  element.ondblclick = () => back?.();
  element.onpointerdown = event => {
    here = null;
    if (event.pointerType === "mouse" && event.button === 0 && under(event)) chosenFrom = columnUnder(event);
    mark();
  };
  element.onpointermove = event => {
    // It was let go elsewhere.
    if (chosenFrom !== null && !here && event.buttons === 0) chosenFrom = null;
    if (chosenFrom !== null && !here) {
      // From here on what is pressed is no cell.
      if (columnUnder(event) !== chosenFrom) element.setPointerCapture(event.pointerId);
      tooltip.hidden = true;
      return mark(columnUnder(event));
    }
    const at = under(event);
    if (at) tell(...at, event.clientX, event.clientY);
    else tooltip.hidden = true;
  };
  element.onpointerup = event => !here && made(columnUnder(event));
  element.onpointerleave = () => (tooltip.hidden = true);
  element.onpointercancel = leave;
  element.onblur = () => {
    here = null;
    leave();
  };
  element.onkeydown = event => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -columns.length], End: [0, columns.length] }[event.key];
    if (event.key === "Escape") {
      const leads = chosenFrom === null ? back : null;
      leave();
      leads?.();
    }
    // What is shown may have become less since.
    if (here) here = [clamp(here[0], rows.length), clamp(here[1], columns.length)];
    if (event.key === "Enter" && here && !made(here[1])) choose(...here);
    if (!steps || !columns.length) return;
    event.preventDefault();
    const [row, column] = here ?? (chosen ? [chosen.row, chosen.column] : [0, columns.length - 1]);
    const to = here ? [clamp(row + steps[0], rows.length), clamp(column + steps[1], columns.length)] : [row, column];
    chosenFrom = event.shiftKey && steps[1] !== 0 ? chosenFrom ?? column : null;
    here = to;
    mark(to[1]);
    const scroll = element.parentElement;
    scroll.scrollLeft = Math.min(Math.max(scroll.scrollLeft, x(to[1] + 1) - scroll.clientWidth), x(to[1]) - NAME);
    const box = element.getBoundingClientRect();
    const said = tell(...to, box.left + x(to[1] + 0.5), box.top + y(to[0]));
    element.setAttribute("aria-valuenow", to[1]);
    element.setAttribute("aria-valuetext", chosenFrom === null ? said : `${columns[Math.min(chosenFrom, to[1])].label} to ${columns[Math.max(chosenFrom, to[1])].label}`);
  };
}

const order = (one, other) => (one < other ? [one, other] : [other, one]);
const clamp = (at, size) => Math.min(size - 1, Math.max(0, at));
