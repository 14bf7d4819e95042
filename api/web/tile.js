// One camera on the wall: its video (<livesight-view>), state, figures and buttons.

import { colourOf } from "./colours.js";
import { el } from "./dom.js";
import { labelName } from "./label-words.js";
import { countLabels } from "./overlay.js";
import { peopleKnown } from "./people-known.js";
import { nameOf } from "./person-names.js";
import { mayOn } from "./session.js";
import { ZoneOverlay } from "./zone-overlay.js";
import { nameOfCodec, nameOfState, number, rateWords, short, shownState } from "./states.js";

const COUNTS_MS = 500;
const MOST_CHIPS = 4;
const RATE_WINDOW_MS = 3000;
const FALLBACK_TEXTS = { disabled: "This camera is paused.", ended: "The stream has ended." };

export class Tile {
  #video;
  #zones;
  #parts;
  #countedAt = 0;
  #resultTimes = []; // of the last RATE_WINDOW_MS
  #trouble = null; // why `view` is old
  #broken = null; // words of our own that go before the server's, as when the uplink is lost

  /** @param {HTMLTemplateElement} template @param {string} id @param {(action: string, tile: Tile) => void} onAction */
  constructor(template, id, onAction) {
    this.id = id;
    this.view = null;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.id = `tile-${id}`;
    this.element.dataset.stream = id;
    const find = (selector) => this.element.querySelector(selector);
    this.#parts = {
      name: find(".tile-name"),
      badge: find(".badge"),
      badgeText: find(".badge-text"),
      identity: find(".tile-identity"),
      alert: find(".tile-alert"),
      labels: find(".tile-labels"),
      fps: find('[data-stat="fps"] dd'),
      latency: find('[data-stat="latency"] dd'),
      drops: find('[data-stat="drops"] dd'),
      codec: find('[data-stat="codec"] dd'),
    };
    for (const button of this.element.querySelectorAll("[data-action]")) {
      button.setAttribute("aria-label", `${button.title || "Stop my camera"}: ${id}`);
      button.addEventListener("click", () => onAction(button.dataset.action, this));
    }
    find(".tile-video").addEventListener("dblclick", () => onAction("focus", this));
    this.#video = document.createElement("livesight-view");
    this.#video.addEventListener("result", ({ detail }) => this.#onResult(detail));
    this.#video.addEventListener("state", () => this.#showState());
    find(".tile-video").prepend(this.#video);
    this.#zones = new ZoneOverlay(find(".tile-zones"));
    this.setName(id);
    this.#showState();
  }

