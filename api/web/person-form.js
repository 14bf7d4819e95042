// The forms about one person: a new one, other words about them, pictures, another person who is the same.

import { el } from "./dom.js";
import { addWithPictures, enrolAll } from "./enrolment.js";
import { pictureField } from "./face.js";
import { formDialog } from "./form-dialog.js";
import { changePerson, mergePeople, splitPerson } from "./people-api.js";
import { groupsIn, picturesOf } from "./people-words.js";
import { everybody, everyGroup } from "./person-names.js";

const MOST_NAME = 100;

const field = (words, input, hint = null) =>
  el("label", { class: "field" }, el("span", {}, words), input, hint ? el("small", {}, hint) : null);

const text = (name, value, more) =>
  el("input", { type: "text", name, value, autocomplete: "off", maxLength: MOST_NAME, ...more });

const nameField = (value = "") => field("Name", text("name", value, { required: true }));

function groupField(groups = []) {
  const known = everyGroup();
  const hint = `Separate several by commas.${known.length ? ` There are: ${known.join(", ")}.` : ""}`;
  return field("Groups", text("groups", groups.join(", "), { maxLength: 400, placeholder: "staff, night shift" }), hint);
}

const noteField = (note) => field("Note", text("note", note ?? "", { maxLength: 500 }));

const wishOf = (data) => ({
  name: data.get("name").trim(),
  groups: groupsIn(data.get("groups")),
  note: data.get("note").trim(),
});

const filesOf = (pictures) => pictures.files().map((file) => ({ file }));

/** @param {(id: string, refused: string[]) => void} done with who got the pictures, and what was not taken, in words */
export function addForm(done) {
  const pictures = pictureField("Pictures, each with this face alone", { multiple: true });
  formDialog({
    title: "Add a person",
    words: "Three pictures from different sides name somebody more surely than one. A face needs 64 px at least.",
    yes: "Add",
    fields: [nameField(), groupField(), noteField(), pictures.element],
    submit: async (data) => {
      const { id, refused } = await addWithPictures(wishOf(data), filesOf(pictures));
      return () => done(id, refused);
    },
  });
}

/** @param {(refused: string[]) => void} done with what was not taken, in words */
export function picturesForm(person, done) {
  const pictures = pictureField("Pictures, each with this face alone", { multiple: true });
  formDialog({
    title: `Add pictures of ${person.name}`,
    words: "A face needs 64 px at least, sharp and not turned away.",
    yes: "Add",
    fields: [pictures.element],
    submit: async () => {
      const { taken, refused } = await enrolAll(person, filesOf(pictures));
      if (taken.size === 0) throw new Error(refused.join(" "));
      return () => done(refused);
    },
  });
}

/** @param {() => void} done */
export function changeForm(person, done) {
  const strict = el("input", { type: "checkbox", name: "strict", checked: person.strict === true });
  const words = "Strict: fewer strangers get this name, and some looks of this person go unnamed";
  formDialog({
    title: `Change ${person.name}`,
    yes: "Save",
    fields: [
      nameField(person.name),
      groupField(person.groups),
      noteField(person.note),
      el("label", { class: "check" }, strict, el("span", {}, words)),
    ],
    submit: async (data) => {
      await changePerson(person.id, { ...wishOf(data), strict: data.has("strict") });
      return done;
    },
  });
}

/** @param {() => void} done */
export function mergeForm(person, done) {
  const others = everybody().filter(({ id }) => id !== person.id);
  const select = el("select", { name: "other", required: true }, ...others.map(({ id, name }) => new Option(name, id)));
  formDialog({
    title: `Merge somebody into ${person.name}`,
    words: `Their pictures and sightings become those of ${person.name}. This can be undone.`,
    yes: "Merge",
    fields: [field("Who is the same person", select)],
    submit: async (data) => {
      await mergePeople(person.id, data.get("other"));
      return done;
    },
  });
}

/** @param {number[]} looks the pictures that are of somebody else @param {(person: object) => void} done */
export function splitForm(person, looks, done) {
  formDialog({
    title: `${picturesOf(looks.length)} of somebody else`,
    words: `A new person gets what was chosen; the rest stays with ${person.name}. This can be undone.`,
    yes: "Split",
    fields: [nameField()],
    submit: async (data) => {
      const fresh = await splitPerson(person.id, looks, data.get("name").trim());
      return () => done(fresh);
    },
  });
}
