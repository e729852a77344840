// What went wrong, with what the server said of it.

/** Statuses that the same request may get better of; every other error is for good. */
const TEMPORARY = [408, 425, 429, 500, 502, 503, 504];
const BODY_LENGTH_MAX = 64 << 10;

export class FanfareError extends Error {
  constructor(message, { status, problem, retryAfter, temporary = false, cause } = {}) {
    super(message, { cause });
    this.name = "FanfareError";
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
    this.temporary = temporary;
  }
}

/** The error that a response with an error status is. */
export async function refusal(response) {
  const { status } = response;
  const text = await beginning(response.body);
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json");
  const problem = isProblem ? objectFrom(text) : undefined;
  const said = problem?.detail ?? problem?.title ?? response.statusText;
  return new FanfareError(said ? `${status}: ${said}` : `status ${status}`, {
    status,
    problem,
    retryAfter: retryAfter(response.headers.get("retry-after")),
    temporary: TEMPORARY.includes(status),
  });
}

/** The object that a text in JSON is; undefined if it is none. */
export function objectFrom(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds; the header has seconds or a date. */
function retryAfter(value) {
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}

/** No server can make us hold more of an error than is worth showing. */
async function beginning(body) {
  if (!body) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
    if (text.length > BODY_LENGTH_MAX) {
      reader.cancel().catch(() => {});
      return text;
    }
  }
}
