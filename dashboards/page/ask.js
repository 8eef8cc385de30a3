// What is asked of the server, who asks, and what to say when it does not answer.

const LOG_IN = "/login";
// A page that asks by itself while nobody is there keeps no session alive.
const IDLE_AFTER_MS = 60_000;
// Pages ask again by themselves; what is to be done is not sent twice.
const UNANSWERED = "riskflow does not answer, so this may not have been done: see how it stands, and try again";

// What the server refused, in its words; `field` is what it is about, where that is known.
export class Refusal extends Error {
  constructor(detail, field) {
    super(detail);
    this.field = field;
  }
}

let touchedAt = Date.now();
for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, () => { touchedAt = Date.now(); }, { capture: true, passive: true });

let known = null;

// Who calls, as the server says it: {open, name, role, scopes, csrf_token}; null where it does not say. Asked once.
export function who() {
  known ??= fetch("/v1/session", { headers: { accept: "application/json" }, cache: "no-store" })
    .then(answer => (answer.ok ? answer.json() : null))
    .catch(() => {
      known = null;
      return null;
    });
  return known;
}

// Whether something is open to who calls: "review", "approve", and so on. The server asks again.
export const may = async scope => (await who())?.scopes.includes(scope) ?? false;

// The text of an answer, or an error that says why there is none. Who has to log in is sent there, and comes back.
export async function textOf(path, patience, options = {}) {
  const headers = { accept: "application/json", ...(options.body ? { "content-type": "application/json" } : {}) };
  if (Date.now() - touchedAt > IDLE_AFTER_MS) headers["x-riskflow-idle"] = "true";
  if (options.method && options.method !== "GET") {
    const token = (await who())?.csrf_token;
    if (token) headers["x-csrf-token"] = token;
  }
  const isAct = options.method && options.method !== "GET" && path !== "/v1/session";
  let response, text;
  try {
    response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(patience), ...options });
    text = await response.text();
  } catch (error) {
    throw isAct && (error instanceof TypeError || error.name === "TimeoutError") ? new Refusal(UNANSWERED) : error;
  }
  if (response.status === 401 && location.pathname !== LOG_IN) location.assign(`${LOG_IN}?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  if (!response.ok) throw refused(response, text);
  return text;
}

// The detail of a problem+json, or at least its status.
function refused(response, text) {
  try {
    const { detail, title, field } = JSON.parse(text);
    return new Refusal(detail ?? title ?? `status ${response.status}`, field);
  } catch {
    return new Refusal(`status ${response.status} ${response.statusText}`.trim());
  }
}

// An error in words.
export function explain(error, patience) {
  if (error instanceof Refusal) return error.message;
  if (error instanceof TypeError) return "riskflow does not answer; trying again";
  if (error.name === "TimeoutError") return `no answer within ${patience / 1_000} s`;
  return `the answer cannot be read: ${error.message}`;
}
