// What happened: tracks, or single events; filtered by the server, the newest first, live; how many over time.

import { listEvents, listTracks } from "./api.js";
import { DELETED } from "./deletion.js";
import { EventDialog } from "./event-dialog.js";
import { EventFilters } from "./event-filters.js";
import { eventQueryOf, liveQueryOf, queryOf } from "./event-query.js";
import { eventRow, trackRow } from "./event-rows.js";
import { EventTimeline } from "./event-timeline.js";
import { timeOf } from "./event-words.js";
import { LiveList } from "./live-list.js";
import { PEOPLE_CHANGED, peopleKnown } from "./people-known.js";
import { TrackDialog } from "./track-dialog.js";
import { beganOf } from "./track-words.js";
import { wordsKnown } from "./words-known.js";

const EVERY_MS = 5000;
const SOON_MS = 500; // after something happened: what comes together is read together
const COUNTS_MS = 10000;
const PAGE = 50;

const VIEWS = {
  tracks: { list: listTracks, itemsIn: ({ tracks }) => tracks, live: "/v1/tracks/live", one: "track" },
  events: { list: listEvents, itemsIn: ({ events }) => events, live: "/v1/events/live", one: "event" },
};

export class EventsPage {
  title = "Events";
  #streams;
  #filters = new EventFilters();
  #timeline = new EventTimeline();
  #timer = 0;
  #soon = 0;
  #abort = null;
  #live = null; // EventSource: tells what happened
  #heard = new Map(); // what it told since the list was drawn, by id
  #next = null; // cursor of the older ones
  #countedAt = 0;
  #rows = null; // LiveList, of the view that is shown
  #reveals = false; // the reader has asked for what is new: the next page of the newest takes the place of all
  #dialogs = { track: new TrackDialog(), event: new EventDialog() };
  #note = document.getElementById("events-note");
  #list = document.getElementById("events-list");
  #newer = document.getElementById("events-new");
  #older = document.getElementById("events-older");
  #csv = document.getElementById("events-csv");

  constructor(streams) {
    this.#streams = streams;
    this.#filters.addEventListener("change", () => this.#shown && this.#again());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    this.#newer.addEventListener("click", () => this.#reveal());
    document.addEventListener("themechange", () => this.#shown && this.#count());
    window.addEventListener(DELETED, ({ detail }) => this.#shown && this.#deleted(detail.ids));
    window.addEventListener(PEOPLE_CHANGED, ({ detail }) => this.#shown && this.#renamed(detail?.tracks));
    streams.addEventListener("change", () => this.#shown && this.#filters.offerStreams(this.#streamIds));
  }

  get #shown() {
    return this.#abort !== null;
  }

  get #streamIds() {
    return this.#streams.views.map(({ id }) => id);
  }

  async show() {
    this.#filters.read();
    this.#again();
    this.#filters.offerPeople();
    await this.#filters.offer(this.#streamIds);
  }

  hide() {
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    this.#abort?.abort();
    this.#abort = null;
    this.#live?.close();
    this.#live = null;
    this.#newer.hidden = true;
  }

  /** Another question: everything anew. */
  #again() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // a link in it led here
    const { one } = VIEWS[this.#filters.view];
    const [rowOf, at] = one === "track" ? [trackRow, beganOf] : [eventRow, timeOf];
    const elements = { list: this.#list, button: this.#newer };
    this.#list.replaceChildren();
    this.#rows = new LiveList(elements, (item) => rowOf(item, (opened) => this.#dialogs[one].open(opened)), at);
    this.#rows.clear();
    this.#next = null;
    this.#reveals = false;
    this.#load();
    this.#count();
    this.#listen();
  }

  /** What fits comes at once; without that (a proxy that keeps it back) every few seconds. */
  #listen() {
    this.#live?.close();
    clearTimeout(this.#soon);
    this.#soon = 0;
    this.#heard.clear();
    const { said, view } = this.#filters;
    if (said.get("until")) return; // what is over does not change
    const rows = this.#rows;
    const inView = said.get("in_view");
    this.#live = new EventSource(`${VIEWS[view].live}?${new URLSearchParams(liveQueryOf(said))}`);
    this.#live.addEventListener("missed", () => rows.missed());
    this.#live.addEventListener("deleted", ({ data }) => this.#drop(JSON.parse(data).ids));
    this.#live.addEventListener("message", ({ data }) => {
      const item = JSON.parse(data);
      if (view === "tracks" && inView && (inView === "true") !== (item.ended_at_ns === null)) return;
      this.#heard.set(item.id, item);
      this.#soon ||= setTimeout(() => this.#hear(), SOON_MS);
    });
  }

  /** Who is at the top sees the newest page, with images; who is not is told how much is new. */
  #hear() {
    this.#soon = 0;
    const heard = [...this.#heard.values()];
    this.#heard.clear();
    if (this.#rows.atTop) this.#load();
    else this.#rows.take(heard);
  }

  /** Somebody is called otherwise, or by a name now: rows say so though what they are of is the same. */
  #renamed(tracks) {
    this.#filters.offerPeople();
    this.#rows.redraw();
    if (tracks) this.#load();
  }

  /** In a dialog here. */
  #deleted(ids) {
    this.#drop(ids);
    this.#load();
    this.#count();
  }

