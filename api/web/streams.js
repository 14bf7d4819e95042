// The list of streams as the server has it, asked for every two seconds while the tab is in front.

import { ApiError, listStreams, readiness } from "./api.js";

const POLL_MS = 2000;

/** Events: "change" when `views` were read; "trouble" when `trouble` (words, or null) changed. */
export class Streams extends EventTarget {
  views = [];
  trouble = null;
  known = false; // whether the server has answered at all
  #timer = 0;
  #abort = new AbortController();
  #running = false;

  start() {
    this.#running = true;
    this.poll();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Asks at once. */
  async poll() {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const views = await listStreams(signal);
      // a service that is about to stop, or just starting, has no streams: that is no reason to clear the wall
      if (!views.length && this.views.length && (await readiness(signal)).state === "down")
        throw new ApiError("The service is not ready.");
      if (signal.aborted) return;
      this.views = views;
      this.known = true;
      this.#tell(null);
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(error.message);
    }
    if (this.#running) this.#timer = setTimeout(() => this.poll(), POLL_MS);
  }

  #tell(trouble) {
    if (this.trouble === trouble) return;
    this.trouble = trouble;
    this.dispatchEvent(new Event("trouble"));
  }
}
