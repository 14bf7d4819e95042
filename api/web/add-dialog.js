// "Add a camera": address, name, models.

import { addStream, listModels } from "./api.js";

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** A name made of the address's host, as a first guess. */
function guessId(url, taken) {
  let host = "";
  try {
    host = new URL(url).hostname;
  } catch {
    return "";
  }
  const stem = host.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50);
  if (!stem) return "";
  const base = /^\d/.test(stem) ? `camera-${stem.split("-").at(-1)}` : stem;
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(id)) return id;
  }
}

/** What keeps this from being sent, in words; null if nothing. */
function complaint({ id, url, models }) {
  if (!url) return "Give the camera's address.";
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) return "The address begins with rtsp://, rtsps://, http:// or https://.";
  if (!ID.test(id)) return "The name has small letters, digits, “-” and “_”, and begins with a letter or a digit.";
  if (models.length === 0) return "Choose at least one thing to look for.";
  return null;
}

export class AddDialog {
  #dialog = document.getElementById("add-dialog");
  #form = document.getElementById("add-form");
  #error = document.getElementById("add-error");
  #choices = this.#dialog.querySelector(".choices");
  #guessed = "";

  /** @param {() => Set<string>} takenIds @param {(view: object) => void} onAdded */
  constructor(takenIds, onAdded) {
    this.takenIds = takenIds;
    this.onAdded = onAdded;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    const { url, id } = this.#form.elements;
    url.addEventListener("input", () => {
      if (id.value !== this.#guessed) return; // typed by hand: leave it
      id.value = this.#guessed = guessId(url.value.trim(), this.takenIds());
    });
  }

  open() {
    this.#form.reset();
    this.#guessed = "";
    this.#say(null);
    this.#dialog.showModal();
    this.#form.elements.url.focus();
    this.#fillModels();
  }

  async #fillModels() {
    let models = [];
    try {
      models = await listModels();
    } catch (error) {
      this.#say(`The models could not be listed: ${error.message}`);
      return;
    }
    const detectors = [...new Set(models.filter(({ card }) => card.task === "detect").map(({ name }) => name))];
    const chosen = detectors.includes("mask") ? "mask" : detectors[0];
    this.#choices.replaceChildren(
      ...detectors.map((name) => {
        const label = document.createElement("label");
        const box = document.createElement("input");
        Object.assign(box, { type: "checkbox", name: "models", value: name, checked: name === chosen });
        label.append(box, name);
        return label;
      }),
    );
    if (detectors.length === 0) this.#say("The server has no model that finds things in pictures.");
  }

  async #submit() {
    const form = new FormData(this.#form);
    const config = { id: form.get("id").trim(), url: form.get("url").trim(), models: form.getAll("models") };
    const wrong = complaint(config);
    if (wrong) return this.#say(wrong);
    const button = this.#form.querySelector("[type=submit]");
    this.#say(null);
    button.disabled = true;
    button.textContent = "Adding…";
    try {
      const view = await addStream(config);
      this.#dialog.close();
      this.onAdded(view);
    } catch (error) {
      this.#say(error.message);
    } finally {
      button.disabled = false;
      button.textContent = "Add camera";
    }
  }

  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
  }
}
