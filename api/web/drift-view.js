// Drift, camera by camera and model by model: what is seen now against the reference, feature by feature.

import { commission } from "./api.js";
import { Chart } from "./chart.js";
import { ask } from "./confirm.js";
import { badge, el } from "./dom.js";
import { labelName } from "./label-words.js";
import { GROUPS, grouped, nameOf, seriesOf, stateOf, verdict } from "./drift-words.js";
import { toast } from "./status.js";

const keyOf = ({ stream_id: stream, model }) => `${stream}/${model}`;

export class DriftView {
  #place;
  #reports = [];
  #chosen = null;
  #shown = "";
  #list = el("ul", { class: "cards" });
  #title = el("h3");
  #facts = el("p", { class: "quiet" });
  #groups = el("div");
  #charts = new Map(); // feature → {card, chart, verdict}
  #words = el("p", { class: "quiet", role: "status" });

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    const detail = el("section", { class: "drift-detail", "aria-live": "off" }, this.#title, this.#facts, this.#groups);
    place.append(this.#words, this.#list, detail);
    this.say("Loading …");
  }

  /** @param {{reports: object[]}|null} answer of `GET /v1/drift` */
  show(answer) {
    if (answer === null) return this.say("No process with the role monitor is running.");
    this.#reports = answer.reports;
    if (!this.#reports.length) return this.say("No reports yet; they start with the first frames.");
    this.#words.hidden = true;
    this.#list.hidden = this.#title.parentNode.hidden = false;
    if (!this.#reports.some((report) => keyOf(report) === this.#chosen))
      this.#chosen = keyOf(this.#reports.find(({ drifted }) => drifted) ?? this.#reports[0]);
    this.#showList();
    this.draw();
  }

  say(words) {
    this.#words.hidden = false;
    this.#words.textContent = words;
    this.#list.hidden = this.#title.parentNode.hidden = true;
  }

  #showList() {
    const drawn = JSON.stringify([this.#reports, this.#chosen]);
    if (drawn === this.#shown) return;
    this.#shown = drawn;
    const focused = document.activeElement?.dataset.drift;
    this.#list.replaceChildren(...this.#reports.map((report) => this.#card(report)));
    if (focused) this.#list.querySelector(`[data-drift="${focused}"]`)?.focus();
  }

  #card(report) {
    const key = keyOf(report);
    const choose = () => {
      this.#chosen = key;
      this.#showList();
      this.draw();
    };
    return el(
      "li",
      { class: "card drift", dataset: { drifted: report.drifted } },
      el(
        "div",
        { class: "camera-head" },
        el("h3", {}, report.stream_id, el("span", { class: "quiet" }, ` ${report.model} ${report.version}`)),
        badge(...stateOf(report)),
      ),
      report.text || report.faults.length
        ? el("p", {}, [report.text, ...report.faults.map(({ text }) => text)].filter(Boolean).join(" "))
        : null,
      el(
        "p",
        { class: "quiet" },
        report.features.length ? `Largest difference: ${worst(report)}` : "No feature has been compared yet.",
      ),
      el(
        "div",
        { class: "card-actions" },
        el(
          "button",
          {
            class: "button",
            type: "button",
            "aria-pressed": key === this.#chosen,
            dataset: { drift: key },
            "aria-label": `Features of ${report.stream_id}, ${report.model}`,
            on: { click: choose },
          },
          "Features",
        ),
        el(
          "button",
          {
            class: "button",
            type: "button",
            dataset: { needs: "drift" },
            "aria-label": `Reset reference of ${report.stream_id}`,
            on: { click: () => learnAnew(report.stream_id) },
          },
          "Reset reference",
        ),
      ),
    );
  }

  /** The chosen one's features; cards stay while they are the same ones, so that charts do not flicker. */
  draw() {
    const report = this.#reports.find((each) => keyOf(each) === this.#chosen);
    if (!report) return;
    this.#title.textContent = `${report.stream_id}, ${report.model} ${report.version}: current values and reference`;
    this.#facts.textContent = factsOf(report);
    const names = report.features.map(({ feature }) => feature);
    if (names.join() !== [...this.#charts.keys()].join()) this.#arrange(report);
    for (const feature of report.features) {
      const { card, chart, words } = this.#charts.get(feature.feature);
      card.dataset.drifted = feature.drifted;
      words.textContent = verdict(feature);
      const { labels, edges } = feature;
      const figure = (value) => Number(value.toPrecision(3)).toLocaleString();
      chart.draw(seriesOf(feature), {
        x: labels
          ? { labels: labels.map((label) => labelName(label, report.model)) }
          : { min: edges[0], max: edges.at(-1), grid: false },
        y: { unit: " %", ticks: 5 },
        height: 170,
        ...(!labels && { formatTitle: (index) => edges.slice(index, index + 2).map(figure).join(" to ") }),
      });
    }
  }

  #arrange({ features }) {
    this.#charts = new Map(features.map(({ feature }) => [feature, null]));
    const make = ({ feature }) => {
      const id = `drift-${feature}`;
      const place = el("div", { class: "chart short", role: "img", "aria-labelledby": id });
      const words = el("p", { class: "verdict" });
      const card = el("section", { class: "card drift" }, el("h4", { id }, nameOf(feature)), place, words);
      this.#charts.set(feature, { card, chart: new Chart(place), words });
      return card;
    };
    this.#groups.replaceChildren(
      ...grouped(features).flatMap(([group, found]) => [
        el("h3", { class: "drift-group" }, GROUPS[group]),
        el("div", { class: "cards charts small" }, ...found.map(make)),
      ]),
    );
  }
}

function worst({ features }) {
  const [feature] = [...features].sort((a, b) => b.score - a.score);
  return `${nameOf(feature.feature).toLowerCase()}, ${feature.score.toFixed(2)} of 1`;
}

function factsOf({ features, captured_at_ns: at, unlike_card: unlike }) {
  if (features.length === 0) return "Not enough frames and tracks yet to compare.";
  const card = " The video differs from the model's training data; that alone raises no alert.";
  return `As of ${new Date(at / 1e6).toLocaleTimeString()}.${unlike ? card : ""}`;
}

async function learnAnew(stream) {
  const text = "Livesight learns a new reference from now on. Until it is complete, this camera raises no drift alerts.";
  if (!(await ask(`Reset the reference of “${stream}”?`, text, "Reset reference"))) return;
  try {
    await commission(stream);
    toast(`Livesight learns a new reference for ${stream}.`);
  } catch (error) {
    toast(`The reference of ${stream} could not be reset: ${error.message}`, "bad");
  }
}
