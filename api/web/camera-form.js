// The form for a camera: a new one, or another address or other models for one that is there. Test before save.

import { addStream, changeStream, streamAddress, testStream } from "./api.js";
import { el } from "./dom.js";
import { ModelChoice } from "./model-choice.js";

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MOST_FPS = 240;
const SCHEMES = /^(rtsps?|https?):\/\//i;

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
function complaint({ id, url, models, max_fps: fps }, editing) {
  if (!url && !editing) return "Enter the camera's URL.";
  if (url && !/^[a-z][a-z0-9+.-]*:/i.test(url))
    return "The URL must start with rtsp://, rtsps://, http:// or https://.";
  if (!ID.test(id)) return "The name may contain lower-case letters, digits, “-” and “_”, and must start with a letter or digit.";
  if (fps !== null && !(fps > 0 && fps <= MOST_FPS))
    return `Enter a number above 0 and at most ${MOST_FPS}, or leave it empty for no limit.`;
  if (models.length === 0) return "Select at least one model.";
  return null;
}

const sameNames = (one, other) => [...one].sort().join() === [...other].sort().join();

export class CameraForm {
  #dialog = document.getElementById("add-dialog");
  #form = document.getElementById("add-form");
  #error = document.getElementById("add-error");
  #models = new ModelChoice(document.getElementById("add-models"), document.getElementById("add-classifiers"));
  #image = document.getElementById("add-preview");
  #tested = document.getElementById("add-tested");
  #test = document.getElementById("add-test");
  #save = this.#form.querySelector("[type=submit]");
  #editing = null; // the view of the camera that is changed
  #before = null; // its address
  #guessed = "";
  #testing = null; // AbortController

  /** @param {() => Set<string>} takenIds @param {(view: object, added: boolean) => void} onSaved */
  constructor(takenIds, onSaved) {
    this.takenIds = takenIds;
    this.onSaved = onSaved;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#forgetTest());
    this.#test.addEventListener("click", () => this.#tryOut());
    const { url, id } = this.#form.elements;
    url.addEventListener("input", () => {
      this.#forgetTest();
      if (this.#editing || id.value !== this.#guessed) return; // typed by hand: leave it
      id.value = this.#guessed = guessId(url.value.trim(), this.takenIds());
    });
  }

  /** @param {object|null} view the camera to change; null for a new one */
  open(view = null) {
    this.#editing = view;
    this.#form.reset();
    this.#guessed = "";
    this.#say(null);
    this.#forgetTest();
    const { url, id } = this.#form.elements;
    id.disabled = view !== null;
    if (view) id.value = view.id;
    this.#form.elements.blur.checked = view?.blur === true;
    this.#form.elements.identity.checked = view?.identity === true;
    this.#form.elements.max_fps.value = view?.max_fps ?? "";
    url.required = view === null;
    document.getElementById("add-title").textContent = view ? `Change “${view.id}”` : "Add a camera";
    this.#before = null;
    this.#hint("add-url-hint", view ? `Currently ${view.url ?? "unknown"}. Leave empty to keep it.` : "");
    this.#hint("add-password-hint", "");
    if (view) this.#showAddress(view.id);
    this.#save.textContent = this.#saveWords;
    this.#dialog.showModal();
    url.focus();
    this.#fillModels();
  }

  /** The whole address of the camera that is changed, and its user; its password is known to the server only. */
  async #showAddress(id) {
    try {
      const address = await streamAddress(id);
      if (this.#editing?.id !== id) return;
      this.#before = address;
      if (address.url) this.#hint("add-url-hint", `Currently ${address.url}. Leave empty to keep it.`);
      if (this.#form.elements.user.value === "") this.#form.elements.user.value = address.user ?? "";
      this.#hint("add-password-hint", address.has_password ? "Leave empty to keep it; enter it again for another address." : "");
    } catch {
      // what the list says is enough
    }
  }

  #hint(id, words) {
    const hint = document.getElementById(id);
    hint.textContent = words;
    hint.hidden = !words;
  }

  /** User and password as they were entered; nothing where nothing was. */
  #credentials() {
    const { user, password } = this.#form.elements;
    return { ...(user.value && { user: user.value }), ...(password.value && { password: password.value }) };
  }

