// When to show which picture: as early as its results allow, and evenly. Pure.

const MEMORY_MS = 2000;
const CATCH_UP = 0.05; // at most this much faster than life when the delay may shrink

/** The delay between a picture's own time and the moment it is shown, held so that few pictures come too late. */
export class Pace {
  #recent = []; // {at, late}, the latenesses of the last seconds
  #delay = null;
  #turned = 0;

  reset() {
    this.#recent = [];
    this.#delay = null;
  }

  get delay() {
    return this.#delay;
  }

  /** The boxes of the picture of `ptsUs` were known from `now` (ms) on. */
  note(ptsUs, now) {
    const late = now - ptsUs / 1000;
    this.#recent.push({ at: now, late });
    while (this.#recent.length > 1 && this.#recent[0].at < now - MEMORY_MS) this.#recent.shift();
    if (this.#delay === null || late > this.#delay) this.#delay = late;
  }

  /** Once a turn, before `due`. */
  turn(now) {
    const passed = Math.min(100, now - this.#turned);
    this.#turned = now;
    if (this.#delay === null) return;
    const wanted = Math.max(...this.#recent.map(({ late }) => late));
    this.#delay = Math.max(wanted, this.#delay - passed * CATCH_UP);
  }

  due(ptsUs, now) {
    return this.#delay !== null && now + 4 >= ptsUs / 1000 + this.#delay; // a quarter of a screen's turn early is on time
  }
}
