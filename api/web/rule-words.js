// A rule in a sentence. Pure.

import { wordsOf } from "./colours.js";
import { KINDS } from "./event-words.js";

const list = (items, none = "") => (items?.length ? items.join(", ").replace(/, ([^,]*)$/, " or $1") : none);
const labels = (when, none) => list(when.labels?.map(wordsOf), none);
const seconds = (value) => (value > 0 ? ` for ${value} s` : "");
const where = ({ zone }) => (zone ? ` in ${zone}` : "");

const SENTENCES = {
  seen: (when) =>
    `${labels(when, "Anything")}${where(when)}${seconds(when.for_s)}${when.attribute ? ` (${when.attribute})` : ""}`,
  count: (when) => `More than ${when.above} ${labels(when, "objects")}${where(when)}${seconds(when.for_s)}`,
  event: (when) =>
    [
      list(when.kinds.map((kind) => KINDS[kind] ?? kind)),
      when.place && `at ${when.place}`,
      when.direction && `going ${when.direction}`,
      labels(when, "") && `by ${labels(when, "")}`,
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
  seen: "Object present",
  count: "Too many objects",
  event: "Event",
  stream_down: "Camera down",
  camera: "Camera image fault",
  drift: "Drift",
};

export const sentence = ({ when }) => {
  const text = SENTENCES[when.type]?.(when) ?? when.type;
  return text.charAt(0).toUpperCase() + text.slice(1);
};