  get #saveWords() {
    return this.#editing ? "Save changes" : "Add camera";
  }

  async #fillModels() {
    try {
      if (!(await this.#models.fill(this.#editing?.models ?? null))) this.#say("The server has no models.");
    } catch (error) {
      this.#say(`The models could not be listed: ${error.message}`);
    }
  }

  async #tryOut() {
    const url = this.#form.elements.url.value.trim();
    if (!SCHEMES.test(url)) return this.#say("Enter a URL that starts with rtsp://, rtsps://, http:// or https://.");
    this.#forgetTest();
    this.#say(null);
    const testing = (this.#testing = new AbortController());
    this.#test.disabled = true;
    this.#tested.textContent = "Opening the camera…";
    try {
      const blob = await testStream({ url, ...this.#credentials() }, testing.signal);
      const bitmap = await createImageBitmap(blob);
      if (testing.signal.aborted) return bitmap.close();
      this.#image.width = bitmap.width;
      this.#image.height = bitmap.height;
      this.#image.getContext("2d").drawImage(bitmap, 0, 0);
      this.#image.hidden = false;
      this.#tested.textContent = `It works: received a frame of ${bitmap.width} × ${bitmap.height}.`;
      bitmap.close();
    } catch (error) {
      if (testing.signal.aborted) return;
      this.#tested.textContent = "";
      this.#say(error.message, error.suggestion);
    } finally {
      this.#test.disabled = false;
    }
  }

  #forgetTest() {
    this.#testing?.abort();
    this.#testing = null;
    this.#test.disabled = false;
    this.#tested.textContent = "";
    this.#image.hidden = true;
    this.#image.width = this.#image.height = 0;
  }

  async #submit() {
    const { url, id, blur, identity, max_fps: fps } = this.#form.elements;
    const config = {
      id: id.value.trim(),
      url: url.value.trim(),
      blur: blur.checked,
      identity: identity.checked,
      max_fps: fps.value === "" && !fps.validity.badInput ? null : fps.valueAsNumber,
      models: this.#models.names,
    };
    const wrong = complaint(config, this.#editing !== null);
    if (wrong) return this.#say(wrong);
    this.#say(null);
    this.#save.disabled = true;
    this.#save.textContent = this.#editing ? "Saving…" : "Adding…";
    try {
      const view = this.#editing ? await this.#change(config) : await addStream({ ...config, ...this.#credentials() });
      this.#dialog.close();
      this.onSaved(view, this.#editing === null);
    } catch (error) {
      this.#say(error.message, error.suggestion);
    } finally {
      this.#save.disabled = false;
      this.#save.textContent = this.#saveWords;
    }
  }

  #change({ id, url, blur, identity, models, max_fps }) {
    const before = this.#editing;
    const { user, password } = this.#credentials();
    const changes = {
      ...(url && { url }),
      ...((user ?? null) !== (this.#before?.user ?? null) && { user: user ?? null }),
      ...(url && user && { user }),
      ...(password && { password, ...(user && { user }) }),
      ...(!sameNames(models, before.models) && { models }),
      ...(blur !== (before.blur === true) && { blur }),
      ...(identity !== (before.identity === true) && { identity }),
      ...(max_fps !== (before.max_fps ?? null) && { max_fps }),
    };
    return Object.keys(changes).length ? changeStream(id, changes) : before;
  }

  /** suggestion: the URL as it was probably meant, well encoded; offered, never put in by itself */
  #say(words, suggestion = null) {
    this.#error.hidden = !words;
    this.#error.replaceChildren(words ?? "");
    if (!suggestion) return;
    const take = el("button", { type: "button", className: "button" }, "Use the encoded form");
    take.addEventListener("click", () => {
      this.#form.elements.url.value = suggestion;
      this.#say(null);
    });
    this.#error.append(" ", take);
  }
}
