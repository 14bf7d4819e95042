// Calls to the HTTP API. Every failure becomes an ApiError whose message is a sentence for a person.

import { learnWords } from "./label-words.js";
import { learnNames } from "./person-names.js";

const TIMEOUT_MS = 8000;
const UNAUTHENTICATED = "urn:livesight:problem:unauthenticated";

/** What the window is told when an answer says that nobody is signed in (any more). */
export const SIGNED_OUT = "livesight-signed-out";

export class ApiError extends Error {
  /** @param {string} message in words @param {number} status HTTP status, 0 when no answer came @param {string} type */
  constructor(message, status = 0, type = "about:blank") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
  }
}

/** Answers the Response if it is a success, throws ApiError otherwise (an RFC 9457 problem is read for its words). */
export async function request(path, { timeoutMs = TIMEOUT_MS, signal, ...options } = {}) {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response;
  try {
    response = await fetch(path, {
      cache: "no-store",
      ...options,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (timeout.aborted) throw new ApiError("The server did not answer in time.");
    throw new ApiError("The server is unreachable.");
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.type === UNAUTHENTICATED) window.dispatchEvent(new Event(SIGNED_OUT));
    throw problem;
  }
  return response;
}

async function problemOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // a proxy's page, or nothing: the status alone has to do
  }
  const words = typeof problem.detail === "string" ? problem.detail : problem.title;
  const error = new ApiError(words || `The server answered ${response.status}.`, response.status, problem.type);
  error.suggestion = problem.suggestion ?? null; // a URL as it was probably meant
  error.problem = problem; // with whatever else it says
  return error;
}

export const json = async (path, options) => (await request(path, options)).json();

const streamPath = (id) => `/v1/streams/${encodeURIComponent(id)}`;

/** @returns {object} options of a request with that body */
export const asJson = (method, body) => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  timeoutMs: 20000,
});

/** @returns {Promise<{mode: string, signed_in: boolean, id: string, name: string, actions: string[], setup: boolean,
 *  insecure: boolean, scopes: Record<string, string[]>, password_length: number|null}>} who this page is */
export const whoAmI = () => json("/v1/session");

export const signIn = (name, password) => json("/v1/login", asJson("POST", { name, password }));

export const setUp = (token, name, password) => json("/v1/setup", asJson("POST", { token, name, password }));

/** @returns {Promise<string|null>} where the browser goes to sign out there too, if it signed in at a provider */
export async function signOut(everywhere) {
  const response = await request("/v1/logout", asJson("POST", { everywhere }));
  return response.status === 200 ? (await response.json()).continue_at : null;
}

/** Of one's own account; the other sessions end. */
export const changePassword = (old, fresh) => request("/v1/session/password", asJson("POST", { old, new: fresh }));

/** @param {{what?: string, principal?: string, stream?: string, before?: number|null}} wanted newest first */
export const listAudit = (wanted) =>
  json(`/v1/audit?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== "" && value !== null))}`);

export const verifyAudit = () => json("/v1/audit/verification", { timeoutMs: 60_000 });

/** @returns {Promise<object[]>} the accounts of people */
export const listUsers = async () => (await json("/v1/users")).users;

export const addUser = (user) => json("/v1/users", asJson("POST", user));

/** @param {{disabled?: boolean, grants?: object[], password?: string}} changes */
export const changeUser = (id, changes) => json(`/v1/users/${id}`, asJson("PATCH", changes));

export const removeUser = (id) => request(`/v1/users/${id}`, { method: "DELETE" });

/** @returns {Promise<object[]>} the accounts of programs, each with its `keys` */
export const listServiceAccounts = async () => (await json("/v1/service-accounts")).service_accounts;

export const addServiceAccount = (account) => json("/v1/service-accounts", asJson("POST", account));

/** @param {{disabled?: boolean, grants?: object[]}} changes */
export const changeServiceAccount = (id, changes) => json(`/v1/service-accounts/${id}`, asJson("PATCH", changes));

export const removeServiceAccount = (id) => request(`/v1/service-accounts/${id}`, { method: "DELETE" });

/** @param {{name: string, days: number|null}} wish @returns {Promise<object>} the key, its secret as `key` */
export const addKey = (id, wish) => json(`/v1/service-accounts/${id}/keys`, asJson("POST", wish));

