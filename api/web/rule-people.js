// Who a rule is about: anybody, people and groups, strangers; and how long its alert waits for a name.

import { LabelChoice } from "./label-choice.js";
import { peopleKnown } from "./people-known.js";
import { everybody, everyGroup, personName } from "./person-names.js";
import { may } from "./session.js";

const PERSON = "person:";
const GROUP = "group:";
const LONGEST_WAIT_S = 60;

/** What can be chosen, by the rule's type; a type that is not here is about nobody in particular. */
const WHO = {
  seen: {
    "": "Anybody",
    people: "These people and groups",
    strangers: "Strangers: faces of nobody enrolled",
    both: "These people and groups, and strangers",
  },
  event: { "": "Anybody", people: "These people and groups" },
  absent: { "": "Nobody at all", people: "Nobody of these people and groups" },
};

const PEOPLE = {
  what: "person",
  words: (value) => (value.startsWith(GROUP) ? `${value.slice(GROUP.length)} (group)` : personName(value.slice(PERSON.length))),
  isFree: false,
  none: (text) => `Nobody who is enrolled, and no group, is called “${text}”.`,
  foreign: (values) => `No longer enrolled: ${values.map((value) => PEOPLE.words(value)).join(", ")}.`,
};

export class RulePeople {
  #form;
  #choice;
  #type = "seen";

  /** @param {HTMLFormElement} form of the rule */
  constructor(form) {
    this.#form = form;
    this.#choice = new LabelChoice(this.#part("people").querySelector(".choices"), PEOPLE);
    form.elements.who.addEventListener("change", () => this.#showParts());
  }

  /** Until it is known who is enrolled. */
  learn() {
    return peopleKnown();
  }

  /** @param {{when: object, name_wait_s?: number}} rule */
  show({ when, name_wait_s: wait }) {
    const { people = [], groups = [], strangers = false, first_today: first = false } = when;
    const chosen = [...groups.map((group) => `${GROUP}${group}`), ...people.map((id) => `${PERSON}${id}`)];
    const all = [...everyGroup().map((group) => `${GROUP}${group}`), ...everybody().map(({ id }) => `${PERSON}${id}`)];
    this.#choice.offer(all, chosen);
    this.#type = when.type;
    const who = chosen.length ? "people" : "";
    this.#offer(strangers ? (chosen.length ? "both" : "strangers") : who);
    this.#form.elements.first.checked = first;
    this.#form.elements.wait.value = wait ?? "";
    this.#showParts();
  }

  /** The rule is of another type now. */
  setType(type) {
    this.#type = type;
    this.#offer(this.#form.elements.who.value);
    this.#showParts();
  }

  /** What it adds to the rule's condition. */
  get condition() {
    if (!WHO[this.#type]) return {};
    const { chosen } = this.#choice;
    const of = (kind) => (this.#names ? chosen.filter((value) => value.startsWith(kind)).map((value) => value.slice(kind.length)) : []);
    const condition = { people: of(PERSON), groups: of(GROUP) };
    if (this.#type !== "seen") return condition;
    const first = this.#form.elements.first.checked && !this.#strangers;
    const tz = first ? { tz: Intl.DateTimeFormat().resolvedOptions().timeZone } : {};
    return { ...condition, strangers: this.#strangers, first_today: first, ...tz };
  }

  /** How long its alert waits for a name, in seconds; null: as long as is usual for such a rule. */
  get waitS() {
    const { value } = this.#form.elements.wait;
    return this.#part("wait").hidden || value === "" ? null : Number(value);
  }

  /** Whether it is about some whom it names. */
  get #names() {
    return ["people", "both"].includes(this.#form.elements.who.value);
  }

  get #strangers() {
    return ["strangers", "both"].includes(this.#form.elements.who.value);
  }

  /** What keeps it from being sent, in words; null if nothing. */
  get complaint() {
    if (!WHO[this.#type]) return null;
    if (this.#names && this.#choice.chosen.length === 0) return "Select a person or a group.";
    const wait = this.waitS ?? 0;
    if (!(wait >= 0 && wait <= LONGEST_WAIT_S)) return `The wait to recognise somebody must be 0 to ${LONGEST_WAIT_S} seconds.`;
    return null;
  }

  #part(name) {
    return this.#form.querySelector(`[data-part="${name}"]`);
  }

  #offer(chosen) {
    const offered = Object.entries(WHO[this.#type] ?? WHO.event);
    const value = offered.some(([one]) => one === chosen) ? chosen : "";
    const options = offered.map(([one, words]) => new Option(words, one, false, one === value));
    this.#form.elements.who.replaceChildren(...options);
  }

  #showParts() {
    const who = this.#form.elements.who.value;
    const fits = this.#type in WHO && (may("people") || who !== "");
    this.#part("who").hidden = !fits;
    this.#part("people").hidden = !fits || !this.#names;
    this.#part("first").hidden = !fits || this.#type !== "seen" || this.#strangers; // a stranger is nobody's first time
    this.#part("wait").hidden = !fits || this.#type === "absent";
  }
}
