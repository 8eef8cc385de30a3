// Elements from plain values. Data only ever becomes text or an attribute's value, never markup.

const SVG = "http://www.w3.org/2000/svg";

// An HTML element: `html("td", {class: "number"}, "12")`. Children are text or elements; `null` ones are left out.
export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

// The same for SVG.
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  element.append(...children.filter(child => child != null));
  return element;
}

// Sets an element's text, touching the document only when it changed, so that a selection survives a refresh.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Figures beside each other: [name, value, note] each.
export function tiles(place, figures) {
  place.replaceChildren(...figures.map(([name, value, note]) => html("div", {}, html("dt", {}, name), html("dd", {}, value), html("dd", { class: "note" }, note))));
}

// A row of buttons, of [value, words] each, of which one is pressed. They are made once, so that whoever has the keyboard there keeps it.
export function switches(place, choices, chosen, choose) {
  if (!place.firstChild) {
    place.append(...choices.map(([value, text]) => {
      const button = html("button", { type: "button", value }, text);
      button.addEventListener("click", () => choose(value));
      return button;
    }));
  }
  for (const button of place.children) button.setAttribute("aria-pressed", button.value === chosen);
}

const wrong = new WeakMap(); // place -> what takes back what is said at one of its inputs
let notes = 0;

// Says what is wrong with the input in `place` that a refusal's `field` is about, beside it and until somebody changes it, and goes there: `entries.0.value` is
// about `value`, `tags.3` about `tags`. Whether there is one that can be changed; what was said in `place` before is taken back.
export function sayAt(place, field, text) {
  wrong.get(place)?.();
  const name = field?.split(".").findLast(part => !/^\d+$/.test(part));
  const input = name && place.querySelector(`:is(input, select, textarea)[name="${CSS.escape(name)}"]:enabled`);
  if (!input?.checkVisibility()) return false;
  const note = html("small", { id: `wrong-${++notes}`, class: "message error", role: "alert" }, text);
  const takeBack = () => {
    for (const attribute of ["aria-invalid", "aria-errormessage"]) input.removeAttribute(attribute);
    input.removeEventListener("input", takeBack);
    note.remove();
    wrong.delete(place);
  };
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", note.id);
  input.addEventListener("input", takeBack);
  input.after(note);
  input.focus();
  wrong.set(place, takeBack);
  return true;
}
