// Enrolling pictures: what looks like somebody else is asked about, and nobody is left over without a picture.

import { askAlike } from "./alike-dialog.js";
import { addLook, addPerson, alikeIn, erasePerson } from "./people-api.js";

/**
 * Enrols a picture, and asks where it looks like somebody else.
 * @param {{id: string, name: string}} person
 * @param {{file: Blob}|{event_id: string}|{track: string}} source
 * @returns {Promise<{taken: string|null, words: string|null}>} the id of who got it, or why nobody did
 */
async function enrol(person, source) {
  try {
    await addLook(person.id, source);
    return { taken: person.id, words: null };
  } catch (error) {
    const alike = alikeIn(error);
    if (!alike?.length) return { taken: null, words: error.message };
    const answer = await askAlike(person, alike, source.file);
    if (answer === "nobody") return { taken: null, words: `It looks like ${alike[0].name}, and was left out.` };
    const taken = answer === "this" ? person.id : answer;
    try {
      await addLook(taken, source, true);
      return { taken, words: null };
    } catch (again) {
      return { taken: null, words: again.message };
    }
  }
}

/**
 * Enrols pictures one after the other.
 * @returns {Promise<{taken: Set<string>, refused: string[]}>} who got any, and why others were not taken
 */
export async function enrolAll(person, sources) {
  const taken = new Set();
  const refused = [];
  for (const source of sources) {
    const outcome = await enrol(person, source);
    if (outcome.taken) taken.add(outcome.taken);
    else refused.push(source.file?.name ? `${source.file.name}: ${outcome.words}` : outcome.words);
  }
  return { taken, refused };
}

/**
 * A new person with pictures. Where none is theirs they are not kept: nobody could be recognised by nothing.
 * @param {{name: string, groups?: string[], note?: string}} wish
 * @returns {Promise<{id: string, refused: string[]}>} who got the pictures @throws {Error} why no picture was taken
 */
export async function addWithPictures(wish, sources) {
  const person = await addPerson(wish);
  const { taken, refused } = await enrolAll(person, sources);
  if (taken.has(person.id)) return { id: person.id, refused };
  await erasePerson(person.id).catch(() => null); // what matters is why
  if (taken.size === 0) throw new Error(refused.join(" "));
  return { id: [...taken][0], refused };
}
