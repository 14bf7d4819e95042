// One track: its image with its way, what it did, and its events, each of which can be looked at by itself.

import { getTrack } from "./api.js";
import { DELETED, deletionButtons } from "./deletion.js";
import { el } from "./dom.js";
import { captionOf, EventDialog, factList, imageOf } from "./event-dialog.js";
import { durationOf, reasonOf, timeOf, whatOf, whoOf } from "./event-words.js";
import { labelName } from "./label-words.js";
import { labelsOf, linesOf, whenOf, whoOfTrack, zonesOf } from "./track-words.js";
import { personLink, whoButtons } from "./who-dialog.js";

export class TrackDialog {
  #dialog = document.getElementById("track-dialog");
  #title = document.getElementById("track-title");
  #body = document.getElementById("track-body");
  #event = new EventDialog();
  #opened = null;
  #track = null;

  constructor() {
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#opened = this.#track = null;
      this.#body.replaceChildren();
    });
    window.addEventListener(DELETED, ({ detail }) => this.#again(detail.ids));
  }

  /** One of its events was deleted in the dialog above: the track tells no more of it, or is gone with it. */
  #again(ids) {
    if (this.#track === null || !ids.length) return;
    if (ids.includes(this.#track.id)) this.#dialog.close();
    else this.open(this.#track);
  }

  /** What the list knows is there at once; the events follow. @param {object} track of `GET /v1/tracks` */
  async open(track) {
    this.#opened = track.id;
    this.#track = track;
    this.#show(track, [el("p", { class: "quiet" }, "Loading events…")]);
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const whole = await getTrack(track.id);
      if (this.#opened !== track.id) return;
      if (whole === null) return this.#show(track, [el("p", { class: "quiet" }, "The track has been deleted.")]);
      this.#show(whole, [this.#events(whole)]);
    } catch (error) {
      if (this.#opened === track.id) this.#show(track, [el("p", { class: "form-error" }, error.message)]);
    }
  }

  #show(track, rest) {
    this.#title.textContent = `${labelsOf(track)} ${whoOfTrack(track)}`;
    const path = track.events?.find(({ kind }) => kind === "track_ended")?.path;
    const words = `Image of the track: ${labelsOf(track)}`;
    const kinds = [...(track.snapshot_url || track.picture_url ? ["images"] : []), "track"];
    const gone = (kind) => (kind === "track" ? this.#dialog.close() : this.open(withoutImages(track)));
    const deleting = deletionButtons(track, kinds, gone);
    const who = whoButtons(track, { track: track.id }, (person) => this.open({ ...track, person }));
    const parts = [imageOf({ ...track, path }, words), captionOf(track), factList(factsOf(track)), who, ...rest, deleting];
    this.#body.replaceChildren(...parts.filter(Boolean));
  }

  #events(track) {
    const all = new URLSearchParams({ view: "events", stream: track.stream_id, session: track.session });
    all.set("track", track.track_id);
    all.set("since", new Date(track.began_at_ns / 1e6 - 1000).toISOString());
    const rows = track.events.map((event) =>
      el(
        "li",
        {},
        el(
          "button",
          { class: "track-event", type: "button", on: { click: () => this.#event.open(event) } },
          el("time", { dateTime: new Date(timeOf(event)).toISOString() }, new Date(timeOf(event)).toLocaleTimeString()),
          el("strong", {}, whatOf(event)),
          el("span", { class: "quiet" }, whoOf(event)),
        ),
      ),
    );
    return el(
      "section",
      { "aria-label": "Events of the track" },
      el("h3", {}, track.events.length === 1 ? "1 event" : `${track.events.length} events`),
      el("ol", { class: "track-events" }, ...rows),
      el("a", { href: `#/events?${all}` }, "Show them in the list"),
    );
  }
}

const withoutImages = (track) => ({ ...track, snapshot_url: null, picture_url: null });

function factsOf(track) {
  return {
    When: whenOf(track),
    Duration: track.ended_at_ns === null ? "in view now" : durationOf(track.duration_s),
    Camera: el("a", { href: `#/live/${track.stream_id}` }, track.stream_id),
    Person: personLink(track.person),
    Labels: labelTimes(track),
    Zones: zonesOf(track).join(", "),
    Lines: linesOf(track).join(", "),
    Alerts: track.alerts.length
      ? el("a", { href: "#/alerts" }, track.alerts.map(({ rule }) => rule).join(", "))
      : null,
    Reason: reasonOf(track),
    Model: track.detector,
  };
}

/** "without mask 12 s, with mask 30 s" */
function labelTimes({ labels, detector, ended_at_ns: ended }) {
  const until = (span) => span.until_ns ?? ended ?? Date.now() * 1e6;
  return labels
    .map((span) => `${labelName(span.label, detector)} ${durationOf(Math.max(0, (until(span) - span.since_ns) / 1e9))}`)
    .join(", ");
}
