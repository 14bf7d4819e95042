// An answer, and all that it rests on: what was counted, in which time, what nobody can know, tracks, events and pictures.

import { planEditor } from "./ask-plan.js";
import { el } from "./dom.js";
import { EventDialog } from "./event-dialog.js";
import { eventRow, trackRow } from "./event-rows.js";
import { durationOf } from "./event-words.js";
import { SUBJECTS, valueWords } from "./plan-words.js";
import { may } from "./session.js";
import { TrackDialog } from "./track-dialog.js";

const MOST_ROWS = 40; // of figures: an hour each, for a day and a half

/**
 * @param {string} question @param {object} answer of `POST /v1/ask`
 * @param {{again: (plan: object) => void, follow: (question: string) => void}} act
 * @returns {HTMLElement}
 */
export function answerView(question, answer, act) {
  const abstained = answer.status === "abstained";
  const open = { track: new TrackDialog(), event: new EventDialog() };
  return el(
    "article",
    { class: "answer", "aria-label": question, dataset: { status: answer.status } },
    el("h2", { tabIndex: -1 }, question),
    el("p", { class: "answer-words" }, answer.answer),
    chips("Which one is meant?", answer.choices, act.follow),
    ...readAs(answer.read_as),
    answer.not_used.length ? el("p", { class: "answer-warning" }, unusedWords(answer.not_used, abstained)) : null,
    ...answer.coverage.map((gap) => el("p", { class: "answer-warning" }, gap)),
    facts(answer),
    figureRows(answer),
    chips("Ask on", answer.follow_ups, act.follow),
    answer.plan ? planEditor(answer.plan, camerasIn(answer), act.again) : null,
    pictures(answer, open),
    list("Tracks", answer.tracks, (track) => trackRow(track, (one) => open.track.open(one))),
    list("Events", answer.events, (event) => eventRow(event, (one) => open.event.open(one))),
  );
}

const quoted = (words) => words.map((word) => `“${word}”`).join(", ");

/** What of the question the answer does not rest on. */
const unusedWords = (words, abstained) =>
  abstained ? `Not understood: ${quoted(words)}. That could change the answer.` : `Not used: ${quoted(words)}.`;

const readAs = (words) =>
  Object.entries(words).map(([said, meant]) => el("p", { class: "quiet" }, `“${said}” was read as “${meant}”.`));

const timeOf = (iso) => new Date(iso).toLocaleString();

/** Cameras that are gone can be asked about, too. */
const camerasIn = ({ tracks, events }) => [...new Set([...tracks, ...events].map(({ stream_id: id }) => id))];

/** What was counted, and in which time. */
function facts({ plan, figures }) {
  if (!figures) return null;
  const span = `${timeOf(figures.since)} – ${timeOf(figures.until)}`;
  const known = {
    Time: plan?.range?.words ? `${plan.range.words}: ${span}` : span,
    "Days and hours of": figures.tz,
    Counted: figures.counted === "tracks" ? "tracks: who comes back is counted again" : (SUBJECTS[figures.counted] ?? figures.counted),
  };
  return el("dl", { class: "facts" }, ...Object.entries(known).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** Each camera, hour or person by itself: a bar beside the number, so that the most is seen at once. */
function figureRows({ figures, plan }) {
  const rows = figures?.rows.filter(({ value }) => value !== null).slice(0, MOST_ROWS) ?? [];
  if (rows.length < 2) return null;
  const most = Math.max(...rows.map(({ value }) => value), 1e-9);
  const words = (value) => (figures.unit === "s" ? durationOf(value) : value.toLocaleString());
  const shown = ({ name, person, value }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, nameOfRow(name, person, plan)),
      el("td", { class: "figure" }, words(value)),
      el("td", { class: "figure-bar" }, el("meter", { min: 0, max: most, value, "aria-hidden": "true" })),
    );
  return el(
    "div",
    { class: "table", tabIndex: 0, role: "region", "aria-label": "The figures" },
    el("table", { class: "answer-rows" }, el("tbody", {}, ...rows.map(shown))),
  );
}

function nameOfRow(name, person, plan) {
  if (person) return el("a", { href: `#/people/${person}` }, valueWords("person", person));
  if (plan?.by === "hour" || plan?.by === "day") {
    const at = new Date(name);
    if (Number.isNaN(at.valueOf())) return name;
    return plan.by === "day" ? at.toLocaleDateString() : at.toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
  }
  return valueWords(plan?.by, name ?? "–");
}

/** Questions to go on with, as buttons. */
export function chips(label, questions, ask) {
  if (!questions.length) return null;
  const chip = (question) => el("button", { class: "chip", type: "button", on: { click: () => ask(question) } }, question);
  return el("div", { class: "chips", role: "group", "aria-label": label }, ...questions.map(chip));
}

function pictures({ snapshots, tracks, events }, open) {
  if (!snapshots.length || !may("pictures")) return null;
  const shown = snapshots.map((url) => {
    const isOf = (one) => [one.snapshot_url, one.picture_url].includes(url);
    const track = tracks.find(isOf);
    const of = track ?? events.find(isOf);
    const image = el("img", { src: url, alt: "", loading: "lazy" });
    if (!of) return el("li", {}, image);
    const at = new Date((track ? track.began_at_ns : of.captured_at_ns) / 1e6).toLocaleString();
    const click = () => (track ? open.track : open.event).open(of);
    const item = el("li", {}, el("button", { type: "button", on: { click } }, image, el("span", {}, `${of.stream_id}, ${at}`)));
    image.addEventListener("error", () => item.remove()); // deleted since
    return item;
  });
  return section("Pictures", el("ul", { class: "answer-pictures" }, ...shown));
}

const section = (title, what) => el("section", { "aria-label": title }, el("h3", {}, title), what);

const list = (title, items, rowOf) =>
  items.length ? section(title, el("ol", { class: "events" }, ...items.map(rowOf))) : null;
