// What happened: filtered by the server, newest first, live; counts over time; images and clips.

import { eventCounts, ifThere, listEvents, listModels } from "./api.js";
import { Chart } from "./chart.js";
import { colourOf, wordsOf } from "./colours.js";
import { badge, el } from "./dom.js";
import { EventDialog } from "./event-dialog.js";
import { KINDS, SEVERITIES, timeOf, TONES, whatOf, whoOf } from "./event-words.js";
import { countQueryOf, queryOf, rangeOf } from "./event-query.js";

const EVERY_MS = 5000;
const SOON_MS = 500; // after something happened: what comes together is read together
const COUNTS_MS = 10000;
const BUCKETS_MS = { minute: 60e3, hour: 3600e3, day: 86400e3 };
const PAGE = 50;
const MOST = 500; // rows kept while new ones come

export class EventsPage {
  title = "Events";
  #streams;
  #timer = 0;
  #abort = null;
  #live = null; // EventSource: tells that something happened
  #events = []; // newest first
  #next = null; // cursor of the older ones
  #countedAt = 0;
  #dialog = new EventDialog();
  #chart = null;
  #note = document.getElementById("events-note");
  #tools = document.getElementById("events-tools");
  #list = document.getElementById("events-list");
  #older = document.getElementById("events-older");
  #csv = document.getElementById("events-csv");
  #timeline = document.getElementById("events-timeline");

