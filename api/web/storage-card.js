// How long events, images and clips are kept: as it is set, and as it will be at the rate of the last week.

import { retention } from "./api.js";
import { el } from "./dom.js";

const EVERY_MS = 60000;
const NAMES = { events: "Events", media_bytes: "Images and clips" };
const DAY_S = 86400;
const SPANS = [
  [2 * DAY_S, DAY_S, "day"],
  [3600, 3600, "hour"],
  [60, 60, "minute"],
];
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

export class StorageCard {
  #timer = 0;
  #abort = null;

  show() {
    this.#load();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #load() {
    clearTimeout(this.#timer);
    const { signal } = (this.#abort = new AbortController());
    if (!document.hidden) {
      const found = await retention(signal).catch(() => null);
      if (signal.aborted) return;
      this.#draw(found);
    }
    this.#timer = setTimeout(() => this.#load(), EVERY_MS);
  }

  #draw(found) {
    const limits = found?.limits ?? [];
    const rows = limits.map(({ limit, most, per_day: perDay, kept_s: kept, set_s: set }) => {
      const amount = limit === "events" ? (number) => Math.round(number).toLocaleString() : sizeWords;
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, NAMES[limit]),
        el("td", { class: "figure" }, amount(perDay)),
        el("td", { class: "figure" }, amount(most)),
        el("td", {}, spanWords(kept)),
        el("td", {}, spanWords(set)),
      );
    });
    document.getElementById("storage-rows").replaceChildren(...rows);
    document.getElementById("storage-table").hidden = !rows.length;
    document.getElementById("storage-notes").replaceChildren(...(found?.notes ?? []).map((note) => el("li", {}, note)));
    const free = found?.disk ? `${sizeWords(found.disk.free_bytes)} are free on the disk.` : "";
    document.getElementById("storage-said").textContent = found === null ? NONE : rows.length ? free : EARLY;
  }
}

const NONE = "No process with the role monitor is running.";
const EARLY = "How long things will be kept is known a quarter of an hour after the first of them.";

function spanWords(seconds) {
  for (const [least, unit, name] of SPANS) {
    if (seconds < least) continue;
    const number = Math.round(seconds / unit);
    return `${number} ${name}${number === 1 ? "" : "s"}`;
  }
  return "less than a minute";
}

function sizeWords(bytes) {
  const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${SIZES[power]}`;
}
