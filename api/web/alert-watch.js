// The alerts that are open, asked for while the tab is in front; new ones are told on every page.

import { listAlerts } from "./api.js";
import { may } from "./session.js";
import { toast } from "./status.js";

const EVERY_MS = 2000;
const ABSENT_MS = 30000; // where there are no alerts they are not asked for all the time
const PAGE = 100;

/** Event: "change" when `open` was read. `open` is null where this service has no alerts. */
export class AlertWatch extends EventTarget {
  open = null;
  #timer = 0;
  #running = false;
  #told = null; // ids that were there before, null before the first answer
  #bell = document.getElementById("bell");

  start() {
    if (this.#running || !may("events")) return;
    this.#running = true;
    this.poll();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async poll() {
    clearTimeout(this.#timer);
    try {
      const answer = await listAlerts({ state: "open", limit: PAGE });
      this.open = answer?.alerts ?? null;
      this.#tell();
      this.#show();
      this.dispatchEvent(new Event("change"));
    } catch {
      // whether the server answers at all is told by others
    }
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.poll(), this.open === null ? ABSENT_MS : EVERY_MS);
  }

  /** The worst open alert of a camera, null when there is none. */
  of(stream) {
    const ours = (this.open ?? []).filter(({ stream_id: id }) => id === stream);
    return ours.find(({ severity }) => severity === "critical") ?? ours[0] ?? null;
  }

  #tell() {
    const ids = new Set((this.open ?? []).map(({ id }) => id));
    const fresh = this.#told ? (this.open ?? []).filter(({ id }) => !this.#told.has(id)) : [];
    if (fresh.length) toast(wordsOf(fresh), fresh.every(({ severity }) => severity === "info") ? "info" : "bad");
    this.#told = new Set([...(this.#told ?? []), ...ids]);
  }

  #show() {
    const waiting = (this.open ?? []).filter(({ acknowledged_at_ns: seen }) => !seen);
    const critical = waiting.some(({ severity }) => severity === "critical");
    this.#bell.hidden = waiting.length === 0;
    this.#bell.dataset.state = critical ? "down" : "degraded";
    const words = waiting.length === 1 ? "alert" : "alerts";
    const [number, noun] = this.#bell.querySelectorAll("span");
    [number.textContent, noun.textContent] = [waiting.length, words];
    this.#bell.setAttribute("aria-label", `${waiting.length} ${words}, show them`);
  }
}

/** What is new since the last answer: a busy street would cover the page, one notice for each. */
function wordsOf(fresh) {
  const [{ text, rule, stream_id: stream }] = fresh;
  if (fresh.length === 1) return text ?? `${stream}: ${rule}`;
  return `${fresh.length} new alerts: ${[...new Set(fresh.map(({ stream_id: id }) => id))].sort().join(", ")}`;
}
