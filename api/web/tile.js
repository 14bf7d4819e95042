// One camera on the wall: its picture with the boxes over it, its state in words, its figures.

import { colourOf, wordsOf } from "./colours.js";
import { countLabels, drawDetections } from "./overlay.js";

const STATES = {
  connecting: ["Connecting", "Opening the camera…"],
  live: ["Live", ""],
  stalled: ["Stalled", "The camera has sent no picture for a while."],
  reconnecting: ["Reconnecting", "The connection to the camera was lost. Trying again."],
  ended: ["Ended", "The stream has ended."],
  failed: ["Failed", "The camera cannot be shown."],
  disabled: ["Paused", "This camera is switched off."],
};
const STALE_MS = 1500; // boxes over the own preview that are older than this say nothing any more
const COUNTS_MS = 500;

const number = (value, digits = 0) =>
  typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "–";
const short = (value) => (value >= 10000 ? `${Math.round(value / 1000)}k` : String(value ?? 0));

export class Tile {
  #canvas;
  #context;
  #video;
  #parts;
  #bitmap = null; // the picture on the canvas, kept for drawing it again in another size
  #result = null;
  #size = { width: 0, height: 0 }; // CSS pixels
  #resizes;
  #countedAt = 0;
  #clearTimer = 0;
  #words = null; // {title, text} over the picture
  #broken = null; // words of our own that go before the server's, as when the uplink is lost

