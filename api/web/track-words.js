// What tracks are called. Pure.

import { durationOf } from "./event-words.js";
import { atStart, labelName, oneOf } from "./label-words.js";
import { personName } from "./person-names.js";

const MOST_LABELS = 3;

/** Milliseconds since 1970. */
export const beganOf = ({ began_at_ns: at }) => at / 1e6;

/** "Somebody without a mask", "A triangle", "Ada, with mask"; "without mask → with mask" where it was another before. */
export function labelsOf({ labels, detector, person }) {
  const name = personName(person);
  if (name) return [name, ...labels.slice(-1).map(({ label }) => labelName(label, detector))].join(", ");
  const names = labels.map(({ label }) => labelName(label, detector)).filter((name, at, all) => name !== all[at - 1]);
  if (!names.length) return "An object";
  if (names.length === 1) return atStart(oneOf(labels[0].label, detector));
  return `${names.length > MOST_LABELS ? "… " : ""}${names.slice(-MOST_LABELS).join(" → ")}`;
}

/** "91 % #7" */
export function whoOfTrack({ confidence, track_id: number }) {
  const percent = typeof confidence === "number" ? `${Math.round(confidence * 100)} %` : null;
  return [percent, `#${number}`].filter(Boolean).join(" ");
}

const dayOf = (at) => at.toLocaleDateString();

/** "20:14:03 – 20:14:45", with the date where it is not today's; "since 20:14:03" while it is in view. */
export function whenOf(track, now = new Date()) {
  const began = new Date(beganOf(track));
  const date = dayOf(began) === dayOf(now) ? "" : `${dayOf(began)} `;
  if (track.ended_at_ns === null) return `since ${date}${began.toLocaleTimeString()}`;
  const ended = new Date(track.ended_at_ns / 1e6);
  const other = dayOf(ended) === dayOf(began) ? "" : `${dayOf(ended)} `;
  return `${date}${began.toLocaleTimeString()} – ${other}${ended.toLocaleTimeString()}`;
}

/** How long in a zone: of visits that are over, and the one that is not. */
function stayOf({ duration_s: over, inside_since_ns: since, visits }, now) {
  if (since !== null) return `in for ${durationOf(Math.max(0, (now - since / 1e6) / 1000))}`;
  return `${durationOf(over)}${visits > 1 ? ` in ${visits} visits` : ""}`;
}

/** "till 12 s", one for each zone. */
export const zonesOf = ({ zones }, now = Date.now()) => zones.map((one) => `${one.zone} ${stayOf(one, now)}`);

/** "gate in", one for each time. */
export const linesOf = ({ lines }) => lines.map(({ line, direction }) => `${line}${direction ? ` ${direction}` : ""}`);

const RANKS = ["info", "warning", "critical"];

/** The worst severity among its alerts; null without any. */
export function severityOf({ alerts }) {
  const ranks = alerts.map(({ severity }) => RANKS.indexOf(severity));
  return ranks.length ? RANKS[Math.max(0, ...ranks)] : null;
}