export const revokeKey = (id, key) => request(`/v1/service-accounts/${id}/keys/${key}`, { method: "DELETE" });

/** @returns {Promise<object[]>} the streams (StreamView) */
export async function listStreams(signal) {
  return (await json("/v1/streams", { signal })).streams;
}

/** @returns {Promise<object[]>} every version of every model, each with its `card`; what labels are called is learnt */
export async function listModels() {
  const { models } = await json("/v1/models");
  learnWords(models);
  return models;
}

/** @param {number|null} version null: the one before. `where` to ask after it; null when it is `done` already */
export async function beginPromotion(name, version) {
  const options = version === null ? { method: "POST", timeoutMs: 20000 } : asJson("POST", { version });
  const path = `/v1/models/${encodeURIComponent(name)}/${version === null ? "rollback" : "promote"}`;
  const response = await request(path, { ...options, headers: { ...options.headers, prefer: "wait=0" } });
  if (response.status !== 202) return { where: null, done: await response.json() };
  return { where: response.headers.get("location"), done: null };
}

/** How a promotion fares: `{state: "running"|"done"|"refused", promotion, problem}`. */
export const promotionStatus = (where) => json(where);

export const addStream = (config) => json("/v1/streams", asJson("POST", config));

/** @param {{url?: string, models?: string[], enabled?: boolean}} changes */
export const changeStream = (id, changes) => json(streamPath(id), asJson("PATCH", changes));

/** The whole address of a camera, for who may change it: `{url, user, has_password}`. */
export const streamAddress = (id) => json(`${streamPath(id)}/address`);

export const removeStream = (id) => request(streamPath(id), { method: "DELETE", timeoutMs: 20000 });

/** The newest analysed frame as a JPEG Blob; null where there is none yet. */
export async function snapshot(id, { overlay = false } = {}) {
  try {
    return await (await request(`${streamPath(id)}/snapshot.jpg?overlay=${overlay ? 1 : 0}`)).blob();
  } catch (error) {
    if (error instanceof ApiError && [404, 503].includes(error.status)) return null;
    throw error;
  }
}

/** Opens a camera's URL and returns its first frame as a Blob, without adding it. @throws {ApiError} why not */
export async function testStream(camera, signal) {
  const options = { ...asJson("POST", camera), signal, timeoutMs: 45000 };
  return (await request("/v1/streams/test", options)).blob();
}

