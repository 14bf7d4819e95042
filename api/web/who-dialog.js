// Who somebody in a track or an event is, and that they are not: only ever by a person's click.

import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { notThis } from "./people-api.js";
import { PEOPLE_CHANGED } from "./people-known.js";
import { personName } from "./person-names.js";
import { may } from "./session.js";
import { toast } from "./status.js";

/**
 * What can be said about who is in a track or an event, for who may; null where there is nothing to say.
 * @param {object} item a track or an event, with `person` @param {{event_id: string}|{track: string}} source which it is
 * @param {(person: string|null) => void} after once something was said: who this is called now
 */
export function whoButtons({ person }, source, after) {
  if (!person || !may("people")) return null;
  const click = () => contest(person, source, after);
  const button = el("button", { class: "button", type: "button", on: { click } }, `Not ${personName(person)}`);
  return el("div", { class: "card-actions", dataset: { needs: "people" } }, button);
}

/** Who somebody is, as a link for who may see names; null for nobody. */
export function personLink(id) {
  if (!id) return null;
  return may("people") ? el("a", { href: `#/people/${id}` }, personName(id)) : personName(id);
}

async function contest(person, source, after) {
  const name = personName(person);
  const words = `The name goes from this track, and comes back to it no more.`;
  if (!(await ask(`Not ${name}?`, words, `Not ${name}`, false))) return;
  try {
    await notThis(source, person);
    toast(`This is not ${name} any more.`);
    window.dispatchEvent(new CustomEvent(PEOPLE_CHANGED, { detail: { tracks: true } })); // lists show it, too
    after(null);
  } catch (error) {
    toast(`It could not be taken back: ${error.message}`, "bad");
  }
}
