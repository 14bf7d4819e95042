// The forms about one person: other words about them, another person who is the same, one who is not.

import { el } from "./dom.js";
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
