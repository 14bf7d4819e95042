// "The same as Anna?": a picture that looks like somebody enrolled is enrolled for nobody before that is answered.

import { el } from "./dom.js";
import { face } from "./face.js";
import { getPerson } from "./people-api.js";
import { similarityWords } from "./people-words.js";

/**
 * @param {{id: string, name: string}} person whom it was meant for
 * @param {{person: string, name: string, similarity: number}[]} alike whom it looks like, most alike first
 * @param {Blob} [file] the picture, where it is at hand
 * @returns {Promise<string>} "this": it is `person` all the same; "nobody": it is left out; else the id of another
 */
export function askAlike(person, alike, file) {
  const [first] = alike;
  const url = file ? URL.createObjectURL(file) : null;
  const faces = el("div", { class: "faces" }, url ? face(url, "The new picture") : null);
  getPerson(first.person)
    .then((known) => known?.image_url && faces.append(face(known.image_url, first.name)))
    .catch(() => null); // the name has to do
  const button = (words, value, look = "button") => el("button", { class: look, value }, words);
  const dialog = el(
    "dialog",
    { class: "sheet", "aria-labelledby": "alike-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "alike-title" }, `The same as ${first.name}?`),
      el("p", { class: "quiet" }, `This picture is meant for ${person.name}, and looks like ${namesOf(alike)}.`),
      faces,
      el(
        "div",
        { class: "sheet-actions many" },
        button("Leave the picture out", "nobody"),
        button(`No, it is ${person.name}`, "this"),
        button(`Yes, add it to ${first.name}`, first.person, "button primary"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.returnValue = "nobody";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (url) URL.revokeObjectURL(url);
      dialog.remove();
      resolve(dialog.returnValue || "nobody");
    });
  });
}

const namesOf = (alike) => alike.map(({ name, similarity }) => `${name} (${similarityWords(similarity)})`).join(", ");
