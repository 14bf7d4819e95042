// One rule as a form: a new one, or one to be changed.

import { ifThere, listModels, putRule } from "./api.js";
import { el } from "./dom.js";
import { KINDS } from "./event-words.js";
import { LabelChoice } from "./label-choice.js";
import { RulePeople } from "./rule-people.js";
import { RuleTrial } from "./rule-trial.js";
import { DRIFT, TYPES } from "./rule-words.js";
import { NAME } from "./scene-shapes.js";

const FAULTS = { frozen: "Frozen", black: "Black", covered: "Covered", moved: "Moved" };
// which parts of the form a condition has
const PARTS = {
  seen: ["labels", "zone", "for", "attribute"],
  absent: ["labels", "zone", "for"],
  count: ["labels", "zone", "for", "above"],
  event: ["labels", "kinds", "place", "direction"],
  stream_down: ["for"],
  camera: ["faults"],
  drift: ["causes"],
};
const ABSENT_S = 600;
const NEW = {
  name: "",
  when: { type: "seen", labels: [], for_s: 2 },
  streams: [],
  severity: "warning",
  cooldown_s: 60,
  clip: true,
  enabled: true,
  targets: null,
};

export class RuleDialog {
  #dialog = document.getElementById("rule-dialog");
  #form = document.getElementById("rule-form");
  #error = document.getElementById("rule-error");
  #rule = NEW;
  #known = { cards: [], places: [], zones: [] };
  #labels = new LabelChoice(this.#part("labels").querySelector(".choices"));
  #people = new RulePeople(this.#form);
  #trial = new RuleTrial(() => this.#checked());

  /** @param {() => object[]} streams the cameras, `{id, models}` @param {() => string[]} targets their names @param {() => void} onSaved */
  constructor(streams, targets, onSaved) {
    this.streams = streams;
    this.targets = targets;
    this.onSaved = onSaved;
    const { type, attribute } = this.#form.elements;
    type.append(...Object.entries(TYPES).map(([value, words]) => new Option(words, value)));
    type.addEventListener("change", () => {
      if (type.value === "absent" && this.#form.elements.for.value === String(NEW.when.for_s)) this.#form.elements.for.value = ABSENT_S;
      this.#showParts();
    });
    attribute.addEventListener("change", () => this.#offerLabels());
    this.#part("streams").addEventListener("change", () => this.#offerLabels());
    this.#form.addEventListener("input", () => this.#trial.clear());
    this.#fill(
      "kinds",
      Object.entries(KINDS).filter(([kind]) => !kind.startsWith("alert")),
    );
    this.#fill("faults", Object.entries(FAULTS));
    this.#fill("causes", Object.entries(DRIFT));
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {object|null} rule the one to change; null for a new one */
  async open(rule = null) {
    this.#rule = rule ?? NEW;
    this.#say(null);
    this.#trial.clear();
    document.getElementById("rule-title").textContent = rule ? `Change “${rule.name}”` : "Add a rule";
    this.#form.reset();
    await this.#learn();
    this.#show();
    this.#dialog.showModal();
    (rule ? this.#form.elements.type : this.#form.elements.name).focus();
  }

  /** What there is to choose from; a rule can be made without knowing. */
  async #learn() {
    const asked = [listModels().catch(() => []), ifThere("/v1/zones").catch(() => null), this.#people.learn()];
    const [models, scenes] = await Promise.all(asked);
    const zones = [...new Set((scenes?.scenes ?? []).flatMap((scene) => scene.zones.map(({ name }) => name)))].sort();
    const lines = [...new Set((scenes?.scenes ?? []).flatMap((scene) => scene.lines.map(({ name }) => name)))].sort();
    this.#known = { cards: models.map(({ name, card }) => ({ ...card, name })), zones, places: [...zones, ...lines] };
  }

  #show() {
    const { name, when, streams, severity, cooldown_s: cooldown, clip, enabled } = this.#rule;
    const fields = this.#form.elements;
    fields.name.value = name;
    fields.name.disabled = this.#rule !== NEW;
    fields.type.value = when.type;
    fields.above.value = when.above ?? 10;
    fields.for.value = when.for_s ?? 2;
    fields.severity.value = severity;
    fields.cooldown.value = cooldown;
    fields.clip.checked = clip;
    fields.enabled.checked = enabled;
    this.#choose("zone", this.#known.zones, when.zone, "Anywhere");
    this.#choose("place", this.#known.places, when.place, "Any zone or line");
    this.#choose("direction", ["in", "out"], when.direction, "Either direction");
    const classifiers = this.#known.cards.filter(({ task }) => task === "classify").map((card) => card.name);
    this.#choose("attribute", [...new Set(classifiers)], when.attribute, "The detector");
    this.#check("kinds", when.kinds ?? []);
    this.#check("faults", when.faults ?? Object.keys(FAULTS));
    this.#check("causes", when.causes ?? Object.keys(DRIFT));
    this.#fill(
      "streams",
      [...new Set([...this.streams().map(({ id }) => id), ...streams])].sort().map((id) => [id, id]),
      streams,
    );
    const targets = [...new Set([...this.targets(), ...(this.#rule.targets ?? [])])].sort();
    this.#fill(
      "targets",
      targets.map((target) => [target, target]),
      this.#rule.targets ?? targets,
    );
    this.#part("targets").hidden = targets.length === 0;
    this.#offerLabels(when.labels ?? []);
    this.#showParts();
    this.#people.show(this.#rule);
  }

  #part(name) {
    return this.#form.querySelector(`[data-part="${name}"]`);
  }

  #showParts() {
    const wanted = PARTS[this.#form.elements.type.value];
    for (const name of new Set(Object.values(PARTS).flat())) this.#part(name).hidden = !wanted.includes(name);
    this.#people.setType(this.#form.elements.type.value);
  }

  #choose(name, values, value, none) {
    const all = [...new Set([...values, ...(value ? [value] : [])])];
    this.#form.elements[name].replaceChildren(
      new Option(none, ""),
      ...all.map((each) => new Option(each, each, false, each === value)),
    );
  }

  #fill(name, entries, checked = []) {
    const boxes = entries.map(([value, words]) =>
      el("label", {}, el("input", { type: "checkbox", name, value, checked: checked.includes(value) }), words),
    );
    this.#part(name)
      .querySelector(".choices")
      .replaceChildren(...boxes);
  }

