// How the service is: latency and throughput drawn from /metrics, which node runs which camera, alerts, drift.

import { metricsText } from "./api.js";
import { Chart } from "./chart.js";
import { badge, el } from "./dom.js";
import { SEVERITIES } from "./event-words.js";
import { buckets, byLabel, parseMetrics, quantile, rates } from "./metrics.js";
import { may } from "./session.js";
import { StorageCard } from "./storage-card.js";
import { nameOfState, rateWords } from "./states.js";

const EVERY_MS = 2000;
const FIRST_MS = 700; // until there is a line to see
const KEPT = 150; // five minutes
const STAGES = ["decode", "wait", "convert", "inference", "track", "classify", "publish"];
const UNWANTED = { reason: "max_fps" }; // beyond a camera's own limit: nobody was too slow
const STATES = { ready: ["live", "Healthy"], degraded: ["stalled", "Degraded"], down: ["failed", "Not ready"] };

export class HealthPage {
  title = "Health";
  #streams;
  #watch;
  #alerts;
  #timer = 0;
  #abort = null;
  #last = null; // the reading before: {at, samples}
  #points = []; // {at, p50, p95, rates, dropped}
  #charts = null;
  #shown = false;
  #storage = new StorageCard();

  /** @param {import("./streams.js").Streams} streams @param {import("./status.js").HealthWatch} watch
   *  @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams, watch, alerts) {
    this.#streams = streams;
    this.#watch = watch;
    this.#alerts = alerts;
    alerts.addEventListener("change", () => this.#shown && this.#showAlerts());
    watch.addEventListener("change", () => this.#shown && this.#showHealth());
    streams.addEventListener("change", () => this.#shown && this.#showNodes());
    document.addEventListener("themechange", () => this.#shown && may("metrics") && this.#draw());
  }

  show() {
    this.#shown = true;
    this.#charts ??= {
      latency: new Chart(document.getElementById("chart-latency")),
      rate: new Chart(document.getElementById("chart-rate")),
      stages: new Chart(document.getElementById("chart-stages")),
    };
    this.#showHealth();
    this.#showNodes();
    if (may("metrics")) this.#read();
    if (may("events")) this.#storage.show();
    this.#showAlerts();
  }

  hide() {
    this.#shown = false;
    this.#storage.hide();
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#last = null; // what happens meanwhile is not known
  }

  async #read() {
    clearTimeout(this.#timer);
    const { signal } = (this.#abort = new AbortController());
    if (!document.hidden) {
      try {
        const samples = parseMetrics(await metricsText(signal));
        if (signal.aborted) return;
        this.#note(samples, performance.now());
        this.#draw();
      } catch (error) {
        if (signal.aborted) return;
        this.#last = null;
      }
    }
    this.#timer = setTimeout(() => this.#read(), this.#points.length < 3 ? FIRST_MS : EVERY_MS);
  }

  #note(samples, at) {
    const before = this.#last;
    this.#last = { at, samples };
    this.#showStages(samples);
    if (!before) return;
    const seconds = (at - before.at) / 1000;
    const latency = (share) => {
      const value = quantile(...[before.samples, samples].map((each) => buckets(each, "livesight_latency_seconds")), share);
      return value === null ? null : value * 1000;
    };
    const rate = (name, unlike) =>
      rates(...[before.samples, samples].map((each) => byLabel(each, name, "stream", unlike)), seconds);
    this.#points.push({
      at,
      p50: latency(0.5),
      p95: latency(0.95),
      analysed: rate("livesight_frames_analysed_total"),
      dropped: [...rate("livesight_frames_dropped_total", UNWANTED).values()].reduce((sum, value) => sum + value, 0),
    });
    if (this.#points.length > KEPT) this.#points.shift();
  }

  #draw() {
    const now = this.#last?.at ?? performance.now();
    const x = this.#points.map(({ at }) => (at - now) / 1000);
    const past = { min: Math.min(-30, x[0] ?? 0), max: 0, unit: " s", grid: false };
    const look = (unit) => ({ x: past, y: { title: unit, ticks: 5 }, formatTitle: (index, at) => `${Math.round(at)} s` });
    const line = (name, values, dotted = false) => ({
      name,
      dotted,
      points: values.map((y, index) => ({ x: x[index], y })),
    });
    this.#charts.latency.draw(
      [
        line("median", this.#points.map(({ p50 }) => p50)),
        line("95th percentile", this.#points.map(({ p95 }) => p95), true),
      ],
      look("ms"),
    );
    const ids = this.#charted();
    this.#charts.rate.draw(
      [
        ...ids.map((id) => line(id, this.#points.map(({ analysed }) => analysed.get(id) ?? null))),
        line("dropped, all", this.#points.map(({ dropped }) => dropped), true),
      ],
      look("frames/s"),
    );
  }

  /** The cameras that there are, and those that were analysed in the time shown: others count nothing any more. */
  #charted() {
    const ids = new Set(this.#streams.views.map(({ id }) => id));
    for (const { analysed } of this.#points) for (const [id, rate] of analysed) if (rate > 0) ids.add(id);
    return [...ids].sort();
  }

  #showStages(samples) {
    const sums = byLabel(samples, "livesight_stage_seconds_sum", "stage");
    const counts = byLabel(samples, "livesight_stage_seconds_count", "stage");
    const stages = [...STAGES.filter((stage) => counts.get(stage) > 0)];
    const mean = stages.map((stage) => (sums.get(stage) / counts.get(stage)) * 1000);
    this.#charts.stages.draw([{ name: "mean", shape: "bar", points: mean }], {
      x: { title: "ms per frame" },
      y: { labels: stages },
      horizontal: true,
      formatValue: (ms) => `${ms.toFixed(2)} ms`,
    });
  }

  #showHealth() {
    const { state, reasons } = this.#watch.health ?? { state: null, reasons: [] };
    const [tone, words] = STATES[state] ?? ["connecting", "Checking"];
    document.getElementById("health-state").replaceChildren(badge(tone, words));
    const said = reasons.length ? reasons : state === "ready" ? ["All models are loaded and results are published."] : [];
    document.getElementById("health-said").replaceChildren(...said.map((reason) => el("li", {}, reason)));
  }

  #showNodes() {
    const rows = this.#streams.views.map((view) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, view.node),
        el("td", {}, el("a", { href: `#/live/${view.id}` }, view.id)),
        el("td", {}, badge(view.state, nameOfState(view.state))),
        el("td", { class: "figure" }, `${rateWords(view.fps)} / ${rateWords(view.analysed_fps)}`),
      ),
    );
    rows.sort((a, b) => a.textContent.localeCompare(b.textContent));
    document.getElementById("node-rows").replaceChildren(...rows);
    document.getElementById("nodes-none").hidden = rows.length > 0;
  }

  #showAlerts() {
    const { open } = this.#alerts;
    const none = open === null ? "No process with the role monitor is running." : "No alert is open.";
    const items = (open ?? []).map(({ stream_id: stream, text, rule, severity }) =>
      el("li", {}, `${SEVERITIES[severity]}: ${text ?? `${rule} (${stream})`}`), // texts begin with the camera
    );
    document.getElementById("alerts-list").replaceChildren(...(items.length ? items : [el("li", { class: "quiet" }, none)]));
  }
}
