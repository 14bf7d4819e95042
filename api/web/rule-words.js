// A rule in a sentence. Pure.

import { KINDS } from "./event-words.js";
import { atStart, hasWords, labelName, manyOf, oneOf } from "./label-words.js";
import { personName } from "./person-names.js";

const list = (items, none = "") => (items?.length ? items.join(", ").replace(/, ([^,]*)$/, " or $1") : none);
const each = ({ labels }, word, model) => labels?.map((label) => word(label, model));
const seconds = (value) => (value > 0 ? ` for ${value} s` : "");
const where = ({ zone }) => (zone ? ` in ${zone}` : "");

const rest = (when) => `${where(when)}${seconds(when.for_s)}`;

/** What a classifier says of a track: in its words for it, or as a label of something. */
function classified({ attribute, labels, ...when }) {
  if (!labels?.length) return `Anything that ${attribute} has looked at${rest(when)}`;
  if (labels.every((label) => hasWords(label, attribute)))
    return `${list(each({ labels }, oneOf, attribute))}${rest(when)}, by ${attribute}`;
  return `Anything that ${attribute} calls ${list(each({ labels }, labelName, attribute))}${rest(when)}`;
}

/** "Ada or somebody of staff", "a stranger"; null where it is about nobody in particular. */
function whoIn({ people = [], groups = [], strangers = false }) {
  const names = [...people.map((id) => personName(id)), ...groups.map((group) => `somebody of ${group}`)];
  const all = [...names, ...(strangers ? ["a stranger"] : [])];
  return all.length ? list(all) : null;
}

function seen(when) {
  const who = whoIn(when) ?? (when.first_today ? "somebody enrolled" : null);
  const first = when.first_today ? ", the first time that day" : "";
  if (!who) return `${when.attribute ? classified(when) : `${list(each(when, oneOf), "Anything")}${rest(when)}`}${first}`;
  const labels = list(when.labels?.map((label) => labelName(label, when.attribute)));
  return `${who}${labels && ` (${labels})`}${rest(when)}${first}`;
}

/** "Nobody of staff in till for 600 s", "Neither Ada nor anybody of staff for 600 s" */
function absent({ people = [], groups = [], labels, ...when }) {
  const names = [...people.map((id) => personName(id)), ...groups.map((group) => `anybody of ${group}`)];
  const what = labels?.length ? ` (${list(each({ labels }, labelName))})` : "";
  const whom =
    names.length === 0
      ? "Nobody"
      : names.length === 1
        ? `Not ${names[0]}`.replace("Not anybody", "Nobody")
        : `Neither ${names.join(" nor ")}`;
  return `${whom}${what}${rest(when)}`;
}

const SENTENCES = {
  seen,
  absent,
  count: (when) => `More than ${when.above} ${list(each(when, manyOf), "objects")}${rest(when)}`,
  event: (when) =>
    [
      list(when.kinds.map((kind) => (KINDS[kind] ?? kind).toLowerCase())),
      when.place && `at ${when.place}`,
      when.direction && `going ${when.direction}`,
      when.labels?.length && `by ${list(each(when, oneOf))}`,
      whoIn(when) && `by ${whoIn(when)}`,
    ]
      .filter(Boolean)
      .join(", "),
  stream_down: (when) => `Camera down or silent${seconds(when.for_s)}`,
  camera: (when) => `Image ${list(when.faults)}`,
  drift: (when) => `Drift of ${list(when.causes.map((cause) => DRIFT[cause] ?? cause))}`,
};

export const DRIFT = {
  picture: "image quality",
  population: "objects detected",
  model: "model confidence",
  unknown: "unknown cause",
};

export const TYPES = {
  seen: "Object or person present",
  absent: "Nobody present",
  count: "Too many objects",
  event: "Event",
  stream_down: "Camera down",
  camera: "Camera image fault",
  drift: "Drift",
};

export const sentence = ({ when }) => {
  return atStart(SENTENCES[when.type]?.(when) ?? when.type);
};