  #check(name, values) {
    for (const box of this.#part(name).querySelectorAll("input")) box.checked = values.includes(box.value);
  }

  /** The labels that the models of the chosen cameras have; of a classifier all of its own. */
  #offerLabels(chosen = this.#labels.chosen) {
    const attribute = this.#form.elements.attribute.value;
    const wanted = this.#all("streams");
    const cameras = this.streams().filter(({ id }) => wanted.length === 0 || wanted.includes(id));
    const models = new Set(cameras.flatMap(({ models: names }) => names ?? []));
    const detectors = this.#known.cards.filter(({ task }) => task === "detect");
    const theirs = detectors.filter(({ name }) => models.has(name));
    const cards = attribute
      ? this.#known.cards.filter(({ name }) => name === attribute)
      : theirs.length
        ? theirs
        : detectors;
    this.#labels.offer([...new Set(cards.flatMap(({ classes }) => classes))], chosen);
  }

  #all(name) {
    return [...this.#part(name).querySelectorAll("input:checked")].map(({ value }) => value);
  }

  get #wish() {
    const fields = this.#form.elements;
    const parts = PARTS[fields.type.value];
    const when = { type: fields.type.value, ...this.#people.condition };
    if (parts.includes("labels")) when.labels = this.#labels.chosen;
    for (const name of ["kinds", "faults", "causes"]) if (parts.includes(name)) when[name] = this.#all(name);
    for (const name of ["zone", "place", "direction", "attribute"])
      if (parts.includes(name)) when[name] = fields[name].value || null;
    if (parts.includes("for")) when.for_s = Number(fields.for.value);
    if (parts.includes("above")) when.above = Number(fields.above.value);
    const targets = this.#all("targets");
    const everyTarget = targets.length === this.#part("targets").querySelectorAll("input").length;
    return {
      name: fields.name.value.trim(),
      when,
      streams: this.#all("streams"),
      severity: fields.severity.value,
      cooldown_s: Number(fields.cooldown.value),
      clip: fields.clip.checked,
      enabled: fields.enabled.checked,
      targets: everyTarget ? null : targets,
      name_wait_s: this.#people.waitS,
    };
  }

  /** The rule as it can be sent; null, and words about it, where it cannot. A rule is tried without a name, too. */
  #checked(name = null) {
    const rule = this.#wish;
    const wrong = complaint({ ...rule, name: name ?? (rule.name || "new rule") }) ?? this.#people.complaint;
    this.#say(wrong);
    return wrong ? null : rule;
  }

  async #submit() {
    const rule = this.#checked(this.#wish.name);
    if (rule === null) return;
    const save = this.#form.querySelector("[type=submit]");
    save.disabled = true;
    try {
      await putRule(rule);
      this.#dialog.close();
      this.onSaved(rule);
    } catch (error) {
      this.#say(error.message);
    } finally {
      save.disabled = false;
    }
  }

  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
  }
}

/** What keeps a rule from being sent, in words; null if nothing. */
function complaint({ name, when, cooldown_s: cooldown }) {
  if (!NAME.test(name))
    return "Enter a name of letters, digits, spaces, “.”, “_” and “-” that starts with a letter or digit.";
  for (const part of ["kinds", "faults", "causes"])
    if (when[part] && when[part].length === 0) return "Select at least one option.";
  const amounts = [when.for_s ?? 0, when.above ?? 0, cooldown];
  if (amounts.some((value) => !(value >= 0))) return "Times and numbers must be 0 or more.";
  if (when.above !== undefined && !Number.isInteger(when.above)) return "“More than” must be a whole number.";
  return null;
}
