// The filters of the Events page: a form that says what the address says, and the address what the form says.
//
// Each change is an entry of the browser's history, so that Back takes it back. Several values of one filter, which an
// address may have, stand in the form as one choice.

import { ifThere, listModels } from "./api.js";
import { KINDS } from "./event-words.js";
import { labelName } from "./label-words.js";
import { addressOf, namesOf, narrowed, saidIn, viewOf } from "./event-query.js";
import { everybody, personName } from "./person-names.js";

const BETWEEN = "\u001f"; // several values in one choice
const isHere = () => /^#\/events\b/.test(location.hash);
const localTime = (iso) => {
  const at = new Date(iso);
  return Number.isNaN(at.valueOf()) ? "" : new Date(at - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
};

/** What values are called that are not words themselves. */
const WORDS = { label: (label) => labelName(label), person: (id) => personName(id) };

/** Tells by "change" that something else is asked for: then `said` has it. */
export class EventFilters extends EventTarget {
  #form = document.getElementById("events-tools");
  #more = document.getElementById("events-more");
  #said = new URLSearchParams();

  constructor() {
    super();
    this.#form.elements.kind.append(...Object.entries(KINDS).map(([value, words]) => new Option(words, value)));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", (event) => this.#changed(event.target.name));
    document.getElementById("events-reset").addEventListener("click", () => {
      this.#go(new URLSearchParams(this.view === "events" ? { view: "events" } : {}));
    });
    for (const kind of ["hashchange", "popstate"]) window.addEventListener(kind, () => isHere() && this.#follow());
  }

  /** @returns {URLSearchParams} */
  get said() {
    return this.#said;
  }

  get view() {
    return viewOf(this.#said);
  }

  set hidden(hidden) {
    this.#form.hidden = hidden;
  }

  /** Takes over what the address says; nobody is told. */
  read() {
    this.#said = saidIn(location.hash);
    this.#fillIn();
  }

  /** What there is to choose from. @param {string[]} streams */
  async offer(streams) {
    this.offerStreams(streams);
    const [scenes, rules, models] = await Promise.all([
      ifThere("/v1/zones").catch(() => null),
      ifThere("/v1/rules").catch(() => null),
      listModels().catch(() => []),
    ]);
    const places = (which) => scenes?.scenes.flatMap((scene) => scene[which].map(({ name }) => name)) ?? [];
    this.#offer("zone", places("zones"));
    this.#offer("line", places("lines"));
    this.#offer("rule", rules?.rules.map(({ name }) => name) ?? []);
    this.#offer(
      "label",
      models.flatMap(({ card }) => card.classes),
    );
    this.#fillIn();
  }

  offerStreams(ids) {
    this.#offer("stream", ids);
    this.#fillIn();
  }

  /** Those who are enrolled, as far as this page may know. */
  offerPeople() {
    this.#offer("person", everybody().map(({ id }) => id));
    this.#fillIn();
  }

  #offer(name, values) {
    const select = this.#form.elements[name];
    const words = WORDS[name] ?? String;
    const known = [...new Set(values)].sort().map((value) => [value, words(value)]);
    if (known.join() === [...select.options].slice(1).map(({ value, text }) => [value, text]).join()) return;
    select.replaceChildren(select.options[0], ...known.map(([value, text]) => new Option(text, value)));
  }

  #follow() {
    const said = saidIn(location.hash);
    if (said.toString() === this.#said.toString()) return;
    this.#said = said;
    this.#fillIn();
    this.dispatchEvent(new Event("change"));
  }

  #changed(name) {
    const { elements } = this.#form;
    const given = new URLSearchParams(new FormData(this.#form).get("view") === "events" ? { view: "events" } : {});
    const custom = elements.range.value === "custom";
    for (const each of namesOf(viewOf(given))) {
      const { value } = elements[each];
      if (!value || (["since", "until"].includes(each) && !custom)) continue;
      if (["since", "until"].includes(each)) given.set(each, new Date(value).toISOString());
      else for (const one of value.split(BETWEEN)) given.append(each, one);
    }
    this.#showTimes(custom);
    if (name === "range" && custom) return elements.since.focus(); // it says nothing yet
    this.#go(narrowed(given, viewOf(given)));
  }

  #go(said) {
    history.pushState(null, "", addressOf(said));
    this.#follow();
  }

  #fillIn() {
    const { elements } = this.#form;
    const view = this.view;
    for (const radio of elements.view) radio.checked = radio.value === view;
    const here = new Set(namesOf(view));
    let more = false;
    for (const name of new Set([...namesOf("tracks"), ...namesOf("events")])) {
      const field = elements[name];
      const values = this.#said.getAll(name);
      if (name === "range") field.value = this.#custom ? "custom" : (values[0] ?? "24h");
      else if (["since", "until"].includes(name)) field.value = values[0] ? localTime(values[0]) : "";
      else this.#choose(field, values, here.has(name));
      more ||= values.length > 0 && this.#more.contains(field);
    }
    this.#showTimes(this.#custom);
    if (more) this.#more.open = true;
  }

  /** Sets a field; a choice that is not offered (a camera that is gone, several labels) is added. */
  #choose(field, values, applies) {
    const value = values.join(BETWEEN);
    if (field.options) {
      for (const option of [...field.options])
        if ("added" in option.dataset && option.value !== value) option.remove();
      if (![...field.options].some((option) => option.value === value)) {
        const option = new Option(values.map(WORDS[field.name] ?? String).join(", "), value);
        option.dataset.added = "";
        field.add(option);
      }
    }
    field.value = value;
    const nothing = field.options?.length === 1 && "offered" in field.dataset;
    (field.closest("label.inline") ?? field).hidden = !applies || nothing;
  }

  get #custom() {
    return Boolean(this.#said.get("since") || this.#said.get("until"));
  }

  #showTimes(custom) {
    for (const name of ["since", "until"]) this.#form.elements[name].closest("label").hidden = !custom;
  }
}
