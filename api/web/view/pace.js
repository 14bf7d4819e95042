// When to show which frame: as early as its results allow, and evenly. Pure.

const MEMORY_MS = 2000;
const ON_TIME = 0.95; // of the frames; the others wait for their results, and hold up those behind them
const CATCH_UP = 0.05; // at most this much faster than life when the delay may shrink

/** The delay between a frame's own time and the moment it is shown, held so that one in twenty comes too late. */
export class Pace {
  #recent = []; // {at, late}, the latenesses of the last seconds
  #wanted = null; // the delay that would have had all but few of them on time
  #delay = null;
  #turned = 0;

  reset() {
    this.#recent = [];
    this.#wanted = this.#delay = null;
  }

  get delay() {
    return this.#delay;
  }

  /** The boxes of the frame of `ptsUs` were known from `now` (ms) on. */
  note(ptsUs, now) {
    const late = now - ptsUs / 1000;
    this.#recent.push({ at: now, late });
    while (this.#recent.length > 1 && this.#recent[0].at < now - MEMORY_MS) this.#recent.shift();
    const ascending = this.#recent.map(({ late }) => late).sort((a, b) => a - b);
    this.#wanted = ascending[Math.ceil(ON_TIME * ascending.length) - 1];
    if (this.#delay === null || this.#wanted > this.#delay) this.#delay = this.#wanted;
  }

  /** Once a turn, before `due`. */
  turn(now) {
    const passed = Math.min(100, now - this.#turned);
    this.#turned = now;
    if (this.#delay === null) return;
    this.#delay = Math.max(this.#wanted, this.#delay - passed * CATCH_UP);
  }

  due(ptsUs, now) {
    return this.#delay !== null && now + 4 >= ptsUs / 1000 + this.#delay; // a quarter of a screen's turn early is on time
  }
}
