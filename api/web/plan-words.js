// What the plan of a question is called, part by part. Pure.

import { KINDS, SEVERITIES } from "./event-words.js";
import { labelName } from "./label-words.js";
import { personName } from "./person-names.js";

export const INTENTS = {
  count: "How many",
  who: "Who",
  when: "When",
  first: "The first time",
  last: "The last time",
  where: "Where",
  how_long: "How long",
  how_often: "How often",
  compare: "Compare",
  list: "List",
  exists: "Whether",
  busiest: "The busiest",
};

export const SUBJECTS = {
  tracks: "somebody or something in view",
  entries: "entering a zone",
  leavings: "leaving a zone",
  crossings: "crossing a line",
  alerts: "alerts",
  outages: "cameras being away",
  events: "events",
};

export const COUNTED = {
  seen: "in view in that time",
  came: "came in that time",
  left: "left in that time",
  now: "in view now",
};

export const BY = {
  camera: "each camera",
  zone: "each zone",
  label: "each label",
  person: "each person",
  rule: "each rule",
  hour: "each hour",
  day: "each day",
};

const DIRECTIONS = { in: "going in", out: "going out" };

/** What one value of a field is called; fields that are not here are words themselves. */
const VALUES = {
  label: (label) => labelName(label),
  person: (id) => personName(id),
  kind: (kind) => KINDS[kind] ?? kind,
  severity: (severity) => SEVERITIES[severity] ?? severity,
};

export const valueWords = (name, value) => VALUES[name]?.(value) ?? String(value);

/** Fields that narrow, and can be left out, each with its name in words. */
export const FILTERS = {
  camera: "Camera",
  zone: "Zone",
  line: "Line",
  label: "Label",
  person: "Person",
  group: "Group",
  rule: "Rule",
  severity: "Severity",
  kind: "Kind",
};

const clock = (time) => time.slice(0, 5);
const DAYS = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"];
const moment = (iso) => new Date(iso).toLocaleString();

/** "yesterday", "12/1/2026, 9:00 – 10:00"; what was said goes before what it means. */
export function rangeWords({ since, until, hours, weekdays = [], words }) {
  const span = [since && `from ${moment(since)}`, until && `to ${moment(until)}`].filter(Boolean).join(" ");
  const narrower = [weekdays.length && weekdays.map((day) => DAYS[day]).join(", "), hours && `${clock(hours[0])}–${clock(hours[1])}`];
  return words || [span || "at any time", ...narrower.filter(Boolean)].join(", ");
}

/**
 * The plan as short parts: `[{words, without}]`, where `without` is the plan that lacks the part, null where it needs it.
 * @param {object} plan of `POST /v1/ask`
 */
export function planParts(plan) {
  const fixed = (words) => ({ words, without: null });
  const parts = [fixed(plan.least ? "The quietest" : INTENTS[plan.intent]), fixed(SUBJECTS[plan.subject])];
  for (const [name, title] of Object.entries(FILTERS)) {
    if (!plan[name]?.length) continue;
    const values = plan[name].map((value) => valueWords(name, value)).join(" or ");
    const words = name === "label" && plan.means ? plan.means : values;
    const rest = name === "label" ? { means: "" } : {};
    parts.push({ words: `${title}: ${words}`, without: { ...plan, [name]: [], ...rest } });
  }
  const also = {
    direction: plan.direction && DIRECTIONS[plan.direction],
    named: plan.named === null || plan.named === undefined ? null : plan.named ? "named" : "not named",
    min_duration_s: plan.min_duration_s && `at least ${plan.min_duration_s} s`,
    max_duration_s: plan.max_duration_s && `at most ${plan.max_duration_s} s`,
    min_confidence: plan.min_confidence && `at least ${Math.round(plan.min_confidence * 100)} % confident`,
  };
  for (const [name, words] of Object.entries(also)) if (words) parts.push({ words, without: { ...plan, [name]: null } });
  parts.push(fixed(rangeWords(plan.range ?? {})));
  if (plan.against) parts.push(fixed(`against ${rangeWords(plan.against)}`));
  if (plan.by) parts.push({ words: BY[plan.by], without: plan.intent === "busiest" ? null : { ...plan, by: null } });
  return parts;
}
