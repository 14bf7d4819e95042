// Which models look at a camera: detectors, and the classifiers that apply to what those find.

import { listModels } from "./api.js";
import { el } from "./dom.js";
import { labelName } from "./label-words.js";

const MOST_LABELS = 6;
const FIRST = "mask";

/** Some labels as a line. @param {string} [model] whose they are */
function labelWords(labels, model) {
  const more = labels.length - MOST_LABELS;
  return labels.slice(0, MOST_LABELS).map((label) => labelName(label, model)).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

export class ModelChoice {
  #detectors;
  #classifiers;
  #cards = new Map(); // name → card of the version that cameras get
  #asked = 0; // answers to older questions are thrown away
  #wanted = new Set(); // classifiers, whether they apply now or not

  /** @param {HTMLFieldSetElement} detectors @param {HTMLFieldSetElement} classifiers hidden while there are none */
  constructor(detectors, classifiers) {
    this.#detectors = detectors;
    this.#classifiers = classifiers;
    detectors.addEventListener("change", () => this.#judge());
    classifiers.addEventListener("change", ({ target }) => {
      if (target.checked) this.#wanted.add(target.value);
      else this.#wanted.delete(target.value);
    });
  }

  /**
   * Lists what there is. @param {string[]|null} chosen the camera's models; null: a new camera's
   * @returns {Promise<boolean>} whether there is any @throws {ApiError}
   */
  async fill(chosen) {
    const asked = ++this.#asked;
    for (const fieldset of [this.#detectors, this.#classifiers]) fieldset.querySelector(".choices").replaceChildren();
    const models = await listModels();
    if (asked !== this.#asked) return true;
    this.#cards = new Map(models.map(({ name, card }) => [name, card]));
    for (const { name, card, chosen: current } of models) if (current) this.#cards.set(name, card);
    const ofTask = (task) => [...this.#cards].filter(([, card]) => card.task === task).map(([name]) => name);
    const classifiers = ofTask("classify");
    const known = ofTask("detect");
    const unknown = (chosen ?? []).filter((name) => !classifiers.includes(name));
    const detectors = [...new Set([...known, ...unknown])];
    const ticked = chosen ?? [detectors.includes(FIRST) ? FIRST : detectors[0]];
    this.#wanted = new Set(classifiers.filter((name) => ticked.includes(name)));
    this.#put(this.#detectors, detectors, (name) => ticked.includes(name));
    this.#put(this.#classifiers, classifiers, (name) => this.#wanted.has(name));
    this.#classifiers.hidden = classifiers.length === 0;
    this.#judge();
    return detectors.length + classifiers.length > 0;
  }

  /** The names of those chosen, detectors first. */
  get names() {
    return [...this.#boxes(this.#detectors), ...this.#boxes(this.#classifiers)]
      .filter(({ checked }) => checked)
      .map(({ value }) => value);
  }

  #boxes(fieldset) {
    return [...fieldset.querySelectorAll("input")];
  }

  #put(fieldset, names, isTicked) {
    fieldset.querySelector(".choices").replaceChildren(
      ...names.map((name) => {
        const id = `${fieldset.id}-${name}`;
        const box = el("input", { type: "checkbox", value: name, checked: isTicked(name) });
        box.setAttribute("aria-describedby", id);
        const card = this.#cards.get(name);
        const words = el("small", { id }, card ? labelWords(card.classes, name) : "");
        return el("div", { class: "choice" }, el("label", {}, box, name), words);
      }),
    );
  }

  /** A classifier of boxes needs a detector with one of its labels; without, it cannot be chosen, and is told why. */
  #judge() {
    const ticked = this.#boxes(this.#detectors).filter(({ checked }) => checked);
    const found = new Set(ticked.flatMap(({ value }) => this.#cards.get(value)?.classes ?? []));
    for (const box of this.#boxes(this.#classifiers)) {
      const { applies_to: applies, classes } = this.#cards.get(box.value);
      const fits = applies === "image" || applies.some((label) => found.has(label));
      box.disabled = !fits;
      box.checked = fits && this.#wanted.has(box.value);
      const words = this.#classifiers.querySelector(`#${box.getAttribute("aria-describedby")}`);
      if (!fits) words.textContent = `Needs a detector of ${labelWords(applies)}.`;
      else words.textContent = `${labelWords(classes, box.value)}: ${applies === "image" ? "of the whole picture" : `of ${labelWords(applies)}`}`;
    }
  }
}