  #drop(ids) {
    for (const id of ids) this.#heard.delete(id);
    this.#rows.drop(ids);
  }

  #reveal() {
    this.#reveals = true;
    this.#load();
  }

  /** A page: of older ones with a cursor, else the newest. */
  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    const { list, itemsIn } = VIEWS[this.#filters.view];
    try {
      const page = [["limit", PAGE], ...(cursor ? [["cursor", cursor]] : [])];
      const asked = list([...queryOf(this.#filters.said), ...page], signal);
      const [answer] = await Promise.all([asked, wordsKnown(), peopleKnown()]);
      if (signal.aborted) return;
      if (answer === null) return this.#absent();
      this.#take(itemsIn(answer), answer.next, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Events could not be loaded", error.message);
    }
    if (performance.now() - this.#countedAt > COUNTS_MS && this.#rows.atTop) this.#count();
    this.#wait();
  }

  #wait() {
    this.#timer = setTimeout(() => (document.hidden ? this.#wait() : this.#load()), EVERY_MS);
  }

  #absent() {
    this.#filters.hidden = this.#older.hidden = this.#csv.hidden = true;
    this.#timeline.hide();
    this.#rows.clear();
    const text = "No process with the role monitor is running. Live results are still available.";
    this.#say("Events are not stored", text);
    this.#wait();
  }

  #take(items, next, older) {
    if (older) {
      this.#rows.append(items);
      this.#next = next;
    } else if (this.#reveals || this.#rows.size === 0) {
      this.#rows.replace(items);
      this.#next = next;
      if (this.#reveals) this.#goToTop();
      this.#reveals = false;
    } else if (this.#rows.take(items, { whole: true })) this.#next = next;
    this.#filters.hidden = this.#csv.hidden = false;
    this.#csv.href = `/v1/events.csv?${new URLSearchParams(eventQueryOf(this.#filters.said))}`;
    this.#older.hidden = this.#next === null;
    if (this.#rows.size) this.#note.hidden = true;
    else if (this.#filters.view === "tracks")
      this.#say("Nothing came into view", "No track matches the filter. New ones appear here as they come.");
    else this.#say("No events", "No event matches the filter. New events appear here as they happen.");
  }

  #goToTop() {
    document.scrollingElement.scrollTop = this.#list.closest(".page").scrollTop = 0;
    this.#list.querySelector("button")?.focus({ preventScroll: true });
  }

  #count() {
    this.#countedAt = performance.now();
    return this.#timeline.show(this.#filters.said, this.#abort?.signal);
  }

  #say(title, text) {
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}
