// Calls to the HTTP API. Every failure becomes an ApiError whose message is a sentence for a person.

const TIMEOUT_MS = 8000;

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
    throw new ApiError("The server cannot be reached.");
  }
  if (!response.ok) throw await problemOf(response);
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
  return new ApiError(words || `The server answered ${response.status}.`, response.status, problem.type);
}

const json = async (path, options) => (await request(path, options)).json();

const streamPath = (id) => `/v1/streams/${encodeURIComponent(id)}`;

/** @returns {Promise<object[]>} the streams (StreamView) */
export async function listStreams(signal) {
  return (await json("/v1/streams", { signal })).streams;
}

/** @returns {Promise<object[]>} every version of every model, each with its `card` */
export async function listModels() {
  return (await json("/v1/models")).models;
}

export function addStream(config) {
  return json("/v1/streams", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(config),
    timeoutMs: 20000,
  });
}

export const removeStream = (id) => request(streamPath(id), { method: "DELETE", timeoutMs: 20000 });

/** Newest analysed picture, at most `width` pixels across: `{blob, session, ptsUs}`; null where there is none yet. */
export async function snapshot(id, { overlay = false, width, signal, timeoutMs = 5000 } = {}) {
  const query = new URLSearchParams({ overlay: overlay ? 1 : 0, ...(width && { width }) });
  try {
    const response = await request(`${streamPath(id)}/snapshot.jpg?${query}`, { signal, timeoutMs });
    return {
      blob: await response.blob(),
      session: response.headers.get("x-livesight-session") ?? "",
      ptsUs: Number(response.headers.get("x-livesight-pts-us") ?? NaN),
    };
  } catch (error) {
    if (error instanceof ApiError && [404, 503].includes(error.status)) return null;
    throw error;
  }
}

/** Readiness: `{state: "ready"|"degraded"|"down", reasons: string[]}`; never throws for a 503. */
export async function readiness(signal) {
  let response;
  try {
    response = await fetch("/readyz", { cache: "no-store", signal: signal ?? AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return { state: "down", reasons: ["The server cannot be reached."] };
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
