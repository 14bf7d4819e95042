// "Who is this?": somebody in a track or an event gets a name, or loses one that is wrong. Only ever by a person's click.

import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { addWithPictures, enrolAll } from "./enrolment.js";
import { formDialog } from "./form-dialog.js";
import { notThis } from "./people-api.js";
import { PEOPLE_CHANGED, peopleKnown } from "./people-known.js";
import { everybody, personCalled, personName } from "./person-names.js";
import { may } from "./session.js";
import { toast } from "./status.js";

const NAMES = "who-names"; // id of what the field offers

/**
 * What can be said about who is in a track or an event, for who may; null where there is nothing to say.
 * @param {object} item a track or an event, with `person` @param {{event_id: string}|{track: string}} source of its picture
 * @param {(person: string|null) => void} after once something was said: who this is called now
 */
export function whoButtons(item, source, after) {
  const { person, snapshot_url: crop, track_id: track } = item; // a face is looked for in the crop
  const button = (words, click) => el("button", { class: "button", type: "button", on: { click } }, words);
  const buttons = [
    crop && track !== null ? button(person ? "Add this picture…" : "Who is this?", () => askWho(item, source, after)) : null,
    person ? button(`Not ${personName(person)}`, () => contest(person, source, after)) : null,
  ].filter(Boolean);
  if (!buttons.length || !may("people")) return null;
  return el("div", { class: "card-actions", dataset: { needs: "people" } }, ...buttons);
}

/** Who somebody is, as a link for who may see names; null for nobody. */
export function personLink(id) {
  if (!id) return null;
  return may("people") ? el("a", { href: `#/people/${id}` }, personName(id)) : personName(id);
}

async function askWho(item, source, after) {
  await peopleKnown();
  const name = el("input", { type: "text", name: "name", required: true, autocomplete: "off", maxLength: 100 });
  name.setAttribute("list", NAMES);
  if (item.person) name.value = personName(item.person);
  const hint = el("small", { role: "status" });
  const show = () => {
    const known = personCalled(name.value);
    hint.textContent = !name.value.trim()
      ? "Somebody who is enrolled, or a new name."
      : known
        ? `The picture is added to those of ${known.name}.`
        : `Nobody is called ${name.value.trim()}: a new person is made.`;
  };
  name.addEventListener("input", show);
  show();
  const image = el("img", { src: item.snapshot_url, alt: "The picture that is enrolled" });
  image.addEventListener("error", () => image.remove()); // deleted meanwhile: the server will say so
  formDialog({
    title: "Who is this?",
    words: "Whoever looks like this picture gets the name from now on.",
    yes: "Enrol",
    fields: [
      el("div", { class: "event-image" }, image),
      el("label", { class: "field" }, el("span", {}, "Name"), name, hint),
      el("datalist", { id: NAMES }, ...everybody().map((one) => el("option", { value: one.name }))),
    ],
    submit: async () => {
      const words = await enrolAs(name.value.trim(), source);
      await peopleKnown({ anew: true });
      return () => {
        toast(words);
        after(item.person);
      };
    },
  });
}

/** @returns {Promise<string>} what was done, in words @throws {Error} why it was not */
async function enrolAs(name, source) {
  const known = personCalled(name);
  if (!known) {
    const { id } = await addWithPictures({ name }, [source]);
    await peopleKnown({ anew: true });
    const called = personName(id); // another, where the picture turned out to be theirs
    return called.toLowerCase() === name.toLowerCase() ? `${called} is enrolled.` : `The picture was added to those of ${called}.`;
  }
  const { taken, refused } = await enrolAll(known, [source]);
  if (taken.size === 0) throw new Error(refused.join(" "));
  return `The picture was added to those of ${personName([...taken][0])}.`;
}

async function contest(person, source, after) {
  const name = personName(person);
  const words = `The name goes from this track, and whoever looks like this picture is not called ${name} any more.`;
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
