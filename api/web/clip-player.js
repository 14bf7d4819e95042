// A clip in its player, and over it what was seen in the frame that is shown: also while it stands still, is sought
// through, and fills the screen.

import { clipResults } from "./api.js";
import { ClipResults } from "./clip-results.js";
import { el, icon } from "./dom.js";
import { drawDetections } from "./overlay.js";

const MOST_RATIO = 2; // device pixels per CSS pixel
const KEPT_CHOICE = "clip-boxes";
const FAINT = 0.45;

/** @param {object} event with its `clip_url`; its track's box is strong, others are faint. @returns {HTMLElement} */
export const clipPlayer = (event) => new ClipPlayer(event).element;

class ClipPlayer {
  #track;
  #video;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #toggle;
  #note = el("p", { class: "quiet", role: "status" });
  #results = null; // until they have come
  #shownAt = 0; // time of the frame that is shown, in seconds
  #fullScreenChanged = () => {};

  constructor({ clip_url: source, track_id: track = null }) {
    this.#track = track;
    this.#video = el("video", {
      class: "event-clip",
      src: source,
      controls: true,
      controlsList: "nofullscreen", // that of the player is beside
      muted: true,
      playsInline: true,
      preload: "metadata",
      "aria-label": "Clip of this event",
    });
    this.#toggle = el(
      "button",
      {
        class: "button",
        type: "button",
        disabled: true,
        "aria-pressed": localStorage.getItem(KEPT_CHOICE) !== "off",
        on: { click: () => this.#choose(!this.#on) },
      },
      "Boxes",
    );
    this.element = el(
      "div",
      { class: "clip-player", role: "group", "aria-label": "Clip of this event" },
      el("div", { class: "clip-frame" }, this.#video, this.#canvas),
      el("div", { class: "clip-tools" }, this.#toggle, this.#fullScreenButton(), this.#note),
    );
    this.element.addEventListener("fullscreenchange", () => this.#fullScreenChanged());
    new ResizeObserver(() => this.#draw()).observe(this.#video);
    this.#video.addEventListener("resize", () => this.#draw()); // its frames have another size
    this.#follow();
    this.#load(source);
  }

  get #on() {
    return this.#toggle.getAttribute("aria-pressed") === "true";
  }

  #choose(on) {
    this.#toggle.setAttribute("aria-pressed", on);
    localStorage.setItem(KEPT_CHOICE, on ? "on" : "off");
    this.#draw();
  }

  /** The whole player fills the screen, as the video alone would do so without its boxes. */
  #fullScreenButton() {
    if (!document.fullscreenEnabled) return null;
    const fills = () => document.fullscreenElement === this.element;
    const click = () => (fills() ? document.exitFullscreen() : this.element.requestFullscreen());
    const button = el("button", { class: "button", type: "button", on: { click } });
    const name = () =>
      button.replaceChildren(...(fills() ? [icon("collapse"), "Leave full screen"] : [icon("expand"), "Full screen"]));
    name();
    this.#fullScreenChanged = name;
    return button;
  }

  async #load(source) {
    try {
      const known = await clipResults(source);
      if (known === null) {
        this.#note.textContent = "This clip was stored without its boxes.";
        return;
      }
      this.#results = new ClipResults(known.fromUs, known.results);
      this.#toggle.disabled = this.#results.empty;
      if (this.#results.empty) this.#note.textContent = "No frame of this clip was analysed.";
      this.#draw();
    } catch (error) {
      this.#note.textContent = error.message;
    }
  }

  /** Draws for each frame that is shown, by its own time. */
  #follow() {
    const video = this.#video;
    if ("requestVideoFrameCallback" in video) {
      const next = (_, { mediaTime }) => {
        this.#show(mediaTime);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
      return;
    }
    const now = () => this.#show(video.currentTime);
    const play = () => {
      now();
      if (!video.paused && video.isConnected) requestAnimationFrame(play);
    };
    for (const type of ["loadeddata", "seeked", "pause"]) video.addEventListener(type, now);
    video.addEventListener("playing", play);
  }

  #show(seconds) {
    this.#shownAt = seconds;
    this.#draw();
  }

  #draw() {
    const { videoWidth: width, videoHeight: height, clientWidth, clientHeight } = this.#video;
    if (!width || !clientWidth) return;
    const ratio = Math.min(window.devicePixelRatio || 1, MOST_RATIO);
    const fit = Math.min(clientWidth / width, clientHeight / height) * ratio;
    const canvas = this.#canvas;
    [canvas.width, canvas.height] = [Math.round(width * fit), Math.round(height * fit)]; // which empties it
    const seen = this.#on ? this.#results?.at(this.#shownAt) : null;
    if (!seen) return;
    const [wide, high] = seen.result.size_wh;
    const draw = (detections, look) =>
      drawDetections(canvas.getContext("2d"), detections, canvas.width / wide, canvas.height / high, ratio, {
        kind: seen.kind,
        ...look,
      });
    if (this.#track === null) return draw(seen.detections, {});
    const isOwn = ({ track_id: track }) => track === this.#track;
    draw(seen.detections.filter((found) => !isOwn(found)), { labels: "none", alpha: FAINT });
    draw(seen.detections.filter(isOwn), { weight: 1.5 });
  }
}
