// When somebody was seen, camera by camera: a bar for each track, on one axis of time.

import { svg } from "./dom.js";
import { timeTicks } from "./time-ticks.js";
import { whenOf } from "./track-words.js";

const ROW = 26; // height of a camera's row
const AXIS = 22;
const LEAST = 3; // width of a bar: a short visit is seen, too
const NARROW = 520;

/**
 * @param {object[]} tracks of `/v1/people/{id}/sightings` @param {[number, number]} range milliseconds since 1970
 * @param {number} width CSS pixels that there are
 * @returns {SVGElement}
 */
export function sightingsTimeline(tracks, [from, to], width) {
  const cameras = [...new Set(tracks.map(({ stream_id: id }) => id))].sort();
  const names = width < NARROW ? 0 : 130; // on phones the names stand over their rows
  const rowHeight = names ? ROW : ROW + 14;
  const room = Math.max(1, width - names);
  const height = cameras.length * rowHeight + AXIS;
  const at = (ms) => names + (Math.min(Math.max(ms, from), to) - from) * (room / (to - from));
  const rows = cameras.flatMap((camera, row) => {
    const top = row * rowHeight;
    const middle = top + rowHeight - ROW / 2;
    const label = svg("text", { x: 0, y: names ? middle + 4 : top + 12, class: "sight-camera" }, short(camera, names));
    const line = svg("line", { x1: names, x2: width, y1: middle, y2: middle, class: "sight-line" });
    return [label, line, ...tracks.filter(({ stream_id: id }) => id === camera).map((track) => bar(track, at, middle, to))];
  });
  const ticks = timeTicks(from, to, Math.max(2, Math.floor(room / 90))).flatMap(({ value, label }) => [
    svg("line", { x1: at(value), x2: at(value), y1: 0, y2: height - AXIS, class: "sight-tick" }),
    svg("text", { x: at(value), y: height - 6, class: "sight-time" }, label),
  ]);
  return svg(
    "svg",
    { class: "sightings", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": wordsOf(tracks, cameras) },
    ...ticks,
    ...rows,
  );
}

function bar(track, at, middle, now) {
  const began = at(track.began_at_ns / 1e6);
  const right = Math.max(at(track.ended_at_ns === null ? now : track.ended_at_ns / 1e6), at(0) + LEAST);
  const left = Math.min(began, right - LEAST);
  const attributes = { x: left, y: middle - 7, width: right - left, height: 14, rx: 2, class: "sight" };
  return svg("rect", attributes, svg("title", {}, `${track.stream_id}: ${whenOf(track)}`));
}

const short = (camera, names) => (names && camera.length > 16 ? `${camera.slice(0, 15)}…` : camera);

/** The same for those who do not see it. */
function wordsOf(tracks, cameras) {
  const times = (camera) => tracks.filter(({ stream_id: id }) => id === camera).length;
  const words = (count) => (count === 1 ? "once" : `${count} times`);
  return `Seen ${cameras.map((camera) => `${words(times(camera))} at ${camera}`).join(", ")}`;
}
