// One WebSocket with the results of all streams: reconnects by itself, and remembers the last results of each stream
// so that a picture finds precisely its own boxes by (session, pts_us).

const KEPT = 60; // results a stream
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

const keyOf = (session, ptsUs) => `${session}/${ptsUs}`;

/** Events: "state" when `state` changed; "result" with the result as `detail`. */
export class DetectionsFeed extends EventTarget {
  state = "closed"; // connecting, open, waiting (until the next try), closed (on purpose)
  #socket = null;
  #timer = 0;
  #failures = 0;
  #histories = new Map(); // stream id → Map(key → result), oldest first
  #waiters = new Map(); // stream id → Set({session, ptsUs, settle})

  open() {
    if (this.#socket || this.#timer) return;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#become("closed");
  }

  /** Tries at once instead of waiting, as when the server was just seen to be back. */
  retry() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#connect();
  }

  /** The result of that very picture; null if it does not come: a newer one did, or `patienceMs` are over. */
  resultOf(id, session, ptsUs, patienceMs = 1500) {
    const known = this.#histories.get(id)?.get(keyOf(session, ptsUs));
    if (known || this.state !== "open") return Promise.resolve(known ?? null);
    return new Promise((resolve) => {
      const waiting = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiting);
      const waiter = {
        session,
        ptsUs,
        settle(result) {
          clearTimeout(timer);
          waiting.delete(waiter);
          resolve(result);
        },
      };
      const timer = setTimeout(waiter.settle, patienceMs, null);
      waiting.add(waiter);
    });
  }

  /** Forgets a stream that is gone. */
  forget(id) {
    this.#histories.delete(id);
    this.#waiters.delete(id);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/detections`);
    this.#socket = socket;
    this.#become("connecting");
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#failures = 0;
      this.#become("open");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket && typeof data === "string") this.#take(JSON.parse(data));
    });
    socket.addEventListener("close", () => {
      if (socket === this.#socket) this.#again();
    });
  }

  #again() {
    this.#socket = null;
    const pause = BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#connect();
    }, pause);
    this.#become("waiting");
  }

  #take(result) {
    if (!result?.schema?.startsWith("livesight.frame/")) return;
    const { stream_id: id, session, pts_us: ptsUs } = result;
    const key = keyOf(session, ptsUs);
    let history = this.#histories.get(id);
    if (!history) this.#histories.set(id, (history = new Map()));
    history.set(key, result);
    if (history.size > KEPT) history.delete(history.keys().next().value);
    for (const waiter of this.#waiters.get(id) ?? []) {
      if (waiter.session === session && waiter.ptsUs <= ptsUs) waiter.settle(waiter.ptsUs === ptsUs ? result : null);
    }
    this.dispatchEvent(new CustomEvent("result", { detail: result }));
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
