// Holds frames and results together, and says which frame is to be seen now with which boxes.
//
// What waits for its results waits encoded: only a few frames are decoded ahead, so that a wall costs little memory
// and a hardware decoder never runs out of surfaces.

import { Decoder } from "./decoder.js";
import { Pace } from "./pace.js";
import { between, movedOn, Results } from "./results.js";

const AHEAD = 6; // frames decoded and not shown yet
const MOST_BYTES = 24 * 2 ** 20; // encoded, waiting
const MOST_US = 15_000_000;
const LAG_US = 700_000; // farther behind than this, go on with the next key frame if there is one
const PATIENCE_MS = 2000; // exact mode: without any result for so long, frames are shown without boxes

export class Player {
  mode = "exact";
  strict = false; // no frame without knowledge of its boxes, as when they are to be blurred
  stats = { decoded: 0, shown: 0, passed: 0, skipped: 0, delayMs: null };
  #results = new Results();
  #pace = new Pace();
  #queue = []; // configurations and packets, in the order they came
  #bytes = 0;
  #ready = []; // frames, by ptsUs ascending
  #arrivals = new Map(); // ptsUs → ms, of packets that were not shown yet
  #configuration = null; // the newest one received
  #switching = false;
  #decoder;
  #lastResult = 0;
  #showedAny = false;
  #newestPts = -Infinity;
  #shownPts = -Infinity; // of the running session

  /** @param {(message: string, fatal: boolean) => void} onError */
  constructor(onError) {
    this.#decoder = new Decoder((frame) => this.#onFrame(frame), onError);
  }

  get results() {
    return this.#results;
  }

  /** Whether frames are there that nobody analyses: exact mode shows them without boxes meanwhile. */
  get blind() {
    return this.mode === "exact" && this.#configuration !== null && performance.now() - this.#lastResult > PATIENCE_MS;
  }

