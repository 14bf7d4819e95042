// What is said of people, their pictures and their thresholds. Pure.

import { ago } from "./event-words.js";

/** "1 picture", "3 pictures" */
export const picturesOf = (count) => (count === 1 ? "1 picture" : `${count} pictures`);

const SOURCES = { upload: "uploaded", event: "from an event", track: "from a track", folder: "from a folder" };

/** Where a picture came from, and how good it is: "from an event, face of 96 px". */
export function lookWords({ source, quality }) {
  const size = quality?.size_px ? `face of ${Math.round(quality.size_px)} px` : null;
  return [SOURCES[source] ?? source, size].filter(Boolean).join(", ");
}

/** "0.46": similarities have two digits everywhere, as in results. */
export const similarityWords = (value) => (typeof value === "number" ? value.toFixed(2) : "–");

/** "Named from a similarity of 0.46 up: about 1 stranger in 90 looks would get this name." */
export function thresholdWords({ threshold, explained, looks }) {
  if (count(looks) === 0) return "Nobody is recognised without a picture: add one.";
  if (typeof threshold !== "number") return "";
  const rest = explained ? `: ${explained.replace(/\.$/, "")}` : "";
  return `Named from a similarity of ${similarityWords(threshold)} up${rest}.`;
}

/** How many pictures, whether they are counted or listed. */
export const count = (looks) => (Array.isArray(looks) ? looks.length : (looks ?? 0));

/** "Seen 5 min ago at entrance" */
export function seenWords({ last_seen: seen }) {
  if (!seen) return "Not seen yet";
  return `Seen ${ago(seen.captured_at_ns / 1e6)} at ${seen.stream_id}`;
}

/** "staff, night shift" as a list; each once. */
export const groupsIn = (text) => [
  ...new Set(
    text
      .split(",")
      .map((group) => group.trim())
      .filter(Boolean),
  ),
];
