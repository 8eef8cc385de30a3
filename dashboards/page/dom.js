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
