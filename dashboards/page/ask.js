// What is asked of the server, and what to say when it does not answer.

export class Refusal extends Error {}

// The text of an answer, or an error that says why there is none.
export async function textOf(path, patience, options = {}) {
  const headers = { accept: "application/json", ...(options.body ? { "content-type": "application/json" } : {}) };
  const response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(patience), ...options });
  const text = await response.text();
  if (!response.ok) throw new Refusal(refusal(response, text));
  return text;
}

// The detail of a problem+json, or at least its status.
function refusal(response, text) {
  try {
    const { detail, title } = JSON.parse(text);
    return detail ?? title ?? `status ${response.status}`;
  } catch {
    return `status ${response.status} ${response.statusText}`.trim();
  }
}

// An error in words.
export function explain(error, patience) {
  if (error instanceof Refusal) return error.message;
  if (error instanceof TypeError) return "riskflow does not answer; trying again";
  if (error.name === "TimeoutError") return `no answer within ${patience / 1_000} s`;
  return `the answer cannot be read: ${error.message}`;
}
