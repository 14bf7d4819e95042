// How many events there were, over the time that is shown: bars, alerts apart.

import { eventCounts } from "./api.js";
import { Chart } from "./chart.js";
import { countQueryOf, hasTracksOnly, rangeOf } from "./event-query.js";

const BUCKETS_MS = { minute: 60e3, hour: 3600e3, day: 86400e3 };

export class EventTimeline {
  #chart = null;
  #figure = document.getElementById("events-timeline");
  #total = document.getElementById("events-total");

  hide() {
    this.#figure.hidden = true;
  }

  /** Events know nothing of what only tracks have: filtered by that, nothing is counted. */
  async show(said, signal) {
    if (hasTracksOnly(said)) return this.hide();
    try {
      const answer = await eventCounts(countQueryOf(said), signal);
      if (signal?.aborted || answer === null) return;
      this.#figure.hidden = false;
      this.#draw(answer, rangeOf(said));
    } catch {
      if (!signal?.aborted) this.hide(); // the list says what the matter is
    }
  }

  #draw({ counts, total, bucket }, range) {
    this.#total.textContent = `${total.toLocaleString()} ${total === 1 ? "event" : "events"}, by ${bucket}`;
    this.#chart ??= new Chart(document.getElementById("chart-events"));
    const barWidth = BUCKETS_MS[bucket];
    const starts = [...new Set(counts.map(({ start }) => start))];
    const bars = (name, colour, wanted) => {
      const sums = new Map(starts.map((start) => [start, 0]));
      for (const { start, count, value } of counts) if (wanted(value)) sums.set(start, sums.get(start) + count);
      const points = [...sums].map(([start, y]) => ({ x: Date.parse(start) + barWidth / 2, y }));
      return { name, colour, shape: "bar", points };
    };
    const isAlert = (kind) => kind === "alert";
    const series = [bars("events", "#0b8f81", (kind) => !isAlert(kind)), bars("alerts", "#d64550", isAlert)];
    const narrow = matchMedia("(max-width: 699px)").matches;
    const times = starts.map((start) => Date.parse(start));
    const [min, max] = [Math.min(range[0], ...times), Math.max(range[1], ...times.map((time) => time + barWidth))];
    this.#chart.draw(series, {
      x: { min, max, time: true, ticks: narrow ? 3 : 6, grid: false },
      y: { ticks: 5 },
      height: 150,
      stacked: true,
      barWidth,
      formatTitle: (index) => new Date(starts[index]).toLocaleString(),
    });
  }
}
