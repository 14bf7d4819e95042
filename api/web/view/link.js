// A WebSocket that comes back by itself, with growing pauses.

const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

/** Events: "state" when `state` changed; "message" with the data as `detail`. */
export class Link extends EventTarget {
  state = "closed"; // connecting, open, waiting (until the next try), closed (on purpose)
  failures = 0; // tries in a row that brought no message
  refused = false; // the last try never got as far as "open"
  #address;
  #socket = null;
  #timer = 0;
  #tries = 0;

  /** @param {() => string|Promise<string>} address asked before each try */
  constructor(address) {
    super();
    this.#address = address;
  }

  open() {
    if (this.state === "closed") this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#tries += 1;
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

  async #connect() {
    const mine = ++this.#tries;
    this.#become("connecting");
    let url;
    try {
      const address = this.#address();
      url = typeof address === "string" ? address : await address;
    } catch {
      if (mine !== this.#tries) return;
      this.refused = true;
      return this.#again();
    }
    if (mine !== this.#tries) return;
    const socket = new WebSocket(url);
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
