// Draws a frame and its boxes on a canvas, as large as it is seen. Knows nothing of streams or sockets.

import { countOf } from "../label-words.js";
import { countLabels, drawDetections } from "../overlay.js";
import { nameOf } from "../person-names.js";

const MOST_RATIO = 2; // device pixels per CSS pixel: more cannot be told apart in moving frames

export class Painter {
  look = {}; // of drawDetections, and `blur`
  #canvas;
  #context;
  #size = { width: 0, height: 0 }; // CSS pixels
  #shown = null; // {frame, kind, detections, result}; the frame is ours
  #boxesOnly = null; // {width, height} of what lies under the canvas instead of a frame

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  get shown() {
    return this.#shown;
  }

  /** @param {{width: number, height: number}} size CSS pixels that there are */
  resize(size) {
    this.#size = size;
    this.draw();
  }

  /** Takes over what `Player.turn` gave. */
  show(shown) {
    if (this.#shown?.frame !== shown.frame) this.#shown?.frame?.close();
    this.#shown = shown;
    this.#boxesOnly = null;
    this.draw();
  }

  /** Boxes over something else; null takes them away. @param {{width: number, height: number}} under its size */
  showBoxes(shown, under) {
    this.#shown?.frame?.close();
    this.#shown = shown;
    this.#boxesOnly = under;
    this.draw();
  }

  /** Lets go of the frame, and empties the canvas. */
  clear() {
    this.#shown?.frame?.close();
    this.#shown = null;
    this.#boxesOnly = null;
    this.#canvas.width = this.#canvas.height = 0;
  }

  draw() {
    const source = this.#boxesOnly ?? this.#shown?.frame;
    if (!source?.width || !this.#size.width || !this.#size.height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, MOST_RATIO);
    const fit = Math.min(this.#size.width / source.width, this.#size.height / source.height) * ratio;
    const width = Math.max(1, Math.round(source.width * fit));
    const height = Math.max(1, Math.round(source.height * fit));
    const context = this.#context;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    } else if (this.#boxesOnly) {
      context.clearRect(0, 0, width, height);
    }
    if (!this.#boxesOnly) context.drawImage(this.#shown.frame.source, 0, 0, width, height);
    if (!this.#shown?.result) return;
    // by the result's own size: the frame may come scaled, and a browser's camera changes its size in flight
    const [wide, high] = this.#shown.result.size_wh;
    const scale = [width / wide, height / high];
    if (this.look.blur && !this.#boxesOnly) this.#coarsen(this.#shown.detections, ...scale);
    drawDetections(context, this.#shown.detections, ...scale, ratio, { ...this.look, kind: this.#shown.kind });
  }

  /** A courtesy to onlookers: whoever gets the frame has the whole frame. */
  #coarsen(detections, scaleX, scaleY) {
    const context = this.#context;
    context.save();
    context.imageSmoothingEnabled = false;
    for (const { xyxy } of detections) {
      const [x1, y1, x2, y2] = [xyxy[0] * scaleX, xyxy[1] * scaleY, xyxy[2] * scaleX, xyxy[3] * scaleY];
      const [growX, growY] = [(x2 - x1) * 0.125, (y2 - y1) * 0.125];
      const x = Math.max(0, Math.floor(x1 - growX));
      const y = Math.max(0, Math.floor(y1 - growY));
      const w = Math.min(this.#canvas.width, Math.ceil(x2 + growX)) - x;
      const h = Math.min(this.#canvas.height, Math.ceil(y2 + growY)) - y;
      if (w < 2 || h < 2) continue;
      const blocks = 6;
      const small = new OffscreenCanvas(blocks, blocks);
      small.getContext("2d").drawImage(this.#canvas, x, y, w, h, 0, 0, blocks, blocks);
      context.drawImage(small, 0, 0, blocks, blocks, x, y, w, h);
    }
    context.restore();
  }
}

/** "Ada, 2 people with masks, a car", for those who do not see the canvas. */
export function wordsFor(detections) {
  const called = ({ identity }) => (identity ? nameOf(identity.person) : null);
  const others = countLabels(detections.filter((found) => !called(found))).map(([label, count]) => countOf(count, label));
  return [...detections.map(called).filter(Boolean), ...others].join(", ") || "nothing detected";
}
