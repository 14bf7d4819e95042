// From what is chosen on the Events page to what the server is asked. Pure.

const HOUR_MS = 3600e3;
export const RANGES = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS };

/** From and to in milliseconds since 1970. @param {FormData} chosen */
export function rangeOf(chosen, now = Date.now()) {
  const named = RANGES[chosen.get("range")];
  if (named) return [now - named, now];
  const [since, until] = ["since", "until"].map((name) => Date.parse(chosen.get(name) ?? ""));
  const end = Number.isFinite(until) ? until : now;
  return [Number.isFinite(since) && since < end ? since : end - RANGES["24h"], end];
}

/** The query of `GET /v1/events`; what is not chosen is left out. */
export function queryOf(chosen, now = Date.now()) {
  const [since, until] = rangeOf(chosen, now);
  const custom = chosen.get("range") === "custom";
  const filters = {
    since: new Date(since).toISOString(),
    until: custom ? new Date(until).toISOString() : null,
    min_confidence: chosen.get("confidence"),
    ...Object.fromEntries(["stream", "kind", "label", "zone"].map((name) => [name, chosen.get(name)])),
  };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
}

/** The query of `GET /v1/events/counts`: whole hours, which the server has counted already, and bars not too many. */
export function countQueryOf(chosen, now = Date.now()) {
  const [since, until] = rangeOf(chosen, now);
  const hours = (until - since) / HOUR_MS;
  const bucket = hours <= 3 ? "minute" : hours <= 24 * 4 ? "hour" : "day";
  const whole = bucket === "minute" ? since : Math.floor(since / HOUR_MS) * HOUR_MS;
  const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { ...queryOf(chosen, now), since: new Date(whole).toISOString(), bucket, by: "kind", tz };
}
