// The header: how many cameras, whether results arrive, whether the service is well. And what pops up below.

import { readiness } from "./api.js";

const LINK_WORDS = {
  connecting: ["Connecting", "Connecting to the server."],
  open: ["Connected", "Connected to the server."],
  waiting: ["Reconnecting", "The server does not respond; trying again."],
  closed: ["Paused", "Updates pause while this tab is hidden."],
};
const HEALTH_WORDS = {
  ready: ["Healthy", "All models are loaded and results are published."],
  degraded: ["Degraded", "Livesight works with problems:"],
  down: ["Not ready", "Livesight cannot analyse video now:"],
};
const HEALTH_EVERY_MS = 5000;

export function showLink(state) {
  const pill = document.getElementById("link");
  const [text, title] = LINK_WORDS[state];
  pill.dataset.state = state;
  pill.title = title;
  if (pill.lastElementChild.textContent !== text) pill.lastElementChild.textContent = text;
}

/** @param {{state: string}[]} views */
export function showSummary(views) {
  const live = views.filter(({ state }) => state === "live").length;
  const noun = views.length === 1 ? "camera" : "cameras";
  const words = views.length === 0 ? "" : `${views.length} ${noun}, ${live === views.length ? "all" : live} live`;
  const summary = document.getElementById("summary");
  const text = views.length === 1 ? `1 camera, ${live ? "live" : "not live"}` : words;
  if (summary.textContent !== text) summary.textContent = text;
}

/** A line over the whole page; null takes it away. */
export function showBanner(words) {
  const banner = document.getElementById("banner");
  banner.hidden = !words;
  if (banner.textContent !== (words ?? "")) banner.textContent = words ?? "";
}

export function toast(words, kind = "info") {
  const note = document.createElement("p");
  note.className = `toast ${kind}`;
  note.textContent = words;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

/** Asks /readyz now and then; `pause()` while the tab is hidden. Event: "change" when `health` was read. */
export class HealthWatch extends EventTarget {
  health = null; // {state, reasons}, of `readiness`
  #timer = 0;
  #running = false;

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#ask();
  }

  pause() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #ask() {
    const health = await readiness();
    if (!this.#running) return;
    this.health = health;
    this.#show(health);
    this.dispatchEvent(new Event("change"));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), HEALTH_EVERY_MS);
  }

  #show({ state, reasons }) {
    const [text, words] = HEALTH_WORDS[state];
    const pill = document.getElementById("health");
    pill.dataset.state = state;
    pill.title = [words, ...reasons].join("\n");
    pill.setAttribute("aria-label", `Service state: ${text}`);
    if (pill.lastElementChild.textContent !== text) pill.lastElementChild.textContent = text;
    document.getElementById("health-title").textContent = text;
    document.getElementById("health-text").textContent = words;
    const items = reasons.map((reason) => {
      const item = document.createElement("li");
      item.textContent = reason;
      return item;
    });
    document.getElementById("health-reasons").replaceChildren(...items);
  }
}
