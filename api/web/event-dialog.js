// One event: its image with box and path, its clip, its details.

import { clipPlayer } from "./clip-player.js";
import { deletionButtons } from "./deletion.js";
import { el } from "./dom.js";
import { durationOf, KINDS, reasonOf, SEVERITIES, timeOf, whatOf, whoOf } from "./event-words.js";
import { personLink, whoButtons } from "./who-dialog.js";

const SVG = "http://www.w3.org/2000/svg";

export class EventDialog {
  #dialog = document.getElementById("event-dialog");
  #body = document.getElementById("event-body");

  constructor() {
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#body.replaceChildren());
  }

  /** @param {object} event of `GET /v1/events` */
  open(event) {
    document.getElementById("event-title").textContent = whatOf(event);
    const words = `Image of the event: ${whatOf(event)} ${whoOf(event)}`.trim();
    const clip = event.clip_url ? clipPlayer(event) : null;
    const kinds = [...(event.clip_url ? ["clip"] : []), ...(event.reason === "deleted" ? [] : ["event"])];
    const gone = (kind) => (kind === "event" ? this.#dialog.close() : this.open({ ...event, clip_url: null }));
    const who = whoButtons(event, { event_id: event.id }, (person) => this.open({ ...event, person }));
    const parts = [imageOf(event, words), captionOf(event), clip, factList(factsOf(event)), who, deletionButtons(event, kinds, gone)];
    this.#body.replaceChildren(...parts.filter(Boolean));
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}

/** What it shows in sentences, where they were made; null without. */
export const captionOf = ({ caption }) => (caption?.text ? el("p", {}, caption.text) : null);

/** The image of an event or a track, with the way of a track that ended. */
export function imageOf(event, words) {
  const source = event.picture_url ?? event.snapshot_url;
  if (!source) return null;
  const frame = el("div", { class: "event-image" });
  const image = el("img", { src: `${source}?overlay=1`, alt: words });
  image.addEventListener("error", () =>
    frame.replaceChildren(el("p", { class: "quiet" }, "The image has been deleted.")),
  );
  frame.append(image);
  // only the whole image has room for the path; the boxes in it are those of the moment that it shows
  if (event.picture_url && event.path?.length > 1) frame.append(way(event.path));
  return frame;
}

/** The way of a track's foot, from the first place (small) to the last. */
function way(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const points = path.map(({ x, y }) => `${x},${y}`).join(" ");
  for (const name of ["event-way-halo", "event-way"]) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", points);
    line.setAttribute("class", name);
    svg.append(line);
  }
  return svg;
}

function factsOf(event) {
  const time = new Date(timeOf(event));
  return {
    When: time.toLocaleString(),
    Camera: el("a", { href: `#/live/${event.stream_id}` }, event.stream_id),
    Kind: KINDS[event.kind] ?? event.kind,
    Person: personLink(event.person),
    What: whoOf({ ...event, person: null }),
    Zone: event.zone,
    Line: event.line,
    Rule: event.rule,
    Severity: SEVERITIES[event.severity],
    Duration: durationOf(event.duration_s),
    Reason: reasonOf(event),
    Models: Object.entries(event.models ?? {})
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    Node: event.node,
  };
}

/** What is known, by name; what is not is left out. */
export function factList(known) {
  const rows = Object.entries(known).filter(([, value]) => value);
  return el(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}