/** What a route answers, or null where this service has no such route. */
export async function ifThere(path, signal) {
  try {
    return await json(path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

// what the role monitor has; null where no process has it

export const queried = (path, filters) => {
  const pairs = Array.isArray(filters) ? filters : Object.entries(filters); // of pairs a name may come several times
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
};

/** What an answer calls the people in it is learnt. */
export async function named(asked) {
  const answer = await asked;
  learnNames(answer?.names);
  return answer;
}

/** @returns {Promise<{events: object[], next: string|null}|null>} newest first */
export const listEvents = (filters, signal) => named(ifThere(queried("/v1/events", filters), signal));

/** @returns {Promise<{tracks: object[], next: string|null}|null>} those that began last first */
export const listTracks = (filters, signal) => named(ifThere(queried("/v1/tracks", filters), signal));

/** @returns {Promise<object|null>} with its `events` */
export const getTrack = (id) => named(ifThere(`/v1/tracks/${id}`));

/** @returns {Promise<{counts: object[]}|null>} */
export const eventCounts = (filters, signal) => ifThere(queried("/v1/events/counts", filters), signal);

/**
 * What was seen in a clip's frames. @param {string} url of the clip
 * @returns {Promise<{fromUs: number, results: object[]}|null>} the `pts_us` of its first frame, and `livesight.frame/1` in
 *  order; null where it was stored without
 */
export async function clipResults(url) {
  try {
    const response = await request(`${url}/results`, { timeoutMs: 20000 });
    const lines = (await response.text()).split("\n").filter(Boolean);
    return { fromUs: Number(response.headers.get("x-livesight-from-us")), results: lines.map((line) => JSON.parse(line)) };
  } catch (error) {
    if (error instanceof ApiError && error.type === "urn:livesight:problem:clip-without-results") return null;
    throw error;
  }
}

/** @returns {Promise<{alerts: object[], next: string|null}|null>} newest first */
export const listAlerts = (filters, signal) => named(ifThere(queried("/v1/alerts", filters), signal));

export const acknowledgeAlert = (id) => json(`/v1/alerts/${id}/acknowledge`, asJson("POST", {}));

/** @param {{ids: string[]}|{filter: object}} which @returns {Promise<{acknowledged: number, more: boolean}>} */
export const acknowledgeAlerts = (which) => json("/v1/alerts/acknowledge", asJson("POST", which));

/** Has what was given up told after all. */
export const tellAgain = (id, target) =>
  json(`/v1/alerts/${id}/deliveries/${encodeURIComponent(target)}/retry`, asJson("POST", {}));

export const testTarget = (name) => request(`/v1/alerts/test/${encodeURIComponent(name)}`, asJson("POST", {}));

/** Has a camera's reference be learnt anew. */
export const commission = (stream) => request(`/v1/drift/${encodeURIComponent(stream)}/commission`, asJson("POST", {}));

const zonesPath = (id) => `/v1/zones/${encodeURIComponent(id)}`;

/** @param {{zones: object[], lines: object[]}} scene in place of what was there */
export const putScene = (id, scene) => json(zonesPath(id), asJson("PUT", { stream_id: id, ...scene }));

export const deleteScene = (id) => request(zonesPath(id), { method: "DELETE" });

const tagsPath = (id) => `${streamPath(id)}/tags`;

/** The tags that a camera was taught. @returns {Promise<object[]>} */
export const listTags = async (id) => (await json(tagsPath(id))).tags;

/** The camera's newest frame shows what the tag says, or does not. @returns {Promise<object>} the tag as it is now */
export const teachTag = (id, name, present) =>
  json(`${tagsPath(id)}/${encodeURIComponent(name)}/examples`, { ...asJson("POST", { present }), timeoutMs: 20000 });

export const forgetTag = (id, name) => request(`${tagsPath(id)}/${encodeURIComponent(name)}`, { method: "DELETE" });

const rulePath = (name) => `/v1/rules/${encodeURIComponent(name)}`;

export const putRule = (rule) => json(rulePath(rule.name), asJson("PUT", rule));

/** What a rule would have raised. @returns {Promise<{count: number|null, alerts: object[], gaps: string[]}>} */
export const tryRule = ({ name, ...rule }, days, limit) =>
  json(`/v1/rules/try?days=${days}&limit=${limit}`, asJson("POST", name ? { name, ...rule } : rule));

export const deleteRule = (name) => request(rulePath(name), { method: "DELETE" });

export const metricsText = async (signal) => (await request("/metrics", { signal })).text();

/** How long things are kept: `{limits: [{limit, most, per_day, kept_s, set_s}], disk, notes}`. */
export const retention = (signal) => json("/v1/retention", { signal });

/** Readiness: `{state: "ready"|"degraded"|"down", reasons: string[]}`; never throws for a 503. */
export async function readiness(signal) {
  let response;
  try {
    response = await fetch("/readyz", { cache: "no-store", signal: signal ?? AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return { state: "down", reasons: ["The server is unreachable."] };
  }
  let body = {};
  try {
    body = await response.json();
  } catch {
    // a plain-text answer: the status says enough
  }
  const reasons = (body.reasons ?? []).map(String);
  if (!response.ok) return { state: "down", reasons };
  return { state: body.status === "degraded" || reasons.length ? "degraded" : "ready", reasons };
}

/** Offers SDP to a stream's WHIP endpoint: `{answer, resource}`; resource is the URL to DELETE. */
export async function whipOffer(id, sdp) {
  const response = await request(`${streamPath(id)}/whip`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: sdp,
    timeoutMs: 15000,
  });
  const location = response.headers.get("location");
  return {
    answer: await response.text(),
    resource: location ? new URL(location, response.url).href : null,
  };
}

/** Ends a WHIP session. `keepalive` lets it outlive the page. */
export const whipEnd = (resource) => request(resource, { method: "DELETE", keepalive: true });
