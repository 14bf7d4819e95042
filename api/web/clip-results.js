// What was seen in the frames of a clip, by their time in it. Pure.

import { between, firstFrom } from "./view/results.js";

const SAME_US = 2000; // WebM counts in milliseconds, and a player's time is a fraction
const GAP_US = 1_000_000; // between two analysed frames farther apart nothing is known of what moved
const HELD_US = 500_000; // for so long the last result stands for the frames after it

export class ClipResults {
  #fromUs;
  #results; // by pts_us ascending

  /** @param {number} fromUs `pts_us` of the clip's first frame @param {object[]} results `livesight.frame/1`, in order */
  constructor(fromUs, results) {
    this.#fromUs = fromUs;
    this.#results = results;
  }

  get empty() {
    return this.#results.length === 0;
  }

  /**
   * What is known of the frame that is shown at this time of the clip: `{kind, result, detections}`, or null. kind "own":
   * it was analysed; "between": it was not, its neighbours were, or the one before it.
   */
  at(seconds) {
    const us = this.#fromUs + seconds * 1e6;
    const index = firstFrom(this.#results, us - SAME_US);
    const [before, after] = [this.#results[index - 1], this.#results[index]];
    if (after && after.pts_us <= us + SAME_US) return { kind: "own", result: after, detections: after.detections };
    if (!before) return null;
    if (after && after.pts_us - before.pts_us <= GAP_US)
      return { kind: "between", result: before, detections: between(before, after, us) };
    return us - before.pts_us <= HELD_US ? { kind: "between", result: before, detections: before.detections } : null;
  }
}
