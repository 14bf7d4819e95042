// Who is in a picture: those enrolled who look like it, and where they were seen. The server writes every search down.

import { el } from "./dom.js";
import { trackRow } from "./event-rows.js";
import { face, pictureField } from "./face.js";
import { searchPeople } from "./people-api.js";
import { similarityWords } from "./people-words.js";
import { TrackDialog } from "./track-dialog.js";

const WORDS = "Who is enrolled and looks like the face in this picture. The picture is not kept; that you searched is written down.";

/** Asks for a picture, and shows what was found in the same dialog. */
export function searchForm() {
  const picture = pictureField("Picture with one face");
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const found = el("div", { class: "found", role: "status" });
  const button = el("button", { class: "button primary", type: "submit" }, "Search");
  const close = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close");
  const form = el(
    "form",
    { on: { submit: (event) => search(event) } },
    el("h2", { id: "people-search-title" }, "Search by a picture"),
    el("p", { class: "quiet" }, WORDS),
    picture.element,
    error,
    found,
    el("div", { class: "sheet-actions" }, close, button),
  );
  const attributes = { class: "sheet", "aria-labelledby": "people-search-title", on: { close: () => dialog.remove() } };
  const dialog = el("dialog", attributes, form);

  async function search(event) {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    found.replaceChildren(el("p", { class: "quiet" }, "Searching…"));
    try {
      found.replaceChildren(...resultOf(await searchPeople(picture.files()[0])));
    } catch (problem) {
      found.replaceChildren();
      error.textContent = problem.message;
      error.hidden = false;
    }
    button.disabled = false;
  }

  document.body.append(dialog);
  dialog.showModal();
}

function resultOf({ people, tracks = [] }) {
  const named = people.filter((one) => one.named);
  const title = named.length ? `This is ${named[0].name}, as far as can be told.` : "Nobody who is enrolled.";
  const dialog = new TrackDialog();
  return [
    el("p", {}, el("strong", {}, title)),
    el("ul", { class: "alike" }, ...people.map(row)),
    tracks.length ? el("h3", {}, "Seen lately") : "",
    el("ol", { class: "events" }, ...tracks.map((track) => trackRow(track, (one) => dialog.open(one)))),
  ];
}

function row({ person, name, similarity, threshold, named, image_url: url }) {
  const words = `${similarityWords(similarity)} alike, ${similarityWords(threshold)} needed`;
  return el(
    "li",
    {},
    face(url),
    el(
      "span",
      {},
      el("a", { href: `#/people/${person}` }, named ? el("strong", {}, name) : name),
      el("meter", { min: 0, max: 1, low: threshold, optimum: 1, value: Math.max(0, similarity), "aria-hidden": "true" }),
      el("small", { class: "quiet" }, named ? words : `${words}: not named`),
    ),
  );
}
