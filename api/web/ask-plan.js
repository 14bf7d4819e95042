// How a question was understood: in short parts that can be left out, and in fields that can be changed and asked again.

import { ifThere, listModels, listStreams } from "./api.js";
import { el, icon } from "./dom.js";
import { everybody, everyGroup } from "./person-names.js";
import { BY, COUNTED, FILTERS, INTENTS, planParts, SUBJECTS, valueWords } from "./plan-words.js";

const BETWEEN = "\u001f"; // several values in one choice
const CHOSEN = ["camera", "zone", "line", "label", "person", "group", "rule"];

/**
 * @param {object} plan of `POST /v1/ask` @param {string[]} cameras besides those that there are now
 * @param {(plan: object) => void} again asks that in its place
 */
export function planEditor(plan, cameras, again) {
  return el(
    "section",
    { class: "plan", "aria-label": "How the question was understood" },
    el("h3", {}, "Understood as"),
    el("ul", { class: "chips" }, ...planParts(plan).map((part) => chip(part, again))),
    fields(plan, cameras, again),
  );
}

function chip({ words, without }, again) {
  if (without === null) return el("li", {}, words);
  const click = () => again(without);
  const button = el("button", { class: "chip", type: "button", "aria-label": `Leave out: ${words}`, on: { click } }, words, icon("close"));
  return el("li", { class: "bare" }, button);
}

const field = (words, input) => el("label", { class: "field" }, el("span", {}, words), input);

const choice = (name, words, value) =>
  el("select", { name }, ...Object.entries(words).map(([one, said]) => new Option(said, one, false, one === value)));

const localTime = (iso) => {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
};
const time = (name, iso) => el("input", { type: "datetime-local", name, value: localTime(iso) });

/** A select of all there is; several values, which a plan may have, are one choice. */
function several(name, values) {
  const value = values.join(BETWEEN);
  const words = values.map((one) => valueWords(name, one)).join(" or ");
  return el("select", { name }, new Option("Any", ""), value ? new Option(words, value, false, true) : "");
}

function fields(plan, cameras, again) {
  const { range = {} } = plan;
  const known = { "": "Any", in: "In", out: "Out" };
  const form = el(
    "form",
    { class: "plan-form" },
    el(
      "div",
      { class: "plan-fields" },
      field("Question", choice("intent", INTENTS, plan.intent)),
      field("About", choice("subject", SUBJECTS, plan.subject)),
      ...CHOSEN.map((name) => field(FILTERS[name], several(name, plan[name] ?? []))),
      field("Direction", choice("direction", known, plan.direction ?? "")),
      field("From", time("since", range.since)),
      field("To", time("until", range.until)),
      field("Counted are those", choice("counted", COUNTED, plan.counted)),
      field("For", choice("by", { "": "all together", ...BY }, plan.by ?? "")),
    ),
    el("button", { class: "button primary", type: "submit" }, "Ask this"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    again(changed(plan, form));
  });
  const details = el("details", { class: "more" }, el("summary", { class: "button" }, icon("edit"), "Change"), form);
  details.addEventListener("toggle", () => details.open && offer(form, cameras), { once: true });
  return details;
}

/** The plan as the fields have it; what they do not show stays. */
function changed(plan, form) {
  const { elements } = form;
  const { range = {} } = plan;
  const at = (name) => (elements[name].value ? new Date(elements[name].value).toISOString() : null);
  const same = ["since", "until"].every((name) => elements[name].value === localTime(range[name]));
  const lists = Object.fromEntries(CHOSEN.map((name) => [name, elements[name].value.split(BETWEEN).filter(Boolean)]));
  const others = lists.label.join() === (plan.label ?? []).join() ? {} : { means: "" };
  return {
    ...plan,
    ...lists,
    ...others,
    intent: elements.intent.value,
    subject: elements.subject.value,
    direction: elements.direction.value || null,
    counted: elements.counted.value,
    by: elements.by.value || null,
    range: same ? range : { ...range, since: at("since"), until: at("until"), words: "" },
  };
}

/** Fills the choices with what there is, once somebody looks at them. */
async function offer(form, cameras) {
  const [streams, scenes, models, rules] = await Promise.all([
    listStreams().catch(() => []),
    ifThere("/v1/zones").catch(() => null),
    listModels().catch(() => []),
    ifThere("/v1/rules").catch(() => null),
  ]);
  const places = (kind) => scenes?.scenes.flatMap((scene) => scene[kind].map(({ name }) => name)) ?? [];
  const all = {
    camera: [...streams.map(({ id }) => id), ...cameras],
    zone: places("zones"),
    line: places("lines"),
    label: models.flatMap(({ card }) => card.classes),
    person: everybody().map(({ id }) => id),
    group: everyGroup(),
    rule: rules?.rules.map(({ name }) => name) ?? [],
  };
  for (const [name, values] of Object.entries(all)) {
    const select = form.elements[name];
    const there = new Set([...select.options].map(({ value }) => value));
    const fresh = [...new Set(values)].filter((value) => !there.has(value)).sort();
    select.append(...fresh.map((value) => new Option(valueWords(name, value), value)));
    select.closest(".field").hidden = select.options.length === 1;
  }
}
