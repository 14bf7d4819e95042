// When and where somebody was seen: on a timeline over the cameras, and the newest tracks below it.

import { el } from "./dom.js";
import { RANGES } from "./event-query.js";
import { trackRow } from "./event-rows.js";
import { sightings } from "./people-api.js";
import { sightingsTimeline } from "./sightings-timeline.js";
import { TrackDialog } from "./track-dialog.js";

const OFFERED = { "24h": "Last day", "7d": "Last week", "30d": "Last month" };
const MOST = 500; // in the timeline; the Events page has all
const ROWS = 20;

export class PersonSightings {
  #person = null;
  #range = "7d";
  #asked = [0, 0]; // the time that the tracks are of, milliseconds since 1970
  #tracks = null;
  #more = false;
  #width = 0;
  #abort = null;
  #dialog = new TrackDialog();
  #place = el("div", { class: "sightings-place" });

  constructor() {
    const choose = ({ currentTarget }) => {
      this.#range = currentTarget.value;
      this.#load();
    };
    const options = Object.entries(OFFERED).map(([value, words]) => new Option(words, value, false, value === this.#range));
    const range = el("select", { class: "select", "aria-label": "Time", on: { change: choose } }, ...options);
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "sightings-title" },
      el("div", { class: "camera-head" }, el("h2", { id: "sightings-title" }, "Seen"), range),
      this.#place,
    );
    new ResizeObserver(() => this.#place.clientWidth !== this.#width && this.#draw()).observe(this.#place);
  }

  show(person) {
    if (person.id !== this.#person?.id) {
      this.#tracks = null;
      this.#place.replaceChildren(el("p", { class: "quiet" }, "Loading…"));
    }
    this.#person = person;
    this.#load();
  }

  hide() {
    this.#abort?.abort();
    this.#person = null;
  }

  async #load() {
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    const now = Date.now();
    const since = now - RANGES[this.#range];
    try {
      const filters = { since: new Date(since).toISOString(), limit: MOST };
      const answer = await sightings(this.#person.id, filters, signal);
      if (signal.aborted) return;
      this.#asked = [since, now];
      this.#tracks = answer?.tracks ?? [];
      this.#more = Boolean(answer?.next);
      this.#draw();
    } catch (error) {
      if (!signal.aborted) this.#place.replaceChildren(el("p", { class: "form-error" }, error.message));
    }
  }

  #draw() {
    const tracks = this.#tracks;
    this.#width = this.#place.clientWidth;
    if (!this.#person || !tracks || !this.#width) return;
    if (!tracks.length) return this.#place.replaceChildren(el("p", { class: "quiet" }, "Not seen in this time."));
    const open = (track) => this.#dialog.open(track);
    const all = `#/events?${new URLSearchParams({ range: this.#range, person: this.#person.id })}`;
    this.#place.replaceChildren(
      sightingsTimeline(tracks, this.#asked, this.#width),
      this.#more ? el("p", { class: "quiet" }, `Only the newest ${tracks.length} are shown.`) : "",
      el("ol", { class: "events" }, ...tracks.slice(0, ROWS).map((track) => trackRow(track, open))),
      el("a", { href: all }, "Show all on the Events page"),
    );
  }
}
