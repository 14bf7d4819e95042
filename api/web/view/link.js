// A WebSocket that comes back by itself, with growing pauses.

const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

/** Events: "state" when `state` changed; "message" with the data as `detail`. */
export class Link extends EventTarget {
  state = "closed"; // connecting, open, waiting (until the next try), closed (on purpose)
  failures = 0; // tries in a row that brought no message
  refused = false; // the last try never got as far as "open"
  #url;
  #socket = null;
  #timer = 0;

  constructor(url) {
    super();
    this.#url = url;
  }

  open() {
    if (!this.#socket && !this.#timer) this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.failures = 0;
    this.#become("closed");
  }

  /** Tries at once instead of waiting, as when the server was just seen to be back. */
  retry() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#connect();
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      opened = true;
      this.refused = false;
      this.#become("open");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.failures = 0;
      this.dispatchEvent(new CustomEvent("message", { detail: data }));
    });
    socket.addEventListener("close", () => {
      if (socket !== this.#socket) return;
      this.refused = !opened;
      this.#again();
    });
    this.#become("connecting");
  }

  #again() {
    this.#socket = null;
    const pause = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#connect();
    }, pause);
    this.#become("waiting");
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
