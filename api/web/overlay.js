// Draws detections on a 2D context. Knows nothing of streams or sockets. Pure but for the context.

import { colourOf, inkOn } from "./colours.js";
import { labelName } from "./label-words.js";
import { nameOf } from "./person-names.js";

const FONT = '600 {}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Boxes that are not those of this very frame are dashed: between two analysed frames, or moved on from the last. */
const DASHED = new Set(["between", "moved"]);

/**
 * Boxes and labels of one frame.
 * @param {CanvasRenderingContext2D} context
 * @param {object[]} detections of a `livesight.frame/1`
 * @param {number} scaleX canvas pixels per image pixel @param {number} scaleY
 * @param {number} ratio device pixels per CSS pixel, for line widths and letters
 * @param {{kind?: string, labels?: "full"|"short"|"none", colours?: Map<string, string>, only?: string[]|null,
 *  alpha?: number, weight?: number}} look alpha: of lines and labels, 0 to 1; weight: of the lines
 */
export function drawDetections(context, detections, scaleX, scaleY, ratio, look = {}) {
  const boxes = detections
    .filter(({ label }) => !look.only || look.only.includes(label))
    .map((detection) => {
      const [x1, y1, x2, y2] = detection.xyxy;
      const colour = look.colours?.get(detection.label) ?? colourOf(detection.label);
      return { detection, colour, x: x1 * scaleX, y: y1 * scaleY, w: (x2 - x1) * scaleX, h: (y2 - y1) * scaleY };
    });
  context.save();
  context.lineJoin = "round";
  context.globalAlpha = look.alpha ?? 1;
  const dash = DASHED.has(look.kind) ? [7 * ratio, 5 * ratio] : [];
  for (const box of boxes) strokeBox(context, box, ratio * (look.weight ?? 1), dash);
  // large boxes get their label first: where labels would lie on each other, the small one's gives way
  boxes.sort((a, b) => b.w * b.h - a.w * a.h);
  const taken = [];
  if (look.labels !== "none") for (const box of boxes) drawLabel(context, box, ratio, boxes, taken, look.labels);
  context.restore();
}

function strokeBox(context, { colour, x, y, w, h }, ratio, dash) {
  context.setLineDash(dash);
  context.strokeStyle = "rgb(0 0 0 / 55%)"; // a halo, so that the line shows on any image
  context.lineWidth = 4 * ratio;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = colour;
  context.lineWidth = 2 * ratio;
  context.strokeRect(x, y, w, h);
  context.setLineDash([]);
}

/** "Anna, without mask 91 % #7", and what to say where there is no room for that. */
function labelTexts({ label, detector, confidence, track_id: track, identity }, labels) {
  const percent = `${Math.round(confidence * 100)} %`;
  const person = identity ? nameOf(identity.person) : null; // an id would tell nothing
  const name = labelName(label, detector);
  const number = track === null || track === undefined ? "" : ` #${track}`;
  if (labels === "short") return [person ?? name];
  const whole = `${name} ${percent}${number}`;
  return person ? [`${person}, ${whole}`, person] : [whole, `${percent}${number}`];
}

function drawLabel(context, box, ratio, boxes, taken, labels) {
  const { width, height } = context.canvas;
  const size = Math.round(Math.min(12, Math.max(10, width / ratio / 36)) * ratio);
  const pad = 4 * ratio;
  context.font = FONT.replace("{}", size);
  const h = size + pad * 1.5;
  const spots = labelTexts(box.detection, labels).flatMap((text) => {
    const w = context.measureText(text).width + pad * 2;
    const x = Math.max(0, Math.min(box.x - ratio, width - w));
    return [box.y - h - ratio, box.y + box.h + ratio, Math.max(0, box.y + ratio)].map((y) => ({ text, x, y, w, h }));
  });
  const free = spots.filter(
    (spot) => spot.y >= 0 && spot.y + h <= height && !taken.some((other) => overlap(spot, other)),
  );
  const place = free.find((spot) => !boxes.some((other) => other !== box && overlap(spot, other))) ?? free.at(-1);
  if (!place) return; // a crowd: the box alone has to do
  taken.push(place);
  context.fillStyle = box.colour;
  context.beginPath();
  context.roundRect(place.x, place.y, place.w, h, 3 * ratio);
  context.fill();
  context.fillStyle = inkOn(box.colour);
  context.textBaseline = "middle";
  context.fillText(place.text, place.x + pad, place.y + h / 2 + ratio * 0.5);
}

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Counts by label, most frequent first: `[["with_mask", 3], …]`. */
export function countLabels(detections) {
  const counts = new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}
