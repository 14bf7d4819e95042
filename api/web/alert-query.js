// What is chosen on the Alerts page, as the address and as what the server is asked. Pure.

import { RANGES } from "./event-query.js";

/** What may be chosen, as it is called in the address and in the form. */
export const FIELDS = ["state", "severity", "rule", "stream", "person", "range", "since", "until"];

/** @param {string} hash "#/alerts?state=open&rule=crowd" @returns {Record<string, string>} every field, "" if not there */
export function chosenIn(hash) {
  const given = new URLSearchParams(hash.split("?")[1] ?? "");
  return Object.fromEntries(FIELDS.map((name) => [name, given.get(name) ?? ""]));
}

/** The address of a choice; what is not chosen is left out. */
export function addressOf(chosen) {
  const custom = chosen.range === "custom";
  const given = FIELDS.filter((name) => chosen[name] && (custom || !["since", "until"].includes(name)));
  const query = new URLSearchParams(given.map((name) => [name, chosen[name]]));
  return given.length ? `#/alerts?${query}` : "#/alerts";
}

/** The filters of `GET /v1/alerts`; what is not chosen is left out. */
export function filtersOf(chosen, now = Date.now()) {
  const { state, severity, rule, stream, person, range } = chosen;
  const named = RANGES[range];
  const moment = (name) => (range === "custom" && Number.isFinite(Date.parse(chosen[name])) ? chosen[name] : null);
  const [since, until] = [moment("since"), moment("until")].map((text) => text && new Date(text).toISOString());
  const filters = { state, severity, rule, stream, person, since: named ? new Date(now - named).toISOString() : since, until };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
}

/**
 * The same as the filter of `POST /v1/alerts/acknowledge`: of what is there, nothing that came after the newest.
 * @param {number} newestNs when the newest alert was that the page knows of
 */
export function filterBody(filters, newestNs) {
  const { since, until, state, ...lists } = filters;
  const known = new Date(Math.floor(newestNs / 1e6) + 1).toISOString();
  return {
    ...Object.fromEntries(Object.entries(lists).map(([name, value]) => [name, [value]])),
    ...(since && { since }),
    ...(state && { state }),
    until: until && until < known ? until : known,
  };
}