  addResult(result) {
    const now = performance.now();
    this.#lastResult = now;
    const [before] = this.#results.newest(result.session, result.pts_us);
    this.#results.add(result);
    if (result.session !== this.#configuration?.session) return;
    // frames left out since the last result become known by this one: the first of them has waited longest
    const step = before ? (result.pts_us - before.pts_us) / (result.skipped + 1) : 0;
    this.#pace.note(result.skipped && before ? before.pts_us + step : result.pts_us, now);
  }

  configure(configuration) {
    const another = this.#configuration?.session !== configuration.session;
    if (another) {
      this.#drop();
      this.#decoder.reset();
      this.#pace.reset();
      this.#showedAny = false;
      this.#shownPts = -Infinity;
      this.#lastResult = performance.now();
    }
    this.#configuration = configuration;
    this.#newestPts = -Infinity;
    this.#queue.push(configuration);
    this.#feed();
  }

  push(packet) {
    if (!this.#configuration) return;
    this.#queue.push(packet);
    this.#bytes += packet.data.byteLength;
    this.#newestPts = Math.max(this.#newestPts, packet.ptsUs);
    this.#arrivals.set(packet.ptsUs, performance.now());
    if (this.#arrivals.size > 2000) this.#arrivals.delete(this.#arrivals.keys().next().value);
    this.#bound();
    this.#feed();
  }

  /** The connection for frames begins anew; what was shown already is not shown again. */
  restart() {
    this.#drop();
    this.#decoder.reset();
    this.#lastResult = performance.now();
  }

  /** Lets go of everything; the player may be used again. */
  close() {
    this.#drop();
    this.#decoder.reset();
    this.#pace.reset();
    this.#results.clear();
    this.#configuration = null;
    this.#showedAny = false;
    this.#shownPts = -Infinity;
  }

  /**
   * The frame to be seen from now on, or null while the one that is there stays. The caller closes it.
   * @returns {{frame: object, kind: "own"|"between"|"moved"|"none", detections: object[], result: object|null}|null}
   */
  turn(now) {
    const chosen = this.mode === "fast" ? this.#newest() : this.#exact(now);
    this.#feed();
    if (!chosen) return null;
    this.#showedAny = true;
    this.#shownPts = chosen.frame.ptsUs;
    this.stats.shown += 1;
    const arrived = this.#arrivals.get(chosen.frame.ptsUs);
    if (arrived !== undefined) this.stats.delayMs = now - arrived;
    for (const pts of this.#arrivals.keys()) if (pts <= chosen.frame.ptsUs) this.#arrivals.delete(pts);
    return chosen;
  }

  // fast mode

  #newest() {
    if (!this.#ready.length) return null;
    this.#pass(this.#ready.length - 1);
    const frame = this.#ready[0];
    const shown = this.#boxesNow(frame);
    if (this.strict && shown.kind === "none") return null;
    this.#ready.shift();
    return shown;
  }

  #boxesNow(frame) {
    const found = this.#results.find(frame.session, frame.ptsUs);
    if (found.kind === "own") return own(frame, found.result);
    const [newest, previous] = this.#results.newest(frame.session, frame.ptsUs);
    if (!newest) return { frame, kind: "none", detections: [], result: null };
    return { frame, kind: "moved", detections: movedOn(newest, previous, frame.ptsUs), result: newest };
  }

  // exact mode

  #exact(now) {
    this.#pace.turn(now);
    let chosen = -1;
    let found = null;
    for (let index = 0; index < this.#ready.length; index += 1) {
      const frame = this.#ready[index];
      const known = this.#results.find(frame.session, frame.ptsUs);
      if (known.kind === "late") break;
      if (known.kind === "early") {
        // from before this page asked for results: they never come for it
        if (index === this.#ready.length - 1 || this.#showedAny) continue;
      }
      if (known.kind !== "early" && !this.#pace.due(frame.ptsUs, now)) break;
      if (found?.kind === "own" && known.kind === "between") continue; // of several that are due, an analysed one
      [chosen, found] = [index, known];
    }
    if (chosen < 0) return this.#withoutResults();
    this.#pass(chosen);
    const frame = this.#ready.shift();
    if (found.kind === "own") return own(frame, found.result);
    if (found.kind === "early") return this.#bare(frame);
    const detections = between(found.before, found.after, frame.ptsUs);
    return { frame, kind: "between", detections, result: found.before };
  }

  /** The very first frame at once, and all of them while no results come at all. */
  #withoutResults() {
    const early = this.#ready.findLastIndex(({ session, ptsUs }) => this.#results.find(session, ptsUs).kind === "early");
    if (early >= 0 && this.#showedAny) this.#pass(early + 1);
    if (!this.#ready.length || this.strict) return null;
    if (this.blind) this.#pass(this.#ready.length - 1);
    else if (this.#showedAny) return null;
    return this.#bare(this.#ready.shift());
  }

  #bare(frame) {
    if (!this.strict) return { frame, kind: "none", detections: [], result: null };
    frame.close();
    return null;
  }

  // packets and frames

  #onFrame(frame) {
    this.stats.decoded += 1;
    if (frame.ptsUs <= this.#shownPts) return frame.close(); // the ring again, after a reconnection
    let at = this.#ready.length;
    while (at > 0 && this.#ready[at - 1].ptsUs > frame.ptsUs) at -= 1;
    this.#ready.splice(at, 0, frame);
    // nothing to wait for: before the first result the newest frames are the ones whose results will come
    const waits = this.mode === "exact" && this.#results.find(frame.session, this.#ready[0].ptsUs).before !== null;
    if (!waits && this.#ready.length > AHEAD) this.#pass(this.#ready.length - AHEAD);
    queueMicrotask(() => this.#feed());
  }

  #feed() {
    while (this.#queue.length && !this.#switching) {
      const [next] = this.#queue;
      if (next.type === "configuration") {
        this.#switch();
        return;
      }
      if (this.#decoder.backlog + (this.mode === "fast" ? 0 : this.#ready.length) >= AHEAD) return;
      this.#queue.shift();
      this.#bytes -= next.data.byteLength;
      if (!this.#decoder.decode(next)) this.#passed(1);
    }
  }

  async #switch() {
    this.#switching = true;
    const before = this.#queue[0];
    if (this.#decoder.configuration) await this.#decoder.flush();
    this.#switching = false;
    if (this.#queue[0] !== before) return this.#feed(); // another session meanwhile
    this.#decoder.configure(this.#queue.shift());
    this.#feed();
  }

  /** Bounds what waits: beyond that, or where decoding falls behind, it goes on with the newest key frame of use. */
  #bound() {
    const firstAt = this.#queue.findIndex(({ type }) => type === "packet");
    if (firstAt < 0) return;
    const first = this.#queue[firstAt];
    const over = this.#bytes > MOST_BYTES || this.#newestPts - first.ptsUs > MOST_US;
    const wantedPts = this.#wantedPts();
    if (!over && wantedPts - first.ptsUs < LAG_US) return;
    const isStart = ({ kind, ptsUs }) => (kind === "key" || kind === "jpeg") && (over || ptsUs <= wantedPts);
    const key = this.#queue.findLastIndex(isStart);
    if (key > firstAt) this.#cut(firstAt, key);
    else if (over) {
      this.#cut(firstAt, this.#queue.length);
      this.#decoder.awaitKey();
    }
  }

  /** The time of the frame that ought to be seen now. */
  #wantedPts() {
    if (this.mode === "fast") return this.#newestPts;
    return this.#pace.delay === null ? -Infinity : (performance.now() - this.#pace.delay) * 1000;
  }

  /** Leaves packets out; configurations among them stay. */
  #cut(from, to) {
    const kept = this.#queue.slice(from, to).filter(({ type }) => type === "configuration");
    const gone = to - from - kept.length;
    for (const item of this.#queue.slice(from, to)) this.#bytes -= item.data?.byteLength ?? 0;
    this.#queue.splice(from, to - from, ...kept);
    this.#passed(gone);
  }

  /** Lets go of the first `count` ready frames. */
  #pass(count) {
    for (const frame of this.#ready.splice(0, count)) frame.close();
    this.#passed(count);
  }

  #passed(count) {
    if (this.#showedAny) this.stats.passed += count;
  }

  #drop() {
    for (const frame of this.#ready.splice(0)) frame.close();
    this.#queue = [];
    this.#bytes = 0;
    this.#arrivals.clear();
  }
}

const own = (frame, result) => ({ frame, kind: "own", detections: result.detections, result });
