// From what the address of the Events page says to what the server is asked. Pure.
//
// The address has the names of the API (`stream=gate&label=with_mask&label=…`), and besides `range` (until now) and
// `view`. So an address that is kept, sent to somebody or gone back to shows the same.

const HOUR_MS = 3600e3;
export const RANGES = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS };
export const USUAL_RANGE = "24h";

/** What filters both, and what filters one of the two. */
const SHARED = [
  ...["range", "since", "until", "stream", "label", "zone", "line", "direction", "person", "rule", "severity"],
  ...["session", "track", "min_confidence"],
];
const OWN = { tracks: ["min_duration_s", "has_alert", "in_view"], events: ["kind", "alert"] };
const REPEATABLE = new Set(["stream", "label", "zone", "line", "direction", "person", "rule", "severity", "kind"]);

/** "tracks", or "events" for single ones. @param {URLSearchParams} said */
export const viewOf = (said) => (said.get("view") === "events" ? "events" : "tracks");

/** Whether something is filtered by that only tracks have. */
export const hasTracksOnly = (said) => OWN.tracks.some((name) => said.get(name));

export const namesOf = (view) => [...SHARED, ...OWN[view]];

/** What the address says: what its view does not know is left out. @param {string} hash "#/events?stream=gate" */
export function saidIn(hash) {
  const given = new URLSearchParams(hash.split("?")[1] ?? "");
  return narrowed(given, viewOf(given));
}

/** What holds in a view of what was said in another. */
export function narrowed(given, view) {
  const said = new URLSearchParams(view === "events" ? { view } : {});
  for (const name of namesOf(view)) {
    const values = [...new Set(given.getAll(name).filter(Boolean))];
    for (const value of REPEATABLE.has(name) ? values : values.slice(0, 1)) said.append(name, value);
  }
  if (said.get("range") === USUAL_RANGE || !RANGES[said.get("range")] || said.get("since") || said.get("until"))
    said.delete("range");
  return said;
}

/** @param {URLSearchParams} said as `narrowed` gives it */
export const addressOf = (said) => (said.size ? `#/events?${said}` : "#/events");

const isCustom = (said) => Boolean(said.get("since") || said.get("until"));

/** From and to in milliseconds since 1970. */
export function rangeOf(said, now = Date.now()) {
  if (!isCustom(said)) return [now - RANGES[said.get("range") ?? USUAL_RANGE], now];
  const [since, until] = ["since", "until"].map((name) => Date.parse(said.get(name) ?? ""));
  const end = Number.isFinite(until) ? until : now;
  return [Number.isFinite(since) && since < end ? since : end - RANGES[USUAL_RANGE], end];
}

/** Filters of `GET /v1/tracks` or `/v1/events`, as pairs; a name may come several times. */
export function queryOf(said, now = Date.now()) {
  const [since, until] = rangeOf(said, now);
  const pairs = [["since", new Date(since).toISOString()]];
  if (said.get("until")) pairs.push(["until", new Date(until).toISOString()]);
  const others = new Set(namesOf(viewOf(said)).filter((name) => !["range", "since", "until"].includes(name)));
  return [...pairs, ...[...said].filter(([name]) => others.has(name))];
}

/** Filters of a live feed, which knows no times. */
export const liveQueryOf = (said) => queryOf(said).filter(([name]) => !["since", "until"].includes(name));

/** Filters of events in the time and of the things that are shown, for CSV and counts: what only tracks have is left. */
export function eventQueryOf(said, now = Date.now()) {
  return queryOf(said, now).filter(([name]) => !OWN.tracks.includes(name));
}

/** The query of `GET /v1/events/counts`: whole hours, which the server has counted already, and bars not too many. */
export function countQueryOf(said, now = Date.now()) {
  const [since, until] = rangeOf(said, now);
  const hours = (until - since) / HOUR_MS;
  const bucket = hours <= 3 ? "minute" : hours <= 24 * 4 ? "hour" : "day";
  const whole = bucket === "minute" ? since : Math.floor(since / HOUR_MS) * HOUR_MS;
  const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const filters = eventQueryOf(said, now).filter(([name]) => name !== "since");
  return [["since", new Date(whole).toISOString()], ...filters, ["bucket", bucket], ["by", "kind"], ["tz", tz]];
}
