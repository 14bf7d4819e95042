// What happened: the event store's list, newest first, filtered and paged by the server. Says so where there is none.

import { ifThere } from "./api.js";
import { el } from "./dom.js";

const EVERY_MS = 5000;
const PAGE = 50;
const KINDS = {
  track_began: "Came into sight",
  track_ended: "Left",
  label_changed: "Changed",
  stream_up: "Camera up",
  stream_down: "Camera down",
};

export class EventsPage {
  title = "Events";
  #streams;
  #timer = 0;
  #abort = null;
  #events = new Map(); // id → event
  #next = null; // cursor of the older ones
  #note = document.getElementById("events-note");
  #tools = document.getElementById("events-tools");
  #list = document.getElementById("events-list");
  #older = document.getElementById("events-older");

  constructor(streams) {
    this.#streams = streams;
    this.#tools.addEventListener("change", () => {
      this.#events.clear();
      this.#next = null;
      this.#load();
    });
    this.#older.addEventListener("click", () => this.#load(this.#next));
  }

  show() {
    const select = this.#tools.elements.stream;
    const chosen = select.value;
    const ids = this.#streams.views.map(({ id }) => id);
    select.replaceChildren(new Option("All cameras", ""), ...ids.map((id) => new Option(id, id, false, id === chosen)));
    this.#load();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    const { stream, kind } = this.#tools.elements;
    const wishes = { limit: PAGE, stream: stream.value, kind: kind.value, cursor };
    const query = new URLSearchParams(Object.entries(wishes).filter(([, value]) => value));
    try {
      const answer = await ifThere(`/v1/events?${query}`, signal);
      if (signal.aborted) return;
      if (answer === null) return this.#absent();
      this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("The events could not be read", error.message);
    }
    this.#timer = setTimeout(() => (document.hidden ? this.#wait() : this.#load()), EVERY_MS);
  }

  #wait() {
    this.#timer = setTimeout(() => (document.hidden ? this.#wait() : this.#load()), EVERY_MS);
  }

  #absent() {
    this.#tools.hidden = true;
    this.#older.hidden = true;
    this.#list.replaceChildren();
    this.#say(
      "This service keeps no events yet",
      "It has no event store: what the cameras see goes out live, frame by frame, over the WebSocket /v1/detections " +
        "and to Kafka, and is not kept here. This page fills by itself once /v1/events answers.",
    );
  }

  #take(answer, older) {
    const events = answer.events ?? answer.items ?? [];
    if (older || this.#events.size === 0) this.#next = answer.next ?? answer.next_cursor ?? answer.cursor ?? null;
    for (const event of events) this.#events.set(event.id, event);
    this.#tools.hidden = false;
    this.#older.hidden = this.#next === null;
    const all = [...this.#events.values()].sort((a, b) => timeOf(b) - timeOf(a));
    if (all.length) this.#note.hidden = true;
    else this.#say("Nothing happened yet", "Events appear here as they come, or none fits what you chose above.");
    this.#list.replaceChildren(...all.map(row));
  }

  #say(title, text) {
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}

/** Milliseconds since 1970. */
function timeOf(event) {
  if (event.captured_at_ns) return event.captured_at_ns / 1e6;
  const named = event.at_ns ? event.at_ns / 1e6 : Date.parse(event.at ?? event.time ?? event.occurred_at ?? "");
  return Number.isFinite(named) ? named : 0;
}

function row(event) {
  const time = new Date(timeOf(event));
  const what = KINDS[event.kind] ?? String(event.kind ?? "event").replaceAll("_", " ");
  const about = [event.label?.replaceAll?.("_", " "), event.track_id ? `#${event.track_id}` : null, event.rule];
  const picture = event.snapshot_url ?? event.snapshot;
  return el(
    "li",
    { class: "event" },
    typeof picture === "string" ? el("img", { src: picture, alt: `Picture of this event`, loading: "lazy" }) : null,
    el("time", { dateTime: time.toISOString() }, time.toLocaleString()),
    el("strong", {}, what),
    el("span", {}, about.filter(Boolean).join(" ")),
    el("a", { href: `#/live/${event.stream_id ?? event.stream}` }, event.stream_id ?? event.stream ?? ""),
  );
}
