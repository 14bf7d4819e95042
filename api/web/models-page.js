// The models: versions, which one is in service, and what their cards say.

import { listModels } from "./api.js";
import { badge, el } from "./dom.js";

const TASKS = { detect: "detector", classify: "classifier", embed: "embedding model", caption: "captioning model" };

export class ModelsPage {
  title = "Models";
  #list = document.getElementById("model-list");
  #note = document.getElementById("models-note");

  show() {
    this.#load();
  }

  hide() {}

  async #load() {
    try {
      const models = await listModels();
      this.#note.hidden = models.length > 0;
      this.#note.textContent = "The server has no models.";
      models.sort((a, b) => a.name.localeCompare(b.name) || b.version - a.version);
      this.#list.replaceChildren(...models.map(card));
    } catch (error) {
      this.#note.hidden = false;
      this.#note.textContent = `The models could not be loaded: ${error.message}`;
    }
  }
}

function card({ name, version, in_service: serving, backend, card: facts }) {
  return el(
    "li",
    { class: "card model", dataset: { model: `${name}/${version}` } },
    el(
      "div",
      { class: "camera-head" },
      el("h2", {}, name, el("span", { class: "quiet" }, ` version ${version}`)),
      badge(serving ? "live" : "idle", serving ? "In service" : "Not in service"),
    ),
    el("p", { class: "quiet" }, `${TASKS[facts.task] ?? facts.task}${backend ? `, runs on ${backend}` : ""}`),
    el(
      "dl",
      { class: "facts wide" },
      ...named({
        Classes: (facts.classes ?? []).map((label) => label.replaceAll("_", " ")).join(", "),
        "Applies to": [facts.applies_to].flat().filter(Boolean).join(", ").replaceAll("_", " "),
        "Input sizes": (facts.shapes_wh ?? []).map((size) => size.join(" × ")).join(", "),
        Thresholds: Object.entries(facts.thresholds ?? {})
          .map(([label, value]) => `${label.replaceAll("_", " ")} ${value}`)
          .join(", "),
        Licence: facts.licence,
      }),
    ),
    figures("Metrics", facts.metrics, true),
    figures("Data", facts.data),
  );
}

const named = (values) =>
  Object.entries(values)
    .filter(([, value]) => value)
    .map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value)));

/** Nested figures as a table of two columns, to be folded away. */
function figures(title, value, open = false) {
  const rows = flat(value);
  if (rows.length === 0) return null;
  return el(
    "details",
    { open },
    el("summary", {}, title),
    el(
      "table",
      {},
      el("tbody", {}, ...rows.map(([key, shown]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, shown)))),
    ),
  );
}

function flat(value, prefix = "") {
  if (value === null || value === undefined || value === "") return [];
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return [[prefix, value.join(", ")]];
  if (typeof value !== "object") return [[prefix, typeof value === "number" ? figure(value) : String(value)]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flat(inner, `${prefix}${prefix ? " · " : ""}${key.replaceAll("_", " ")}`),
  );
}

const figure = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));
