// The page where people log in, on their way to another one.

import { explain, textOf, who } from "./ask.js";
import { setText } from "./dom.js";

const PATIENCE_MS = 30_000;
const form = document.getElementById("login");
const message = document.getElementById("message");

// Where they come from: a path of this server, whatever the address says.
function next() {
  const asked = new URLSearchParams(location.search).get("next") ?? "/";
  const wanted = URL.canParse(asked, location.origin) ? new URL(asked, location.origin) : null;
  // What stands behind a # is never sent to a server; the browser brings it along. With its origin: a path alone that begins with two slashes would be another server's.
  return wanted?.origin === location.origin && wanted.pathname !== location.pathname ? wanted.href + (wanted.hash ? "" : location.hash) : "/";
}

function say(text) {
  message.classList.toggle("error", Boolean(text));
  setText(message, text);
}

form.addEventListener("submit", async event => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("");
  try {
    await textOf("/v1/session", PATIENCE_MS, { method: "POST", body: JSON.stringify(Object.fromEntries(new FormData(form))) });
    location.replace(next());
  } catch (error) {
    say(explain(error, PATIENCE_MS));
    form.elements.password.value = "";
    form.elements.password.focus();
  } finally {
    button.disabled = false;
  }
});

// Who is known already goes on: a link from elsewhere comes without the cookie, and this page with it.
if (await who()) location.replace(next());
