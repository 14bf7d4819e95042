// Rows of the Events page: of a track, and of a single event. All rows of a kind are equally high.

import { colourOf } from "./colours.js";
import { badge, el } from "./dom.js";
import { durationOf, SEVERITIES, timeOf, TONES, whatOf, whoOf } from "./event-words.js";
import { beganOf, labelsOf, linesOf, severityOf, whenOf, whoOfTrack, zonesOf } from "./track-words.js";

const noLonger = ({ currentTarget: row }) => row.classList.remove("fresh");

/** @param {object} track of `GET /v1/tracks` @param {(track: object) => void} open */
export function trackRow(track, open) {
  const places = [...zonesOf(track), ...linesOf(track)];
  const severity = severityOf(track);
  const count = track.alerts.length;
  const alerts = count === 1 ? SEVERITIES[severity] : `${count} alerts`;
  const inView = track.ended_at_ns === null;
  return el(
    "li",
    { class: "event track", dataset: { id: track.id, stream: track.stream_id }, on: { animationend: noLonger } },
    el(
      "button",
      { class: "event-open", type: "button", on: { click: () => open(track) } },
      thumbnail(track.snapshot_url),
      el(
        "span",
        { class: "event-what" },
        el("strong", {}, dot(track.label), labelsOf(track)),
        el("span", { class: "event-who" }, whoOfTrack(track)),
      ),
      el("span", { class: "track-places", title: places.join(", ") }, places.join(", ")),
      el(
        "span",
        { class: "track-badges" },
        inView ? badge("live", "In view") : null,
        severity ? badge(TONES[severity], alerts) : null,
      ),
      el(
        "span",
        { class: "track-when" },
        el("time", { dateTime: new Date(beganOf(track)).toISOString() }, whenOf(track)),
        el("span", { class: "quiet" }, inView ? "" : durationOf(track.duration_s)),
      ),
    ),
    el("a", { href: `#/live/${track.stream_id}` }, track.stream_id),
  );
}

/** @param {object} event of `GET /v1/events` @param {(event: object) => void} open */
export function eventRow(event, open) {
  const time = new Date(timeOf(event));
  return el(
    "li",
    { class: "event", dataset: { id: event.id, kind: event.kind }, on: { animationend: noLonger } },
    el(
      "button",
      { class: "event-open", type: "button", on: { click: () => open(event) } },
      thumbnail(event.snapshot_url),
      el(
        "span",
        { class: "event-what" },
        el("strong", {}, whatOf(event)),
        el("span", { class: "event-who" }, dot(event.label), whoOf(event)),
      ),
      event.severity ? badge(TONES[event.severity], SEVERITIES[event.severity]) : null,
      event.clip_url ? el("span", { class: "badge" }, "Clip") : null,
    ),
    el("time", { dateTime: time.toISOString() }, time.toLocaleString()),
    el("a", { href: `#/live/${event.stream_id}` }, event.stream_id),
  );
}

function thumbnail(source) {
  const blank = el("span", { class: "event-blank", "aria-hidden": "true" });
  if (!source) return blank;
  const image = el("img", { src: source, alt: "", loading: "lazy" });
  // a better image may have replaced it since; the next answer names that one
  image.addEventListener("error", () => image.replaceWith(blank));
  return image;
}

function dot(label) {
  if (!label) return null;
  const found = el("i", { class: "dot" });
  found.style.setProperty("--dot", colourOf(label));
  return found;
}