  /** @param {HTMLTemplateElement} template @param {string} id @param {(action: string, tile: Tile) => void} onAction */
  constructor(template, id, onAction) {
    this.id = id;
    this.view = null;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.id = `tile-${id}`;
    this.element.dataset.stream = id;
    const find = (selector) => this.element.querySelector(selector);
    this.#canvas = find(".tile-canvas");
    this.#context = this.#canvas.getContext("2d", { willReadFrequently: false });
    this.#video = find(".tile-video");
    this.#parts = {
      picture: find(".tile-picture"),
      name: find(".tile-name"),
      badge: find(".badge"),
      badgeText: find(".badge-text"),
      notice: find(".tile-notice"),
      noticeTitle: find(".tile-notice-title"),
      noticeText: find(".tile-notice-text"),
      labels: find(".tile-labels"),
      fps: find('[data-stat="fps"] dd'),
      latency: find('[data-stat="latency"] dd'),
      drops: find('[data-stat="drops"] dd'),
    };
    for (const button of this.element.querySelectorAll("[data-action]")) {
      button.setAttribute("aria-label", `${button.title || "Stop my camera"}: ${id}`);
      button.addEventListener("click", () => onAction(button.dataset.action, this));
    }
    this.#parts.picture.addEventListener("dblclick", () => onAction("focus", this));
    this.#resizes = new ResizeObserver(([{ contentRect }]) => {
      this.#size = { width: contentRect.width, height: contentRect.height };
      this.#draw();
    });
    this.#resizes.observe(this.#parts.picture);
    this.setName(id);
    this.#showState("connecting", null);
  }

  /** This tile shows the own camera: the preview needs no round trip, only its boxes come from the server. */
  get own() {
    return this.#video.srcObject !== null;
  }

  /** Device pixels across that a picture can use here. */
  get roomWidth() {
    return this.#size.width * (window.devicePixelRatio || 1);
  }

  setName(name) {
    this.#parts.name.textContent = name;
    this.#parts.name.title = name;
  }

  /** Shown alone, the button leads back to all. */
  setAlone(alone) {
    this.element.classList.toggle("alone", alone);
    const button = this.element.querySelector('[data-action="focus"]');
    button.title = alone ? "Show all cameras (Esc)" : "Show only this one (Enter)";
    button.setAttribute("aria-label", `${button.title}: ${this.id}`);
    button.querySelector("use").setAttribute("href", `/static/icons.svg#${alone ? "collapse" : "expand"}`);
  }

  setPreview(media) {
    this.#video.srcObject = media;
    this.#video.hidden = false;
    this.element.classList.add("own");
    this.element.querySelector('[data-action="stop"]').hidden = false;
    this.element.querySelector('[data-action="remove"]').hidden = true;
  }

  /** Words of our own about this tile, before whatever the server says: `{state, text}`, or null to end them. */
  setBroken(broken) {
    this.#broken = broken;
    this.#showState(this.view?.state ?? "connecting", this.view?.last_error);
  }

  /** @param {object} view of `GET /v1/streams` */
  update(view) {
    this.view = view;
    this.#showState(view.state, view.last_error);
    this.#parts.fps.textContent = `${number(view.fps)} / ${number(view.analysed_fps)}`;
    this.#parts.latency.textContent = number(view.latency_ms);
    this.#parts.drops.textContent = short(view.dropped);
    this.element.querySelector('[data-action="remove"]').hidden = this.own || view.ephemeral === true;
  }

  /** Shows a picture with the boxes of precisely this picture (null: without any). Takes the bitmap over. */
  showPicture(bitmap, result) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.showResult(result);
    this.#noticeAgain();
  }

  /** Boxes alone, over the own preview. */
  showResult(result) {
    this.#result = result;
    if (result) {
      this.element.dataset.session = result.session;
      this.element.dataset.ptsUs = result.pts_us;
    }
    this.#draw();
    this.#count(result);
    if (!this.own) return;
    clearTimeout(this.#clearTimer);
    this.#clearTimer = setTimeout(() => {
      this.#result = null;
      this.#draw();
    }, STALE_MS);
  }

  /** The picture as it is seen, boxes included, as a PNG Blob; null where there is none. */
  toBlob() {
    const { width, height } = this.#canvas;
    if (!width || (!this.#bitmap && !this.own)) return Promise.resolve(null);
    const copy = new OffscreenCanvas(width, height);
    const context = copy.getContext("2d");
    if (this.own) context.drawImage(this.#video, 0, 0, width, height);
    context.drawImage(this.#canvas, 0, 0);
    return copy.convertToBlob({ type: "image/png" });
  }

  close() {
    clearTimeout(this.#clearTimer);
    this.#resizes.disconnect();
    this.#bitmap?.close();
    this.#bitmap = null;
    this.#video.srcObject = null;
    this.element.remove();
  }

  #draw() {
    const picture = this.own
      ? { width: this.#video.videoWidth, height: this.#video.videoHeight }
      : { width: this.#bitmap?.width, height: this.#bitmap?.height };
    if (!picture.width || !this.#size.width) return;
    const ratio = window.devicePixelRatio || 1;
    const fit = Math.min(this.#size.width / picture.width, this.#size.height / picture.height) * ratio;
    const width = Math.round(picture.width * fit);
    const height = Math.round(picture.height * fit);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    } else {
      this.#context.clearRect(0, 0, width, height);
    }
    if (this.#bitmap) this.#context.drawImage(this.#bitmap, 0, 0, width, height);
    if (!this.#result) return;
    // by the result's own size: the picture may come scaled, and a browser's camera changes its size in flight
    const [wide, high] = this.#result.size_wh;
    drawDetections(this.#context, this.#result.detections, width / wide, height / high, ratio);
  }

  /** What is seen, as words for those who do not see the canvas, and as chips; twice a second is enough. */
  #count(result) {
    const now = performance.now();
    if (now - this.#countedAt < COUNTS_MS) return;
    this.#countedAt = now;
    const counts = countLabels(result?.detections ?? []);
    const words = counts.map(([label, count]) => `${count} ${wordsOf(label)}`);
    const text = `${this.#parts.name.textContent}: ${words.join(", ") || "nothing found"}`;
    if (this.#canvas.getAttribute("aria-label") === text) return;
    this.#canvas.setAttribute("aria-label", text);
    this.#parts.labels.replaceChildren(
      ...counts.slice(0, 4).map(([label, count]) => {
        const item = document.createElement("li");
        const dot = document.createElement("i");
        dot.style.setProperty("--dot", colourOf(label));
        item.append(dot, `${count} ${wordsOf(label)}`);
        return item;
      }),
    );
  }

  #showState(serverState, error) {
    const state = this.#broken?.state ?? serverState;
    const [title, fallback] = STATES[state] ?? [state, ""];
    this.element.dataset.state = state;
    this.#parts.badge.dataset.state = state;
    this.#parts.badgeText.textContent = title;
    this.element.setAttribute("aria-label", `${this.#parts.name.textContent}, ${title.toLowerCase()}`);
    this.#words = state === "live" ? null : { title, text: this.#broken?.text || error || fallback };
    this.#noticeAgain();
  }

  #noticeAgain() {
    const blank = !this.#bitmap && !this.own;
    const words = this.#words ?? (blank ? { title: "Waiting for the first picture", text: "" } : null);
    this.#parts.notice.hidden = !words;
    if (!words) return;
    this.#parts.noticeTitle.textContent = words.title;
    this.#parts.noticeText.textContent = words.text;
  }
}
