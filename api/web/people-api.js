// Calls about people (`/v1/people`), as in api.js; null where no process has the role monitor.

import { asJson, ifThere, json, named, queried, request } from "./api.js";

const UPLOAD_MS = 60_000; // a face model may be loaded first
const ALIKE = "urn:livesight:problem:looks-alike";

const pathOf = (id, rest = "") => `/v1/people/${encodeURIComponent(id)}${rest}`;

/**
 * @param {{q?: string, group?: string, limit?: number, cursor?: string|null}} filters
 * @returns {Promise<{people: object[], next: string|null, groups: string[], undo: string|null}|null>} by name
 */
export const listPeople = (filters, signal) => ifThere(queried("/v1/people", filters), signal);

/** @returns {Promise<object|null>} with its `looks`; null where there is nobody of that id */
export const getPerson = (id, signal) => ifThere(pathOf(id), signal);

/** @param {{name: string, groups?: string[], note?: string}} person @throws {ApiError} 409: the name is taken */
export const addPerson = (person) => json("/v1/people", asJson("POST", person));

/** @param {{name?: string, groups?: string[], note?: string, strict?: boolean}} changes */
export const changePerson = (id, changes) => json(pathOf(id), asJson("PATCH", changes));

export const erasePerson = (id) => request(pathOf(id), { method: "DELETE", timeoutMs: 60_000 });

/** How the API takes a picture: a file, or the image of an event or a track. */
function pictureBody(source) {
  if (!source.file) return asJson("POST", source);
  const body = new FormData();
  body.append("file", source.file);
  return { method: "POST", body };
}

/**
 * Enrols a picture. @param {{file: Blob}|{event_id: string}|{track: string}} source
 * @param {boolean} confirmed though it looks like somebody else
 * @returns {Promise<object>} @throws {ApiError} why it was not taken, in words; see `alikeIn`
 */
export const addLook = (id, source, confirmed = false) =>
  json(queried(pathOf(id, "/looks"), confirmed ? { confirmed } : {}), { ...pictureBody(source), timeoutMs: UPLOAD_MS });

/** Whom a picture that was not taken looks like: `[{person, name, similarity}]`; null where it failed otherwise. */
export const alikeIn = (error) => (error.type === ALIKE ? (error.problem?.alike ?? []) : null);

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

/** Who is in a picture. @returns {Promise<{people: object[], tracks: object[]}>} */
export const searchPeople = (file) =>
  json("/v1/people/search", { ...pictureBody({ file }), timeoutMs: UPLOAD_MS });
