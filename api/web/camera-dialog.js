// "Use my camera": a preview to choose the device by, then off to the server.

import { openCamera, Publisher } from "./publisher.js";

/** A stream id that nobody else has, most likely; the server says 409 if somebody does. */
const freshId = () =>
  `cam-${[...crypto.getRandomValues(new Uint8Array(4))].map((byte) => (byte % 36).toString(36)).join("")}`;

export class CameraDialog {
  #dialog = document.getElementById("camera-dialog");
  #form = document.getElementById("camera-form");
  #video = document.getElementById("camera-preview");
  #waiting = document.getElementById("camera-waiting");
  #device = document.getElementById("camera-device");
  #error = document.getElementById("camera-error");
  #start = this.#form.querySelector("[type=submit]");
  #media = null;
  #asked = 0; // the newest request for a camera; answers to older ones are thrown away

  /** @param {(publisher: Publisher) => void} onStarted */
  constructor(onStarted) {
    this.onStarted = onStarted;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#release());
    this.#device.addEventListener("change", () => this.#preview(this.#device.value));
  }

  open() {
    this.#dialog.showModal();
    this.#preview(null);
  }

  async #preview(deviceId) {
    const asked = ++this.#asked;
    this.#show(null);
    this.#say(null);
    this.#waiting.hidden = false;
    try {
      const media = await openCamera(deviceId);
      if (asked !== this.#asked || !this.#dialog.open) return media.getTracks().forEach((track) => track.stop());
      this.#show(media);
      await this.#listDevices();
      if (document.activeElement !== this.#device) this.#start.focus();
    } catch (error) {
      if (asked === this.#asked) this.#say(error.message);
    }
  }

  /** The devices' names are known only after the permission was given. */
  async #listDevices() {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const current = this.#media?.getVideoTracks()[0]?.getSettings().deviceId;
    this.#device.replaceChildren(
      ...devices.map((device, index) => {
        const option = new Option(device.label || `Camera ${index + 1}`, device.deviceId);
        option.selected = device.deviceId === current;
        return option;
      }),
    );
    this.#device.disabled = devices.length < 2;
  }

  async #publish() {
    const media = this.#media;
    if (!media) return;
    const publisher = new Publisher(freshId(), media);
    this.#say(null);
    this.#start.disabled = true;
    this.#start.textContent = "Connecting…";
    try {
      await publisher.start();
      if (this.#media !== media) return await publisher.stop(); // cancelled meanwhile
      this.#media = null; // the publisher's now
      this.onStarted(publisher);
      this.#dialog.close();
    } catch (error) {
      this.#say(refusal(error));
      this.#start.disabled = this.#media === null;
    } finally {
      this.#start.textContent = "Start";
    }
  }

  #show(media) {
    this.#media?.getTracks().forEach((track) => track.stop());
    this.#media = media;
    this.#video.srcObject = media;
    this.#waiting.hidden = media !== null;
    this.#start.disabled = media === null;
  }

  #release() {
    this.#asked += 1;
    this.#show(null);
  }

  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
    if (words) this.#waiting.hidden = true;
  }
}

function refusal(error) {
  if (error.status === 409) return `This stream's name is in use. Press Start again. (${error.message})`;
  if (error.status === 503) return `The server accepts no more cameras at the moment: ${error.message}`;
  return error.message;
}
