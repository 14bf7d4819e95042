// One person: how surely they are recognised, their pictures, and when and where they were seen.

import { forget } from "./ask-history.js";
import { ask } from "./confirm.js";
import { el, icon } from "./dom.js";
import { face } from "./face.js";
import { erasePerson, removeLook } from "./people-api.js";
import { lookWords, picturesOf, similarityWords, thresholdWords } from "./people-words.js";
import { changeForm, mergeForm, picturesForm, splitForm } from "./person-form.js";
import { everybody } from "./person-names.js";
import { PersonSightings } from "./person-sightings.js";
import { may } from "./session.js";
import { toast } from "./status.js";

export class PersonView {
  #place;
  #changed;
  #person = null;
  #chosen = new Set(); // numbers of pictures
  #sightings = new PersonSightings();
  #looks = el("section", { class: "card", "aria-labelledby": "looks-title" });

  /** @param {HTMLElement} place @param {(anew?: boolean) => void} changed something of the person, or of others */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
  }

  hide() {
    this.#sightings.hide();
    this.#person = null;
    this.#chosen.clear();
    this.#place.hidden = true;
  }

  /** @param {object} person of `GET /v1/people/{id}` */
  show(person) {
    if (person.id !== this.#person?.id) this.#chosen.clear();
    this.#person = person;
    this.#place.hidden = false;
    this.#drawLooks();
    this.#place.replaceChildren(this.#head(), this.#recognised(), this.#looks, this.#sightings.element);
    this.#sightings.show(person);
  }

  #head() {
    const person = this.#person;
    const button = (words, what, click, needs) =>
      el("button", { class: "button", type: "button", dataset: { needs }, on: { click } }, icon(what), words);
    return el(
      "header",
      { class: "person-head" },
      face(person.image_url),
      el(
        "div",
        { class: "person-who" },
        el("h2", { tabIndex: -1 }, person.name),
        el("ul", { class: "chips" }, ...person.groups.map((group) => el("li", {}, group))),
        person.note ? el("p", { class: "quiet" }, person.note) : null,
      ),
      el(
        "div",
        { class: "card-actions" },
        button("Change", "edit", () => changeForm(person, () => this.#changed()), "people"),
        everybody().length > 1 ? button("Merge", "people", () => mergeForm(person, () => this.#changed()), "people") : null,
        button("Erase", "trash", () => this.#erase(), "erase"),
      ),
    );
  }

  #recognised() {
    const { alike = [], counter_examples: counters = 0 } = this.#person;
    return el(
      "section",
      { class: "card", "aria-labelledby": "recognised-title" },
      el("h2", { id: "recognised-title" }, "Recognition"),
      el("p", {}, thresholdWords(this.#person)),
      this.#person.strict ? el("p", { class: "quiet" }, "Strict: fewer strangers get this name.") : null,
      alike.length
        ? el("p", { class: "quiet" }, `Looks like ${alike.map(({ name, similarity }) => `${name} (${similarityWords(similarity)})`).join(", ")}. That raises the threshold.`)
        : null,
      counters
        ? el("p", { class: "quiet" }, `${counters === 1 ? "1 look" : `${counters} looks`} turned out to be somebody else; what is like that does not get this name.`)
        : null,
    );
  }

  #drawLooks() {
    const { looks, name } = this.#person;
    const chosen = this.#chosen.size;
    const some = (words, click, fits, needs) =>
      el("button", { class: "button", type: "button", disabled: !fits, dataset: { needs }, on: { click } }, words);
    const add = el(
      "button",
      { class: "button primary", type: "button", dataset: { needs: "enrol" }, on: { click: () => this.#add() } },
      icon("plus"),
      "Add pictures",
    );
    this.#looks.replaceChildren(
      el("div", { class: "camera-head" }, el("h2", { id: "looks-title" }, picturesOf(looks.length)), add),
      el("ul", { class: "looks" }, ...looks.map((look) => this.#look(look, name))),
      looks.length
        ? el(
            "div",
            { class: "card-actions" },
            some("Somebody else…", () => this.#split(), chosen > 0 && chosen < looks.length, "people"),
            some("Remove", () => this.#remove(), chosen > 0, "erase"),
          )
        : "",
    );
  }

  #look(look, name) {
    const { n, image_url: url, created_at_ns: at } = look;
    const words = lookWords(look);
    const box = el("input", {
      type: "checkbox",
      checked: this.#chosen.has(n),
      "aria-label": `Picture of ${name}, ${words}`,
      on: { change: ({ currentTarget }) => this.#choose(n, currentTarget.checked) },
    });
    return el(
      "li",
      {},
      el("label", {}, may("people") ? box : null, face(url)),
      el("small", { class: "quiet" }, words, el("br"), new Date(at / 1e6).toLocaleDateString()),
    );
  }

  #choose(n, on) {
    if (on) this.#chosen.add(n);
    else this.#chosen.delete(n);
    this.#drawLooks();
    this.#looks.querySelectorAll(".looks input")[this.#person.looks.findIndex((look) => look.n === n)]?.focus();
  }

  #add() {
    picturesForm(this.#person, (refused) => {
      if (refused.length) toast(refused.join(" "), "bad");
      this.#changed();
    });
  }

  #split() {
    splitForm(this.#person, [...this.#chosen], (fresh) => {
      this.#chosen.clear();
      toast(`${fresh.name} is a person of their own now.`);
      this.#changed();
    });
  }

  async #remove() {
    const { id, name } = this.#person;
    const words = picturesOf(this.#chosen.size);
    if (!(await ask(`Remove ${words} of ${name}?`, `${name} is recognised by the others from now on.`, "Remove"))) return;
    try {
      for (const n of this.#chosen) await removeLook(id, n);
      this.#chosen.clear();
    } catch (error) {
      toast(`Not all could be removed: ${error.message}`, "bad");
    }
    this.#changed();
  }

  async #erase() {
    const { id, name } = this.#person;
    const words = `The pictures go, and ${name} is named nowhere any more, also not in what was recorded. Alerts that were sent are not called back. This cannot be undone.`;
    if (!(await ask(`Erase ${name}?`, words, "Erase"))) return;
    try {
      await erasePerson(id);
      forget(); // answers of the Ask page may name them
      toast(`${name} was erased.`);
      location.hash = "#/people";
    } catch (error) {
      toast(`${name} could not be erased: ${error.message}`, "bad");
    }
    this.#changed();
  }
}
