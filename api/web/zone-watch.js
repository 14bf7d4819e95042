// Zones and lines of all cameras, who is in them and who crosses: as the monitor says it, nothing is worked out here.
//
// One connection for the whole page. Where the monitor is away, or may not be asked, there is nothing to show.

import { ifThere } from "./api.js";
import { may } from "./session.js";
import { shapesOf } from "./scene-shapes.js";

const SCENES_MS = 5000; // how often the scenes are read: others change them, too
const AGAIN_MS = 10000; // after the server has refused
const GRACE_MS = 4000; // without the monitor for so long, and it is not known any more who is where
const MOST_STREAMS = 64; // that may be named in a request; with more all tracks are followed

/** Events: "change" when scenes or who is inside changed; "crossed" {stream, line, direction}. */
export class ZoneWatch extends EventTarget {
  known = false; // whether it is known who is where
  #alerts;
  #scenes = new Map(); // stream → shapes
  #said = ""; // the scenes as they were read
  #tracks = new Map(); // id → track of `/v1/tracks/live`, those in view
  #unheard = null; // ids not told again since the connection was opened; null once it has caught up
  #readAt = -Infinity;
  #refusedAt = -Infinity;
  #running = false;
  #follows;
  #live = null; // EventSource
  #grace = 0;
  #telling = 0;

  /** @param {import("./alert-watch.js").AlertWatch} alerts knows whether there is a monitor @param {boolean} follows */
  constructor(alerts, follows) {
    super();
    this.#alerts = alerts;
    this.#follows = follows;
    alerts.addEventListener("change", () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Whether any camera has zones or lines that may be seen. */
  get any() {
    return this.#scenes.size > 0;
  }

  /** Somebody looks at the live page. */
  start() {
    this.#running = true;
    this.#readAt = -Infinity;
    this.#look();
  }

  stop() {
    this.#running = false;
    this.#look();
  }

  /** Whether zones are to be shown; while they are not, the server is not asked who is in them. */
  follow(wanted) {
    this.#follows = wanted;
    this.#look();
    this.#tell();
  }

  /** A camera's zones and lines; null where nothing is to be shown. */
  shapes(stream) {
    return this.known && this.#follows ? (this.#scenes.get(stream) ?? null) : null;
  }

  /** @returns {Map<string, string>} the zones of a camera that somebody is in → how many, in words */
  inside(stream) {
    const zones = new Map(); // → counts by detector: each counts what it sees by itself
    for (const { stream_id: id, detector, zones: visits } of this.#tracks.values()) {
      if (id !== stream) continue;
      for (const { zone, inside_since_ns: since } of visits) {
        if (since === null) continue;
        const counts = zones.get(zone) ?? new Map();
        zones.set(zone, counts.set(detector, (counts.get(detector) ?? 0) + 1));
      }
    }
    return new Map([...zones].map(([zone, counts]) => [zone, countWords([...counts])]));
  }

  #look() {
    const wanted = this.#running && !document.hidden && may("events") && this.#alerts.open !== null;
    if (!wanted) return this.#close();
    const now = performance.now();
    if (now - this.#readAt >= SCENES_MS) {
      this.#readAt = now;
      this.#read();
    }
    if (!this.#follows || !this.any) this.#close();
    else if (!this.#live && now - this.#refusedAt >= AGAIN_MS) this.#open();
  }

  async #read() {
    try {
      const answer = await ifThere("/v1/zones");
      const said = JSON.stringify(answer?.scenes ?? []);
      if (said === this.#said) return;
      const before = this.#path();
      this.#said = said;
      const scenes = (answer?.scenes ?? []).map((scene) => [scene.stream_id, shapesOf(scene)]);
      this.#scenes = new Map(scenes.filter(([, shapes]) => shapes.length));
      if (this.#path() !== before) this.#close();
      this.#look();
      this.#tell();
    } catch {
      // whether the server answers at all is told by others
    }
  }

  #path() {
    const streams = [...this.#scenes.keys()].sort();
    if (streams.length > MOST_STREAMS) return "/v1/tracks/live";
    return `/v1/tracks/live?${new URLSearchParams(streams.map((id) => ["stream", id]))}`;
  }

  #open() {
    this.#doubt();
    this.#live = new EventSource(this.#path());
    this.#live.addEventListener("open", () => (this.#unheard = new Set(this.#tracks.keys())));
    this.#live.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    this.#live.addEventListener("caught_up", () => this.#caughtUp());
    this.#live.addEventListener("missed", () => {
      this.#close(); // somebody may have left
      this.#look();
    });
    this.#live.addEventListener("error", () => {
      this.#doubt();
      if (this.#live.readyState !== EventSource.CLOSED) return; // the browser tries again
      this.#refusedAt = performance.now();
      this.#close();
    });
  }

  #close() {
    if (!this.#live) return;
    this.#live.close();
    this.#live = null;
    this.#doubt();
  }

  /** From now on it is known only for a moment who is where. */
  #doubt() {
    this.#unheard ??= new Set(this.#tracks.keys());
    this.#grace ||= setTimeout(() => {
      this.#grace = 0;
      this.known = false;
      this.#tracks.clear();
      this.#tell();
    }, GRACE_MS);
  }

  #caughtUp() {
    for (const id of this.#unheard ?? []) this.#tracks.delete(id);
    this.#unheard = null;
    clearTimeout(this.#grace);
    this.#grace = 0;
    this.known = true;
    this.#tell();
  }

  #take(track) {
    const before = this.#tracks.get(track.id);
    this.#unheard?.delete(track.id);
    if (track.ended_at_ns === null) this.#tracks.set(track.id, track);
    else this.#tracks.delete(track.id);
    if (this.#unheard) return; // in view since before: told together, by `caught_up`
    if (!before && track.ended_at_ns !== null) return; // long gone: something else of it has changed
    const known = new Set((before?.lines ?? []).map(crossing));
    for (const one of track.lines) {
      if (known.has(crossing(one))) continue;
      const detail = { stream: track.stream_id, line: one.line, direction: one.direction };
      this.dispatchEvent(new CustomEvent("crossed", { detail }));
    }
    this.#tell();
  }

  /** Once a frame, however much came. */
  #tell() {
    this.#telling ||= requestAnimationFrame(() => {
      this.#telling = 0;
      this.dispatchEvent(new Event("change"));
    });
  }
}

const crossing = ({ line, at_ns: at }) => `${line} ${at}`;

/** "2"; where several detectors see somebody there "2 person, 1 mask". */
function countWords(counts) {
  if (counts.length === 1) return String(counts[0][1]);
  return counts.map(([detector, count]) => `${count} ${detector}`).join(", ");
}
