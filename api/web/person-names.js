// Who people are: their names by id. Events and results say an opaque id; names are learnt by those who may see them.

const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
let known = new Map(); // id → {id, name, groups}
let unknown = false; // whether an id was asked for that nobody has told the name of

/** Takes over who is enrolled, all of them. @param {{id: string, name: string, groups: string[]}[]} people */
export function learnPeople(people) {
  known = new Map(people.map(({ id, name, groups }) => [id, { id, name, groups: groups ?? [] }]));
  unknown = false;
}

/** Takes over what an answer calls those in it. @param {Record<string, string>} [names] by id */
export function learnNames(names = {}) {
  for (const [id, name] of Object.entries(names)) known.set(id, { id, name, groups: known.get(id)?.groups ?? [] });
}

/** @returns {string|null} null for nobody, and for whom this page may not, or does not yet, know */
export function nameOf(id) {
  const name = known.get(id)?.name ?? null;
  unknown ||= Boolean(id) && name === null;
  return name;
}

/** The same, in words where the name is not known: an id tells people nothing. A name, as in addresses, is itself. */
export function personName(id) {
  if (!id) return null;
  return ID.test(id) ? (nameOf(id) ?? "Somebody enrolled") : id;
}

/** Everybody whose name is known, by name. */
export const everybody = () => [...known.values()].sort((a, b) => a.name.localeCompare(b.name));

/** The groups that they are in. */
export const everyGroup = () => [...new Set(everybody().flatMap(({ groups }) => groups))].sort();

/** Whether somebody has been asked for since whose name is to be learnt. */
export const someUnknown = () => unknown;

/** Somebody by name, whatever the case. @param {string} name */
export const personCalled = (name) =>
  everybody().find((one) => one.name.toLowerCase() === name.trim().toLowerCase()) ?? null;
