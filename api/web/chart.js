// Line, bar and histogram charts by Chart.js, which is loaded when the first chart is drawn. Colours follow the theme.

import { timeTicks } from "./time-ticks.js";

const LIBRARY = "/static/vendor/chart.umd.min.js";
const COLOURS = ["#0b8f81", "#4f7fe0", "#b0589f", "#c98f2b", "#7c6ad6", "#4f9d4a", "#c25b4e", "#6f7f8f"];
const FILL_ALPHA = "bf"; // 75 %

let loading = null;

function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Chart);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("The chart library could not be loaded. Reload the page."));
    };
    document.head.append(script);
  });
  return loading;
}

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {({x: number, y: number|null}|number)[]} points numbers where the x axis has labels
 * @property {"line"|"bar"|"step"} [shape] step: each value holds until the next x
 * @property {string} [colour]
 * @property {boolean} [dotted]
 * @property {boolean} [filled]
 *
 * @typedef {object} Axis
 * @property {number} [min]
 * @property {number} [max]
 * @property {string[]} [labels] categories in place of numbers
 * @property {string} [unit] after each tick
 * @property {string} [title]
 * @property {boolean} [grid]
 * @property {number} [ticks] at most
 * @property {boolean} [time] values are milliseconds since 1970, shown by this clock
 */

export class Chart {
  #place;
  #chart = null;
  #drawing = Promise.resolve();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /**
   * @param {Series[]} series
   * @param {{x?: Axis, y?: Axis, height?: number, horizontal?: boolean, stacked?: boolean, barWidth?: number,
   *   formatTitle?: (index: number, x: number) => string, formatValue?: (y: number) => string}} look horizontal: y has the
   *   labels; barWidth: in the x axis' unit; formatTitle and formatValue: what the tooltip says of a point
   */
  draw(series, look) {
    this.#drawing = this.#drawing
      .then(() => this.#draw(series, look))
      .catch((error) => {
        this.#chart?.destroy();
        this.#chart = null;
        this.#place.textContent = error.message;
      });
    return this.#drawing;
  }

  async #draw(series, look) {
    const Library = await library();
    if (!this.#place.clientWidth) return; // another page is shown
    this.#place.style.height = `${look.height ?? 240}px`;
    const config = configOf(series, look);
    if (this.#chart === null) {
      const canvas = document.createElement("canvas");
      this.#place.replaceChildren(canvas);
      this.#chart = new Library(canvas, { ...config, plugins: [barWidths] });
    } else {
      Object.assign(this.#chart, { options: config.options });
      Object.assign(this.#chart.data, config.data);
      this.#chart.update("none");
    }
  }
}

/** Makes bars as wide as their stretch of the x axis. */
const barWidths = {
  id: "barWidths",
  beforeDatasetsUpdate({ scales, data, options }) {
    if (!options.barWidth) return;
    const width = scales.x.getPixelForValue(scales.x.min + options.barWidth) - scales.x.getPixelForValue(scales.x.min);
    for (const dataset of data.datasets) dataset.barThickness = Math.max(1, width * 0.9);
  },
};

function configOf(series, look) {
  const { x = {}, y = {}, horizontal = false, stacked = false, barWidth = null } = look;
  const style = getComputedStyle(document.body);
  const [text, line] = ["--quiet", "--line"].map((name) => resolved(style.getPropertyValue(name)));
  const font = { family: style.fontFamily, size: 12 };
  const theme = { text, line, font, stacked };
  return {
    type: series[0]?.shape === "bar" ? "bar" : "line",
    data: { labels: (horizontal ? y : x).labels, datasets: series.map(datasetOf) },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: horizontal ? "y" : "x",
      barWidth,
      interaction: { mode: "index", intersect: false, axis: horizontal ? "y" : "x" },
      scales: {
        x: axisOf(x, { ...theme, fromZero: horizontal }),
        y: axisOf(y, { ...theme, fromZero: !horizontal }),
      },
      plugins: { legend: legendOf(series, theme), tooltip: tooltipOf(look, horizontal ? x : y) },
    },
  };
}

function datasetOf({ name, points, shape = "line", colour, dotted = false, filled = false }, index) {
  const drawn = colour ?? COLOURS[index % COLOURS.length];
  return {
    type: shape === "bar" ? "bar" : "line",
    label: name,
    data: points,
    borderColor: drawn,
    backgroundColor: shape === "bar" ? drawn : drawn + FILL_ALPHA,
    borderWidth: shape === "bar" ? 0 : filled ? 1 : 2.5,
    borderDash: dotted ? [2, 3] : [],
    pointRadius: 0,
    pointHoverRadius: shape === "step" ? 0 : 3,
    stepped: shape === "step" ? "before" : false,
    fill: filled ? "origin" : false,
    order: filled ? 1 : 0, // filled ones behind lines
  };
}

function axisOf(axis, { text, line, font, stacked, fromZero }) {
  const { min, max, labels, unit = "", title, grid = true, ticks: most = 6, time = false } = axis;
  return {
    type: labels ? "category" : "linear",
    min,
    max,
    stacked,
    beginAtZero: fromZero,
    border: { display: false },
    grid: { display: grid && !labels, color: line },
    title: { display: Boolean(title), text: title, color: text, font },
    ticks: {
      color: text,
      font,
      maxRotation: 0,
      autoSkip: !labels,
      maxTicksLimit: labels?.length ?? most,
      ...(!labels && !time && { callback: (value) => `${value.toLocaleString()}${unit}` }),
      ...(time && { callback: (value, index, { [index]: tick }) => tick.label }),
    },
    ...(time && {
      afterBuildTicks: (scale) => {
        scale.ticks = timeTicks(scale.min, scale.max, most);
      },
    }),
  };
}

function legendOf(series, { text, font }) {
  const labels = { color: text, font, boxWidth: 14, boxHeight: 2, padding: 8 };
  return { display: series.length > 1, align: "start", labels };
}

function tooltipOf({ formatTitle, formatValue }, { unit = "", title = "" }) {
  const spoken = formatValue ?? ((value) => `${Number(value.toFixed(1)).toLocaleString()}${unit || ` ${title}`}`);
  const callbacks = {
    label: ({ dataset, parsed, chart }) =>
      `${dataset.label}: ${spoken(chart.options.indexAxis === "y" ? parsed.x : parsed.y)}`,
    ...(formatTitle && { title: ([item]) => (item ? formatTitle(item.dataIndex, item.parsed.x) : "") }),
  };
  return { animation: false, callbacks, filter: ({ parsed }) => parsed.x !== null && parsed.y !== null };
}

/** light-dark(…) and the like as the colour that they are now: a canvas takes plain colours only. */
function resolved(colour) {
  const probe = document.createElement("i");
  probe.style.color = colour;
  document.body.append(probe);
  const plain = getComputedStyle(probe).color;
  probe.remove();
  return plain;
}
