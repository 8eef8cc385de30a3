// Who is logged in, in the header of every page, with the way out and another password; and the links to what is open to them.

import { explain, textOf, who } from "./ask.js";
import { html, setText } from "./dom.js";

const PATIENCE_MS = 30_000;

const leave = () => location.assign("/login");

function passwordForm() {
  const field = (name, label, complete) => html("label", {}, label, html("input", { type: "password", name, required: "", maxlength: 256, autocomplete: complete }));
  const said = html("p", { class: "message", role: "alert" });
  const form = html("form", {}, field("present", "Present password", "current-password"), field("new", "New password", "new-password"), html("button", {}, "Set password"), said);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    try {
      await textOf("/v1/session/password", PATIENCE_MS, { method: "PUT", body: JSON.stringify(Object.fromEntries(new FormData(form))) });
      leave();
    } catch (error) {
      said.classList.add("error");
      setText(said, explain(error, PATIENCE_MS));
    }
  });
  return form;
}

const outSaid = html("p", { class: "message", role: "alert" });

function way(words, path) {
  const button = html("button", { type: "button" }, words);
  button.addEventListener("click", () => textOf(path, PATIENCE_MS, { method: "DELETE" }).then(leave, error => {
    outSaid.classList.add("error");
    setText(outSaid, explain(error, PATIENCE_MS));
  }));
  return button;
}

const me = await who();
for (const link of document.querySelectorAll("[data-needs]")) link.hidden = !me?.scopes.includes(link.dataset.needs);
if (me && !me.open) {
  const name = [html("b", {}, me.name), html("small", {}, me.role ?? "API key")];
  const shown = me.csrf_token
    ? html("details", { id: "who" }, html("summary", {}, ...name), html("div", {}, way("Log out", "/v1/session"), way("Log out everywhere", "/v1/session?everywhere=true"), outSaid, html("h3", {}, "Another password"), passwordForm()))
    : html("p", { id: "who" }, ...name);
  document.querySelector("body > header").append(shown);
}
