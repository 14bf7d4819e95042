// The last results of a stream, and what they say about a frame: its own boxes, or those between its neighbours, or
// those of its past moved on. Pure.

const KEPT = 400; // results a session: more than any delay of the analysis
const SESSIONS = 2; // the running one, and the one before while its frames are still shown
const FARTHEST_US = 500_000; // boxes are not moved on for longer: they would be guesses

export class Results {
  #sessions = new Map(); // session → results, by pts_us ascending

  /** Results of a stream come in the order of their frames; one that does not (a double) is left out. */
  add(result) {
    let list = this.#sessions.get(result.session);
    if (!list) {
      this.#sessions.set(result.session, (list = []));
      if (this.#sessions.size > SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value);
    }
    if (list.length && result.pts_us <= list.at(-1).pts_us) return;
    list.push(result);
    if (list.length > KEPT) list.splice(0, list.length - KEPT);
  }

  clear() {
    this.#sessions.clear();
  }

  /**
   * What is known of a frame. kind "own": it was analysed, `result`. "between": it was not, `before` and `after` are
   * its neighbours. "early": older than all that is known here. "late": its result may still come; `before` is the
   * newest there is, null for none.
   */
  find(session, ptsUs) {
    const list = this.#sessions.get(session) ?? [];
    const at = firstFrom(list, ptsUs);
    if (at === list.length) return { kind: "late", before: list.at(-1) ?? null };
    if (list[at].pts_us === ptsUs) return { kind: "own", result: list[at] };
    if (at === 0) return { kind: "early" };
    return { kind: "between", before: list[at - 1], after: list[at] };
  }

  /** The newest two results up to that time, newest first. */
  newest(session, ptsUs) {
    const list = this.#sessions.get(session) ?? [];
    const at = firstFrom(list, ptsUs + 1);
    return list.slice(Math.max(0, at - 2), at).reverse();
  }
}

/** Index of the first result at or after `ptsUs`. */
export function firstFrom(list, ptsUs) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].pts_us < ptsUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

const keyOf = ({ detector, track_id: track }) => (track === null || track === undefined ? null : `${detector}/${track}`);

const byTrack = (result) => new Map(result.detections.filter(keyOf).map((found) => [keyOf(found), found]));

/** Detections of a frame between two analysed ones: tracks in both move evenly; others belong to the nearer one. */
export function between(before, after, ptsUs) {
  const share = (ptsUs - before.pts_us) / (after.pts_us - before.pts_us);
  const later = byTrack(after);
  const nearer = share < 0.5 ? before : after;
  const moved = before.detections
    .filter((found) => later.has(keyOf(found)))
    .map((found) => at(found, found.xyxy, later.get(keyOf(found)).xyxy, share));
  const seen = new Set(moved.map(keyOf));
  return [...moved, ...nearer.detections.filter((found) => !seen.has(keyOf(found)))];
}

/** Detections of the newest result moved on to `ptsUs` along each track's last step. */
export function movedOn(newest, previous, ptsUs) {
  const step = previous ? newest.pts_us - previous.pts_us : 0;
  if (!(step > 0 && step <= 2 * FARTHEST_US)) return newest.detections;
  const share = 1 + Math.min(ptsUs - newest.pts_us, FARTHEST_US) / step;
  const earlier = byTrack(previous);
  return newest.detections.map((found) => {
    const known = earlier.get(keyOf(found));
    return known ? at(found, known.xyxy, found.xyxy, share) : found;
  });
}

/** `found` with its box on the way from one to the other, 0 to 1, or farther. */
const at = (found, from, to, share) => ({ ...found, xyxy: from.map((value, i) => value + (to[i] - value) * share) });
