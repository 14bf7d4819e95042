// Whether to trust it: how the service is, how the models do, how sure they are, what has drifted, runs of training.

import { ifThere, listModels, metricsText, readiness } from "./api.js";
import { el } from "./dom.js";
import { DriftView } from "./drift-view.js";
import { byLabel, parseMetrics } from "./metrics.js";
import { may } from "./session.js";

const EVERY_MS = 10000;

export class MonitoringPage {
  title = "Monitoring";
  #streams;
  #alerts;
  #timer = 0;
  #abort = null;
  #drift = new DriftView(document.getElementById("drift-view"));

  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams, alerts) {
    this.#streams = streams;
    this.#alerts = alerts;
    document.addEventListener("themechange", () => this.#abort && this.#drift.draw());
  }

  show() {
    this.#load();
    this.#showRuns();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #load() {
    clearTimeout(this.#timer);
    const { signal } = (this.#abort = new AbortController());
    if (!document.hidden) {
      await Promise.all([this.#showHealth(signal), this.#showModels(signal), this.#showDrift(signal)]);
      if (signal.aborted) return;
    }
    this.#timer = setTimeout(() => this.#load(), EVERY_MS);
  }

  async #showHealth(signal) {
    const metrics = may("metrics") ? metricsText(signal).catch(() => null) : null;
    const [health, text] = await Promise.all([readiness(signal), metrics]);
    if (signal.aborted) return;
    const samples = parseMetrics(text ?? "");
    const sum = (name, label) => [...byLabel(samples, name, label).values()].reduce((total, value) => total + value, 0);
    const { views } = this.#streams;
    const open = this.#alerts.open;
    const facts = {
      Service: { ready: "Healthy", degraded: "Degraded", down: "Not ready" }[health.state],
      "Cameras live": `${views.filter(({ state }) => state === "live").length} of ${views.length}`,
      "Frames per second": views.reduce((total, { analysed_fps: fps }) => total + (fps ?? 0), 0).toFixed(0),
      "Highest latency": delay(views),
      ...(text !== null && {
        "Waiting for Kafka": samples.has("livesight_bus_spooled_messages")
          ? sum("livesight_bus_spooled_messages").toLocaleString()
          : "no Kafka",
      }),
      "Open alerts": open === null ? "–" : String(open.length),
    };
    const place = document.getElementById("monitoring-facts");
    place.replaceChildren(
      ...Object.entries(facts).map(([name, value]) =>
        el("div", { class: "card fact" }, el("dt", {}, name), el("dd", {}, value)),
      ),
    );
  }

  async #showModels(signal) {
    const place = document.getElementById("performance-rows");
    try {
      const models = (await listModels()).filter(({ in_service: serving }) => serving);
      if (signal.aborted) return;
      place.replaceChildren(...models.map(row));
    } catch (error) {
      if (!signal.aborted)
        place.replaceChildren(
          el("tr", {}, el("td", { colSpan: 5 }, `The models could not be loaded: ${error.message}`)),
        );
    }
  }

  async #showDrift(signal) {
    try {
      const answer = await ifThere("/v1/drift", signal);
      if (!signal.aborted) this.#drift.show(answer);
    } catch (error) {
      if (!signal.aborted) this.#drift.say(`Drift reports could not be loaded: ${error.message}`);
    }
  }

  async #showRuns() {
    const place = document.getElementById("run-rows");
    const note = document.getElementById("runs-note");
    const answer = await ifThere("/v1/report/runs").catch((error) => ({ runs: [], why: error.message }));
    document.getElementById("report-link").hidden = answer === null;
    const runs = answer?.runs ?? [];
    place.replaceChildren(...runs.map(runRow));
    document.getElementById("runs-table").hidden = runs.length === 0;
    note.hidden = runs.length > 0;
    note.textContent =
      answer === null ? "No process with the role monitor is running." : (answer.why ?? "The server has no runs.");
  }
}

const delay = (views) => {
  const known = views.map(({ latency_ms: ms }) => ms).filter((ms) => typeof ms === "number");
  return known.length ? `${Math.max(...known).toFixed(0)} ms` : "–";
};

function row({ name, version, backend, card }) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", {}, String(version)),
    el("td", {}, backend ?? "not loaded"),
    el("td", {}, headline(card.metrics ?? {})),
    el("td", {}, el("a", { href: "#/models" }, "model card")),
  );
}

/** The few figures that say most, whatever a card calls them. */
function headline(metrics, prefix = "") {
  const found = [];
  for (const [key, value] of Object.entries(metrics)) {
    if (typeof value === "number" && /^(map50|map50_95|map|accuracy|f1|recall|precision)$/i.test(key.replace("-", "_")))
      found.push(`${prefix}${key.replace("_", "-")} ${value.toFixed(3)}`);
    else if (typeof value === "object" && value !== null && !Array.isArray(value) && !prefix)
      found.push(
        ...headline(value, `${key.replaceAll("_", " ")} `)
          .split(", ")
          .filter(Boolean),
      );
  }
  return found.slice(0, 4).join(", ");
}

function runRow({ name, experiment, status, started_ms: started, metrics, url }) {
  const figures = Object.entries(metrics)
    .slice(0, 4)
    .map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`);
  const label = url ? el("a", { href: url, target: "_blank", rel: "noopener" }, name) : name;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, label),
    el("td", {}, experiment),
    el("td", {}, status.toLowerCase()),
    el("td", {}, started ? new Date(started).toLocaleString() : "–"),
    el("td", {}, figures.join(", ")),
  );
}
