// Calls about people (`/v1/people`), as in api.js; null where no process has the role monitor.

import { asJson, ifThere, json, named, queried, request } from "./api.js";

const pathOf = (id, rest = "") => `/v1/people/${encodeURIComponent(id)}${rest}`;

/**
 * @param {{q?: string, group?: string, limit?: number, cursor?: string|null}} filters
 * @returns {Promise<{people: object[], next: string|null, groups: string[], undo: string|null}|null>} by name
 */
export const listPeople = (filters, signal) => ifThere(queried("/v1/people", filters), signal);

/** @returns {Promise<object|null>} with its `looks`; null where there is nobody of that id */
export const getPerson = (id, signal) => ifThere(pathOf(id), signal);

/** @param {{name?: string, groups?: string[], note?: string, strict?: boolean}} changes */
export const changePerson = (id, changes) => json(pathOf(id), asJson("PATCH", changes));

export const erasePerson = (id) => request(pathOf(id), { method: "DELETE", timeoutMs: 60_000 });

export const removeLook = (id, n) => request(pathOf(id, `/looks/${n}`), { method: "DELETE" });

/** `other` becomes part of `id`. */
export const mergePeople = (id, other) => json(pathOf(id, "/merge"), asJson("POST", { other }));

/** Some of somebody's pictures are of somebody else. @param {number[]} looks @returns {Promise<object>} the new person */
export const splitPerson = (id, looks, name) => json(pathOf(id, "/split"), asJson("POST", { looks, name }));

/** Takes the newest change back. @returns {Promise<{undone: string}>} what it was, in words */
export const undoPeople = () => json("/v1/people/undo", asJson("POST", {}));

/** Keeps a counter-example. @param {{event_id: string}|{track: string}} source */
export const notThis = (source, person) => request("/v1/people/not-this", asJson("POST", { ...source, person }));

/** When and where somebody was seen. @returns {Promise<{tracks: object[], next: string|null}|null>} */
export const sightings = (id, filters, signal) => named(ifThere(queried(pathOf(id, "/sightings"), filters), signal));
