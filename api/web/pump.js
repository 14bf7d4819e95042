// Fetches pictures for all tiles with few connections, fairly.
//
// A browser opens six connections to a host over HTTP/1.1, so an endless MJPEG a tile would starve the seventh. Here a
// result on the socket says that a newer picture exists; the tile that waited longest gets the next free slot and the
// newest analysed picture with its pts. One tile runs at full rate, sixteen share what there is, a dead one costs
// nothing. Nothing is fetched for tiles out of sight.

import { snapshot } from "./api.js";

const SLOTS = 5; // one connection stays free for the other calls
const RETRY_MS = 1000; // after an error, or no picture yet
const BLIND_MS = 1000; // without the socket: look this often

/** Least time between two pictures of one tile: a tile or two in full motion, and never above 60 pictures a second. */
const intervalMs = (tiles) => Math.max(33, tiles * 16);

// few sizes, so that the server encodes a picture once for many viewers
const WIDTHS = [320, 480, 640, 960, 1280];
const stepOf = (width) => WIDTHS.find((step) => step >= width * 0.9); // undefined: full size

export class PicturePump {
  #entries = new Map(); // id → {id, visible, look, newest, shown, busy, last, notBefore, abort}
  #inFlight = 0;
  #timer = 0;
  #running = false;
  #blind = 0;

  /**
   * @param {(id: string, picture: {bitmap: ImageBitmap, session: string, ptsUs: number}) => void} onPicture
   *  who gets the bitmap has to close it; may be async: the tile's next picture waits for it
   * @param {(id: string) => number} widthOf device pixels that the tile has room for
   */
  constructor(onPicture, widthOf) {
    this.onPicture = onPicture;
    this.widthOf = widthOf;
  }

  start() {
    this.#running = true;
    this.#turn();
  }

  /** Ends all fetching (the tab is hidden); what is in flight is given up. */
  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    for (const entry of this.#entries.values()) entry.abort?.abort();
  }

  /** Without the socket nothing says that there are newer pictures: look now and then. */
  setBlind(blind) {
    clearInterval(this.#blind);
    this.#blind = blind ? setInterval(() => this.#lookAtAll(), BLIND_MS) : 0;
  }

  /** @param {boolean} look there is a picture already, so do not wait for the socket to announce one */
  add(id, look) {
    if (this.#entries.has(id)) return;
    this.#entries.set(id, {
      id,
      visible: false,
      look, // fetch whatever is there
      newest: "", // the newest picture the socket spoke of
      shown: "", // the newest picture fetched
      busy: false,
      last: 0,
      notBefore: 0,
      abort: null,
    });
  }

  remove(id) {
    this.#entries.get(id)?.abort?.abort();
    this.#entries.delete(id);
  }

  setVisible(id, visible) {
    const entry = this.#entries.get(id);
    if (!entry || entry.visible === visible) return;
    entry.visible = visible;
    this.#turn();
  }

  /** There is a newer picture of this stream. */
  announce(id, session, ptsUs) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.newest = `${session}/${ptsUs}`;
    if (!entry.busy) this.#turn();
  }

  #lookAtAll() {
    for (const entry of this.#entries.values()) entry.look = true;
    this.#turn();
  }

  #turn() {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const waiting = [...this.#entries.values()].filter(
      (entry) => entry.visible && !entry.busy && (entry.look || entry.newest !== entry.shown),
    );
    const due = waiting.filter((entry) => entry.notBefore <= now).sort((a, b) => a.last - b.last);
    for (const entry of due.slice(0, SLOTS - this.#inFlight)) this.#fetch(entry);
    const later = waiting.filter((entry) => entry.notBefore > now).map((entry) => entry.notBefore);
    if (later.length) this.#timer = setTimeout(() => this.#turn(), Math.min(...later) - now);
  }

  async #fetch(entry) {
    const began = performance.now();
    const visible = [...this.#entries.values()].filter((other) => other.visible).length;
    entry.busy = true;
    entry.look = false;
    entry.last = began;
    entry.notBefore = began + intervalMs(visible);
    entry.abort = new AbortController();
    this.#inFlight += 1;
    let picture = null; // none yet: then the socket tells when there is one
    try {
      picture = await snapshot(entry.id, { signal: entry.abort.signal, width: stepOf(this.widthOf(entry.id)) });
    } catch {
      // the poll of the streams says in words what is wrong; here it is only a reason to try again
      entry.look = true;
    }
    this.#inFlight -= 1;
    if (!picture) entry.notBefore = performance.now() + RETRY_MS;
    this.#turn();
    if (picture && !entry.abort.signal.aborted) await this.#deliver(entry, picture);
    entry.busy = false;
    this.#turn();
  }

  async #deliver(entry, { blob, session, ptsUs }) {
    const key = `${session}/${ptsUs}`;
    if (key === entry.shown) return;
    entry.shown = key;
    try {
      const bitmap = await createImageBitmap(blob);
      if (this.#entries.get(entry.id) !== entry || !this.#running) return bitmap.close();
      await this.onPicture(entry.id, { bitmap, session, ptsUs });
    } catch (error) {
      console.warn(`picture of ${entry.id} could not be shown`, error);
    }
  }
}
