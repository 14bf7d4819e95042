// What events and alerts are called. Pure.

import { labelName } from "./label-words.js";
import { personName } from "./person-names.js";

/** Kinds in words, in the order in which they are offered. */
export const KINDS = {
  alert: "Alert",
  alert_ended: "Alert ended",
  track_began: "Appeared",
  track_ended: "Left",
  label_changed: "Label changed",
  identified: "Recognised",
  zone_entered: "Entered a zone",
  zone_left: "Left a zone",
  zone_stayed: "Stayed in a zone",
  line_crossed: "Crossed a line",
  count_changed: "Count changed",
  stream_up: "Camera up",
  stream_down: "Camera down",
};

/** The badges' states. */
export const TONES = { critical: "failed", warning: "stalled", info: "idle" };

export const SEVERITIES = { critical: "Critical", warning: "Warning", info: "Info" };

/** Why a stream is down where no camera was lost (workers/bus/stream_down.py). */
const ENDED = {
  removed: "Camera removed",
  disabled: "Camera paused",
  push_ended: "Push ended",
  replaced: "Camera changed",
  released: "Camera goes to another node",
  shutdown: "Node stopped",
};

/** Why a track ended. */
const REASONS = { gone: "No longer seen", stream_lost: "Camera lost", unknown: "Unknown" };

const WHERE = {
  stream_down: ({ reason }) => ENDED[reason] ?? KINDS.stream_down,
  zone_entered: ({ zone }) => `Entered ${zone}`,
  zone_left: ({ zone }) => `Left ${zone}`,
  zone_stayed: ({ zone }) => `Stayed in ${zone}`,
  line_crossed: ({ line, direction }) => `Crossed ${line}${direction ? `, ${direction}` : ""}`,
  count_changed: ({ count, before, zone }) => `${count} there${zone ? ` in ${zone}` : ""}, before ${before ?? 0}`,
  label_changed: ({ before, label, detector }) =>
    `${labelName(before ?? "?", detector)} → ${labelName(label ?? "?", detector)}`,
  identified: ({ person, before }) => (person ? `Recognised ${personName(person)}` : `No longer taken for ${personName(before) ?? "somebody"}`),
  alert: ({ rule, text }) => text ?? `Alert: ${rule}`,
  alert_ended: ({ rule, text }) => text ?? `Over: ${rule}`,
};

/** What happened, in a few words. @param {object} event `livesight.event/1` */
export const whatOf = (event) => WHERE[event.kind]?.(event) ?? KINDS[event.kind] ?? event.kind.replaceAll("_", " ");

/** Why it ended or is down, in words. @param {{reason: string|null}} about an event or a track */
export const reasonOf = ({ reason }) => ENDED[reason] ?? REASONS[reason] ?? reason?.replaceAll("_", " ");

/** Who or what it is about: "Anna without mask 91 % #7". */
export function whoOf({ kind, label, detector, confidence, track_id: track, person }) {
  const percent = typeof confidence === "number" ? `${Math.round(confidence * 100)} %` : null;
  const parts = [
    kind === "identified" ? null : personName(person),
    kind === "label_changed" ? null : label && labelName(label, detector),
    percent,
    track ? `#${track}` : null,
  ];
  return parts.filter(Boolean).join(" ");
}

/** Milliseconds since 1970. */
export const timeOf = ({ captured_at_ns: at }) => at / 1e6;

/** "1 min 20 s" */
export function durationOf(seconds) {
  if (typeof seconds !== "number") return null;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "just now", "5 min ago"; the date where it is longer ago than a day. */
export function ago(ms, now = Date.now()) {
  const seconds = (now - ms) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(ms).toLocaleString();
}
