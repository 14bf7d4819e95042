// For browsers or pages without a decoder for the stream (no WebCodecs, H.265): images with boxes drawn by the server.
//
// A browser opens six connections to a host over HTTP/1.1. So at most three endless MJPEG streams run at a time on a
// page; the other views get a still each second.

const MOST_STREAMS = 3;
const STILL_MS = 1000;
const AGAIN_MS = 3000;

let streams = 0;

export class Fallback {
  via = "stills"; // or "mjpeg"
  why = ""; // it is needed
  shows = false; // the newest request brought an image
  #image;
  #url;
  #running = false;
  #timer = 0;
  #onTrouble;

  /** @param {HTMLImageElement} image @param {(path: string, fresh: string) => string|Promise<string>} url
   *  @param {(words: string|null) => void} onTrouble */
  constructor(image, url, onTrouble) {
    this.#image = image;
    this.#url = url;
    this.#onTrouble = onTrouble;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.via = streams < MOST_STREAMS ? "mjpeg" : "stills";
    if (this.via === "mjpeg") streams += 1;
    this.#image.onload = () => {
      this.shows = true;
      this.#onTrouble(null);
      if (this.via === "stills") this.#later(STILL_MS);
    };
    this.#image.onerror = () => {
      this.shows = false;
      this.#onTrouble("No image arrives; trying again.");
      this.#later(AGAIN_MS);
    };
    this.#image.hidden = false;
    this.#ask();
  }

  stop() {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#timer);
    if (this.via === "mjpeg") streams -= 1;
    this.#image.onload = this.#image.onerror = null;
    this.#image.removeAttribute("src"); // ends the request
    this.#image.hidden = true;
  }

  async #ask() {
    const fresh = `t=${Date.now()}`; // bypasses caches and the page's list of images
    try {
      const url = await this.#url(this.via === "mjpeg" ? "mjpeg" : "snapshot.jpg?overlay=1", fresh);
      if (this.#running) this.#image.src = url;
    } catch {
      if (this.#running) this.#image.onerror();
    }
  }

  #later(pauseMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), pauseMs);
  }
}