  /** Begins to show: not before it is known whether this is the own camera. */
  open() {
    if (!this.#video.stream) this.#video.stream = this.id;
  }

  /** This tile shows the own camera: the preview needs no round trip, only its boxes come from the server. */
  get own() {
    return this.#video.preview !== null;
  }

  setMode(mode) {
    this.#video.setAttribute("mode", mode);
  }

  setName(name) {
    this.#parts.name.textContent = name;
    this.#parts.name.title = name;
    this.#video.setAttribute("label", name);
  }

  /** Shown alone, the button leads back to all. */
  setAlone(alone) {
    this.element.classList.toggle("alone", alone);
    const button = this.element.querySelector('[data-action="focus"]');
    button.title = alone ? "Show all cameras (Esc)" : "Show only this camera (Enter)";
    button.setAttribute("aria-label", `${button.title}: ${this.id}`);
    button.querySelector("use").setAttribute("href", `/static/icons.svg#${alone ? "collapse" : "expand"}`);
  }

  setPreview(media) {
    this.#video.preview = media;
    this.element.classList.add("own");
    this.element.querySelector('[data-action="stop"]').hidden = false;
    this.element.querySelector('[data-action="remove"]').hidden = true;
  }

  /** Words of our own about this tile, before whatever the server says: `{state, text}`, or null to end them. */
  setBroken(broken) {
    this.#broken = broken;
    this.#showState();
  }

  /** Why the list of streams cannot be read, in words; null when it can. */
  setTrouble(trouble) {
    this.#trouble = trouble;
    this.#showState();
  }

  /** What the badge says. */
  get state() {
    return this.element.dataset.state;
  }

  /** The alert that is shown over the video, null for none. */
  setAlert(alert) {
    const words = alert ? (alert.text ?? alert.rule) : "";
    this.element.dataset.alert = alert?.severity ?? "";
    this.#parts.alert.hidden = !alert;
    if (this.#parts.alert.textContent === words) return;
    this.#parts.alert.textContent = words;
    this.#parts.alert.title = words;
  }

  /** Its zones and lines (null: none are shown), and how many are in which, in words. */
  setZones(shapes, inside) {
    this.#zones.show(shapes);
    this.#zones.light(inside);
  }

  /** Somebody crossed one of its lines. @param {"in"|"out"|null} direction */
  flashLine(line, direction) {
    this.#zones.flash(line, direction);
  }

  /** @param {object} view of `GET /v1/streams` */
  update(view) {
    this.view = view;
    if (view.size_wh) this.#zones.resize(view.size_wh);
    this.#showState();
    this.#showRates();
    this.#showIdentity(view);
    this.#parts.latency.textContent = number(view.latency_ms);
    this.#parts.drops.textContent = short(view.dropped);
    this.#parts.codec.textContent = view.codec ? nameOfCodec(view.codec) : "–";
    this.element.querySelector('[data-action="remove"]').hidden =
      this.own || view.ephemeral === true || !mayOn("cameras", view.id);
  }

  /** Says that this camera says who is seen, or why it does not though it should. */
  #showIdentity({ identity, identity_problem: problem }) {
    const { identity: mark } = this.#parts;
    mark.hidden = identity !== true;
    mark.title = problem ?? "This camera says who is seen, of those who are enrolled";
    mark.dataset.state = problem ? "stalled" : "";
    mark.lastElementChild.textContent = problem ? "No names" : "Names";
    if (identity) peopleKnown(); // whose boxes get names
  }

  /** The frame as it is shown, boxes included, as a PNG Blob; null where there is none. */
  toBlob() {
    return this.#video.toBlob();
  }

  close() {
    this.#video.preview = null;
    this.#zones.close();
    this.element.remove();
  }

  #showState() {
    const { state, text } = this.#broken ?? shownState(this.#video.picture, this.view, this.#trouble);
    const words = text || FALLBACK_TEXTS[state] || "";
    this.element.dataset.state = state;
    this.#parts.badge.dataset.state = state;
    this.#parts.badgeText.textContent = nameOfState(state);
    this.element.setAttribute("aria-label", `${this.#parts.name.textContent}, ${nameOfState(state).toLowerCase()}`);
    // the server knows more about a camera than a view whose sockets are silent
    this.#video.say(state === "live" ? null : { state, text: words });
  }

  /** The view is up to two seconds old: until it knows of results, the rate of those that arrive here is shown. */
  #showRates() {
    if (!this.view) return;
    const oldest = performance.now() - RATE_WINDOW_MS;
    this.#resultTimes = this.#resultTimes.filter((time) => time >= oldest);
    const { fps, analysed_fps: analysed } = this.view;
    const arriving = (this.#resultTimes.length * 1000) / RATE_WINDOW_MS;
    this.#parts.fps.textContent = `${rateWords(fps)} / ${rateWords(analysed || arriving)}`;
  }

  /** Names and labels as chips, and the rate; updating them twice a second is enough. */
  #onResult(result) {
    const now = performance.now();
    this.#zones.resize(result.size_wh);
    if (this.state !== "live") this.#showState();
    this.#resultTimes.push(now);
    if (now - this.#countedAt < COUNTS_MS) return;
    this.#countedAt = now;
    this.#showRates();
    const names = result.detections.map(({ identity, label }) => [label, identity && nameOf(identity.person)]);
    const counts = countLabels(result.detections).map(([label, count]) => [label, `${count} × ${labelName(label)}`]);
    const chips = [...names.filter(([, name]) => name), ...counts].slice(0, MOST_CHIPS).map(([label, words]) => {
      const dot = el("i");
      dot.style.setProperty("--dot", colourOf(label));
      return el("li", {}, dot, words);
    });
    this.#parts.labels.replaceChildren(...chips);
  }
}
