// Labels, or people, to choose from, with a field that finds them among many. All of it works by keys: each label is a checkbox, and
// Enter in the field chooses the first that it found, or adds one that no model has. Many labels are one stop of the Tab
// key, and arrows go from one to the next: what follows in the form would be eighty stops away.

import { el } from "./dom.js";
import { labelName } from "./label-words.js";

/** What is chosen: what one is called, how to say so, and what to say of those that are not among what is there. */
const LABELS = {
  what: "label",
  words: (label) => labelName(label),
  isFree: true, // a label that no model has can be chosen all the same
  none: (text) => `No model of these cameras has a label “${text}”. Press Enter to use it all the same.`,
  foreign: (labels) => `No model of these cameras has ${labels.map((label) => `“${labelName(label)}”`).join(", ")}.`,
};

const MANY = 12;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

export class LabelChoice {
  #place;
  #kind;
  #find;
  #boxes = el("div", { class: "choices label-boxes" });
  #hint = el("p", { class: "quiet", role: "status" });
  #labels = [];
  #known = new Set();
  #chosen = new Set();

  /** @param {HTMLElement} place where they are shown @param {typeof LABELS} [kind] what they are */
  constructor(place, kind = LABELS) {
    this.#place = place;
    this.#kind = kind;
    this.#find = el("input", { type: "search", class: "select", autocomplete: "off", maxLength: 200 });
    this.#find.setAttribute("aria-label", `Find a ${kind.what}`);
    this.#find.placeholder = `Find a ${kind.what}`;
    this.#find.addEventListener("input", (event) => {
      event.stopPropagation(); // nothing is chosen yet
      this.#show();
    });
    this.#find.addEventListener("change", (event) => event.stopPropagation());
    this.#find.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the form is not sent
      this.#take();
    });
    this.#boxes.addEventListener("change", ({ target }) => this.#choose(target.value, target.checked));
    this.#boxes.addEventListener("keydown", (event) => this.#step(event));
    this.#boxes.addEventListener("focusin", ({ target }) => this.#stopAt(target));
    place.replaceChildren(this.#find, this.#boxes, this.#hint);
  }

  /** What is chosen, in the order in which it is shown. */
  get chosen() {
    return this.#labels.filter((label) => this.#chosen.has(label));
  }

  /** @param {string[]} labels those of models @param {string[]} chosen they may be of no model */
  offer(labels, chosen) {
    this.#known = new Set(labels);
    this.#chosen = new Set(chosen);
    this.#labels = [...new Set([...chosen, ...labels])];
    this.#find.value = "";
    this.#show();
  }

  #step(event) {
    const step = STEPS[event.key];
    const boxes = this.#checkboxes;
    if (step === undefined || boxes.length <= MANY) return;
    event.preventDefault(); // the list does not scroll by itself
    const at = boxes.indexOf(event.target) + step;
    boxes[Math.max(0, Math.min(boxes.length - 1, at))].focus();
  }

  /** Has the Tab key come to this checkbox, and among many to no other. */
  #stopAt(stop) {
    const boxes = this.#checkboxes;
    for (const box of boxes) box.tabIndex = boxes.length <= MANY || box === stop ? 0 : -1;
  }

  get #checkboxes() {
    return [...this.#boxes.querySelectorAll("input")];
  }

  #choose(label, on) {
    if (on) this.#chosen.add(label);
    else this.#chosen.delete(label);
    this.#tell();
  }

  #matching() {
    const wanted = this.#find.value.trim().toLowerCase();
    return this.#labels.filter((label) => `${label} ${this.#kind.words(label)}`.toLowerCase().includes(wanted));
  }

  /** The first that is found, as if it were clicked; a label that no model has where nothing is found. */
  #take() {
    const text = this.#find.value.trim();
    if (!text) return;
    const exact = this.#labels.find((label) => [label, this.#kind.words(label)].includes(text));
    const label = exact ?? this.#matching()[0] ?? (this.#kind.isFree ? text : null);
    if (label === null) return;
    if (!this.#labels.includes(label)) this.#labels = [label, ...this.#labels];
    this.#chosen.add(label);
    this.#find.value = "";
    this.#show();
    this.#place.dispatchEvent(new Event("input", { bubbles: true })); // as if it were clicked
  }

  #show() {
    const matching = this.#matching();
    // what is chosen comes first: among eighty it would be out of sight
    const first = [...matching].sort((a, b) => this.#chosen.has(b) - this.#chosen.has(a));
    this.#boxes.replaceChildren(
      ...first.map((label) =>
        el(
          "label",
          {},
          el("input", { type: "checkbox", name: `${this.#kind.what}s`, value: label, checked: this.#chosen.has(label) }),
          this.#kind.words(label),
        ),
      ),
    );
    this.#stopAt(this.#checkboxes[0]);
    this.#tell();
  }

  #tell() {
    const text = this.#find.value.trim();
    const foreign = [...this.#chosen].filter((label) => !this.#known.has(label));
    const none = text && this.#matching().length === 0;
    this.#hint.textContent = none ? this.#kind.none(text) : foreign.length ? this.#kind.foreign(foreign) : "";
    this.#hint.hidden = !this.#hint.textContent;
  }
}