  constructor(streams) {
    this.#streams = streams;
    const { kind } = this.#tools.elements;
    kind.append(...Object.entries(KINDS).map(([value, words]) => new Option(words, value)));
    this.#tools.addEventListener("submit", (event) => event.preventDefault());
    this.#tools.addEventListener("change", () => this.#again());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    document.getElementById("events-reset").addEventListener("click", () => {
      this.#tools.reset();
      this.#again();
    });
    document.addEventListener("themechange", () => this.#shown && this.#count());
    streams.addEventListener("change", () => this.#shown && this.#offerStreams());
  }

  get #shown() {
    return this.#abort !== null;
  }

  async show() {
    this.#offerStreams();
    this.#again();
    this.#fill(
      "zone",
      "Anywhere",
      (await ifThere("/v1/zones").catch(() => null))?.scenes.flatMap(({ zones }) => zones.map(({ name }) => name)),
    );
    this.#fill(
      "label",
      "All labels",
      (await listModels().catch(() => [])).flatMap(({ card }) => card.classes),
    );
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
    this.#live?.close();
    this.#live = null;
  }

  /** The cameras that there are, and the one that is chosen, which may be gone while its events are not. */
  #offerStreams() {
    const { stream } = this.#tools.elements;
    const chosen = stream.value;
    const ids = [...new Set([...this.#streams.views.map(({ id }) => id), ...(chosen ? [chosen] : [])])].sort();
    if (
      ids.join() ===
      [...stream.options]
        .slice(1)
        .map(({ value }) => value)
        .join()
    )
      return;
    stream.replaceChildren(new Option("All cameras", ""), ...ids.map((id) => new Option(id, id, false, id === chosen)));
  }

  /** Offers names in a list; without any there is no list. */
  #fill(name, none, found) {
    const select = this.#tools.elements[name];
    const names = [...new Set([...(found ?? []), ...(select.value ? [select.value] : [])])].sort();
    select.replaceChildren(
      new Option(none, ""),
      ...names.map((each) => new Option(wordsOf(each), each, false, each === select.value)),
    );
    select.hidden = names.length === 0;
  }

  /** Another question: everything anew. */
  #again() {
    this.#events = [];
    this.#next = null;
    this.#list.replaceChildren();
    const custom = this.#tools.elements.range.value === "custom";
    for (const name of ["since", "until"]) this.#tools.elements[name].closest("label").hidden = !custom;
    this.#load();
    this.#count();
    this.#listen();
  }

  /** What fits comes at once; without that (a proxy that keeps it back) every few seconds. */
  #listen() {
    this.#live?.close();
    const { since: _, until, ...filters } = this.#filters;
    if (until) return; // what is over does not change
    this.#live = new EventSource(`/v1/events/live?${new URLSearchParams(filters)}`);
    this.#live.addEventListener("message", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#load(), SOON_MS);
    });
  }

  get #filters() {
    return queryOf(new FormData(this.#tools));
  }

  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const answer = await listEvents({ ...this.#filters, limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) return this.#absent();
      this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Events could not be loaded", error.message);
    }
    if (performance.now() - this.#countedAt > COUNTS_MS) this.#count();
    this.#wait();
  }

  #wait() {
    this.#timer = setTimeout(() => (document.hidden ? this.#wait() : this.#load()), EVERY_MS);
  }

  #absent() {
    this.#tools.hidden = this.#older.hidden = this.#timeline.hidden = this.#csv.hidden = true;
    this.#list.replaceChildren();
    const text = "No process with the role monitor is running. Live results are still available.";
    this.#say("Events are not stored", text);
    this.#wait();
  }

  #take({ events, next }, older) {
    const first = this.#events.length === 0;
    const known = new Map(this.#events.map((event) => [event.id, event]));
    const fresh = new Set(first || older ? [] : events.map(({ id }) => id).filter((id) => !known.has(id)));
    if (older || first) this.#next = next;
    for (const event of events) known.set(event.id, event); // images and clips arrive after their events
    this.#events = [...known.values()].sort((a, b) => b.captured_at_ns - a.captured_at_ns);
    if (!older && this.#events.length > MOST) this.#events.length = MOST;
    this.#tools.hidden = this.#csv.hidden = false;
    this.#csv.href = `/v1/events.csv?${new URLSearchParams(this.#filters)}`;
    this.#older.hidden = this.#next === null;
    if (this.#events.length) this.#note.hidden = true;
    else this.#say("No events", "No event matches the filter. New events appear here as they happen.");
    this.#show(fresh);
  }

  /** Rows that are there and as they were stay, so that nobody loses the one they are at. */
  #show(fresh) {
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.id, row]));
    const shown = this.#events.map((event) => {
      const said = JSON.stringify(event);
      let row = rows.get(event.id);
      if (row?.said !== said) row = Object.assign(this.#row(event), { said });
      if (fresh.has(event.id)) row.classList.add("fresh");
      return row;
    });
    const focused = document.activeElement?.closest?.(".event");
    for (const row of [...this.#list.children]) if (!shown.includes(row)) row.remove();
    shown.forEach((row, at) => {
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null);
    });
    if (focused && !focused.isConnected)
      shown
        .find(({ dataset }) => dataset.id === focused.dataset.id)
        ?.querySelector("button")
        .focus({ preventScroll: true });
  }

  #row(event) {
    const time = new Date(timeOf(event));
    const dot = event.label ? el("i", { class: "dot" }) : null;
    dot?.style.setProperty("--dot", colourOf(event.label));
    const blank = el("span", { class: "event-blank", "aria-hidden": "true" });
    const image = event.snapshot_url && el("img", { src: event.snapshot_url, alt: "", loading: "lazy" });
    // a better image may have replaced it since; the next answer names that one
    image?.addEventListener("error", () => image.replaceWith(blank));
    const thumbnail = image ?? blank;
    return el(
      "li",
      {
        class: "event",
        dataset: { id: event.id, kind: event.kind },
        on: { animationend: ({ currentTarget: row }) => row.classList.remove("fresh") },
      },
      el(
        "button",
        { class: "event-open", type: "button", on: { click: () => this.#dialog.open(event) } },
        thumbnail,
        el(
          "span",
          { class: "event-what" },
          el("strong", {}, whatOf(event)),
          el("span", { class: "event-who" }, dot, whoOf(event)),
        ),
        event.severity ? badge(TONES[event.severity], SEVERITIES[event.severity]) : null,
        event.clip_url ? el("span", { class: "badge" }, "Clip") : null,
      ),
      el("time", { dateTime: time.toISOString() }, time.toLocaleString()),
      el("a", { href: `#/live/${event.stream_id}` }, event.stream_id),
    );
  }

  /** How many there were, over the time that is shown. */
  async #count() {
    this.#countedAt = performance.now();
    const { signal } = this.#abort ?? new AbortController();
    const chosen = new FormData(this.#tools);
    try {
      const answer = await eventCounts(countQueryOf(chosen), signal);
      if (signal.aborted || answer === null) return;
      this.#timeline.hidden = false;
      this.#draw(answer, rangeOf(chosen));
    } catch {
      if (!signal.aborted) this.#timeline.hidden = true; // the list says what the matter is
    }
  }

  #draw({ counts, total, bucket }, range) {
    document.getElementById("events-total").textContent =
      `${total.toLocaleString()} ${total === 1 ? "event" : "events"}, by ${bucket}`;
    this.#chart ??= new Chart(document.getElementById("chart-events"));
    const barWidth = BUCKETS_MS[bucket];
    const starts = [...new Set(counts.map(({ start }) => start))];
    const bars = (name, colour, wanted) => {
      const sums = new Map(starts.map((start) => [start, 0]));
      for (const { start, count, value } of counts) if (wanted(value)) sums.set(start, sums.get(start) + count);
      const points = [...sums].map(([start, y]) => ({ x: Date.parse(start) + barWidth / 2, y }));
      return { name, colour, shape: "bar", points };
    };
    const isAlert = (kind) => kind === "alert";
    const series = [bars("events", "#0b8f81", (kind) => !isAlert(kind)), bars("alerts", "#d64550", isAlert)];
    const narrow = matchMedia("(max-width: 699px)").matches;
    const times = starts.map((start) => Date.parse(start));
    const [min, max] = [Math.min(range[0], ...times), Math.max(range[1], ...times.map((time) => time + barWidth))];
    this.#chart.draw(series, {
      x: { min, max, time: true, ticks: narrow ? 3 : 6, grid: false },
      y: { ticks: 5 },
      height: 150,
      stacked: true,
      barWidth,
      formatTitle: (index) => new Date(starts[index]).toLocaleString(),
    });
  }

  #say(title, text) {
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}
