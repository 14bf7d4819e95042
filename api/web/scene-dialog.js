// Zones and lines of a camera, drawn over a still image of it, and saved.

import { deleteScene, ifThere, listModels, putScene, snapshot } from "./api.js";
import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { LabelChoice } from "./label-choice.js";
import { SceneCanvas } from "./scene-canvas.js";
import { complaint, sceneOf, shapesOf } from "./scene-shapes.js";
import { toast } from "./status.js";

const HINTS = {
  none: "Draw a zone or a line. Select one to move it or its points.",
  zone: "Click the corners in turn; click the first one again or press Enter to finish.",
  line: "Click the start, then the end. Crossing towards the arrow counts as in.",
};

export class SceneDialog {
  #dialog = document.getElementById("scene-dialog");
  #canvas = new SceneCanvas(document.getElementById("scene-canvas"));
  #image = document.getElementById("scene-image");
  #form = document.getElementById("scene-form");
  #error = document.getElementById("scene-error");
  #hint = document.getElementById("scene-hint");
  #list = document.getElementById("scene-list");
  #save = document.getElementById("scene-save");
  #shape = document.getElementById("scene-shape");
  #labels = new LabelChoice(document.querySelector("#scene-labels .choices"));
  #id = null;
  #was = ""; // what the server has
  #url = null;
  #classes = [];

  constructor() {
    const canvas = this.#canvas;
    for (const button of this.#dialog.querySelectorAll("[data-draw]"))
      button.addEventListener("click", (event) => {
        // a click made by a key has no place: then the shape is put where keys can move it
        if (event.detail === 0) canvas.place(button.dataset.draw);
        else if (canvas.drawing?.kind === button.dataset.draw) canvas.cancel();
        else canvas.draw(button.dataset.draw);
      });
    canvas.addEventListener("change", () => this.#changed());
    canvas.addEventListener("select", () => this.#showShape());
    canvas.addEventListener("drawing", () => this.#showTools());
    this.#shape.addEventListener("input", () => this.#take());
    document.getElementById("scene-flip").addEventListener("click", () => this.#flip());
    document.getElementById("scene-remove").addEventListener("click", () => canvas.remove(canvas.selected));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#leave());
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (canvas.drawing) canvas.cancel();
      else this.#leave();
    });
    this.#dialog.addEventListener("close", () => this.#forget());
  }

  /** @param {object} view of the stream */
  async open({ id, models, size_wh: size }) {
    this.#id = id;
    document.getElementById("scene-title").textContent = `Zones and lines of “${id}”`;
    this.#say(null);
    this.#canvas.open([]);
    this.#dialog.showModal();
    await Promise.all([this.#loadImage(id, size !== null), this.#loadScene(id), this.#loadLabels(models)]);
    this.#showTools();
    this.#showShape();
  }

  async #loadImage(id, seen) {
    const blank = document.getElementById("scene-blank");
    blank.hidden = false;
    blank.textContent = "Loading an image…";
    this.#image.hidden = true;
    try {
      const blob = seen ? await snapshot(id) : null; // a camera that was never seen has none
      if (this.#id !== id) return;
      blank.textContent = "The camera has no image now. You can still draw: positions are relative to the image.";
      if (!blob) return;
      this.#image.src = this.#url = URL.createObjectURL(blob);
      await this.#image.decode();
      this.#image.hidden = false;
      blank.hidden = true;
      this.#canvas.render();
    } catch (error) {
      blank.textContent = `The image could not be loaded: ${error.message}`;
    }
  }

  async #loadScene(id) {
    this.#save.disabled = true;
    try {
      const scene = (await ifThere(`/v1/zones/${encodeURIComponent(id)}`)) ?? {};
      if (this.#id !== id) return;
      const fixed = scene.origin === "configuration";
      this.#dialog.classList.toggle("fixed", fixed);
      if (fixed) this.#say("The configuration (monitoring.scenes) defines these; change them there.");
      for (const element of this.#dialog.querySelectorAll("[data-draw], #scene-shape")) element.disabled = fixed;
      this.#save.disabled = fixed;
      this.#canvas.open(shapesOf(scene.scene ?? scene));
      this.#was = JSON.stringify(sceneOf(this.#canvas.shapes));
      this.#showList();
    } catch (error) {
      this.#say(`The zones could not be loaded: ${error.message}`);
    }
  }

  async #loadLabels(models) {
    try {
      const cards = (await listModels()).filter(({ name }) => models.includes(name)).map(({ card }) => card);
      this.#classes = [...new Set(cards.filter(({ task }) => task === "detect").flatMap(({ classes }) => classes))];
    } catch {
      this.#classes = []; // zones for all labels can be drawn without knowing them
    }
  }

  #changed() {
    this.#say(null);
    this.#showList();
  }

  #showTools() {
    const { drawing } = this.#canvas;
    for (const button of this.#dialog.querySelectorAll("[data-draw]"))
      button.setAttribute("aria-pressed", drawing?.kind === button.dataset.draw);
    this.#hint.textContent = HINTS[drawing?.kind ?? "none"];
  }

  #showList() {
    const { shapes, selected } = this.#canvas;
    this.#list.replaceChildren(
      ...shapes.map((shape) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              class: "button",
              type: "button",
              "aria-pressed": shape === selected,
              on: { click: () => this.#canvas.select(shape) },
            },
            shape.name,
            el("span", { class: "quiet" }, shape.kind),
          ),
        ),
      ),
    );
    document.getElementById("scene-none").hidden = shapes.length > 0;
  }

  #showShape() {
    this.#showList();
    const shape = this.#canvas.selected;
    this.#shape.hidden = !shape;
    if (!shape) return;
    const { name, anchor, stay } = this.#form.elements;
    name.value = shape.name;
    anchor.value = shape.anchor;
    stay.value = shape.stay_s ?? "";
    document.getElementById("scene-stay").hidden = shape.kind !== "zone";
    document.getElementById("scene-flip").hidden = shape.kind !== "line";
    this.#labels.offer(this.#classes, shape.labels);
  }

  /** What the form says of the chosen one. */
  #take() {
    const shape = this.#canvas.selected;
    if (!shape) return;
    const { name, anchor, stay } = this.#form.elements;
    shape.name = name.value.trim();
    shape.anchor = anchor.value;
    shape.labels = this.#labels.chosen;
    shape.stay_s = shape.kind === "zone" && stay.value !== "" ? Number(stay.value) : null;
    this.#canvas.render();
    this.#changed();
  }

  #flip() {
    const shape = this.#canvas.selected;
    shape.points = [shape.points[1], shape.points[0]];
    this.#canvas.render();
    this.#changed();
  }

  async #submit() {
    this.#canvas.finish();
    const { shapes } = this.#canvas;
    const wrong = complaint(shapes);
    if (wrong) return this.#say(wrong);
    this.#save.disabled = true;
    try {
      if (shapes.length) await putScene(this.#id, sceneOf(shapes));
      else if (this.#was !== JSON.stringify(sceneOf([]))) await deleteScene(this.#id);
      toast(`Zones and lines of ${this.#id} were saved.`);
      this.#dialog.close();
    } catch (error) {
      this.#say(error.message);
    } finally {
      this.#save.disabled = false;
    }
  }

  async #leave() {
    const changed = JSON.stringify(sceneOf(this.#canvas.shapes)) !== this.#was;
    if (
      changed &&
      !this.#save.disabled &&
      !(await ask("Leave without saving?", "Your changes will be lost.", "Leave"))
    )
      return;
    this.#dialog.close();
  }

  #forget() {
    this.#canvas.open([]);
    this.#image.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#id = this.#url = null;
  }

  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
  }
}
