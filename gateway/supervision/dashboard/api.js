/**
 * Requests to the centre's HTTP API: one function a question, and one kind of error.
 *
 * The session travels in an HttpOnly cookie, so no script ever holds it.
 */

const BASE = "/api/v1";
// A request that hangs must not leave a dialog waiting for ever: the operator has to learn that it failed.
const TIMEOUT_MS = 15_000;

/** A request the server refused (`status` > 0) or that did not reach it (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {string} code machine word of the refusal
   * @param {string} message for people
   */
  constructor(status, code, message) {
    super(message || code);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (failure) {
    throw new ApiError(0, "unreachable", String(failure?.message ?? failure));
  }
  const empty = response.status === 204;
  const answer = empty ? null : await response.json().catch(() => undefined);
  if (!response.ok) throw refusal(response.status, answer);
  // A page of something in between, a proxy or a portal, is no answer of the server: least of all "nobody".
  if (answer === undefined) throw new ApiError(0, "unreachable", "the answer cannot be read");
  return answer;
}

function refusal(status, answer) {
  const detail = answer?.detail;
  if (Array.isArray(detail)) return new ApiError(status, "invalid", detail.map((one) => one.msg).join("; "));
  if (typeof detail === "string") return new ApiError(status, "refused", detail);
  return new ApiError(status, detail?.code ?? "failed", detail?.message ?? `HTTP ${status}`);
}

const query = (values) => new URLSearchParams(values).toString();

/** Who is logged in here, or null. */
export const session = () => call("GET", "/session");

/** Log in. */
export const login = (name, password) => call("POST", "/session", { name, password });

/** Log out. */
export const logout = () => call("DELETE", "/session");

/** Replace the own password; every session of the account ends, this one too. */
export const changePassword = (old, fresh) => call("PUT", "/session/password", { old, new: fresh });

/** Every alarm that is not normal or is suppressed, with the stream position it was read at. */
export const alarms = () => call("GET", "/alarms");

/** Every visible point with its last value. */
export const points = () => call("GET", "/points");

/** Every visible gateway with its link. */
export const nodes = () => call("GET", "/nodes");

/**
 * The recent past of one point.
 *
 * @param {string} node
 * @param {string} tag
 * @param {number} minutes
 * @param {boolean} raw also ask the site for single readings; they come later, told by a `readings` event
 */
export const readings = (node, tag, minutes, raw) =>
  call("GET", `/readings?${query({ node, tag, minutes, ...(raw ? { raw: 1 } : {}) })}`);

/**
 * Order an action on an alarm. The answer only says that the order was taken; the site's own event
 * says whether it was applied.
 *
 * @param {object} alarm the row as the operator saw it: its revision is what the order rests on
 * @param {"acknowledge"|"reset"} action
 * @param {string} comment
 */
export const act = (alarm, action, comment) =>
  call("POST", `/alarms/${encodeURIComponent(alarm.node)}/actions`, {
    alarm: alarm.alarm,
    revision: alarm.revision,
    action,
    comment,
  });

/**
 * Record an act of this tier about an alarm: it moves nothing, and the site is told of it.
 *
 * @param {object} alarm the row as the operator saw it
 * @param {"received"|"questioned"|"urged"|"escalated"|"closed"} act
 * @param {string} comment
 * @param {string} id of this act: sent again with it, the act is recorded once
 */
export const record = (alarm, act, comment, id) =>
  call("POST", `/alarms/${encodeURIComponent(alarm.node)}/acts`, {
    alarm: alarm.alarm,
    occurrence: alarm.occurrence,
    act,
    comment,
    id,
  });
