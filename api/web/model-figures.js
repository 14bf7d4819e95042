// The five figures of a model's card that matter for its task, each in plain words; and all of them, folded.

import { el } from "./dom.js";

const share = (value) => `${Number((100 * value).toPrecision(3))} %`;
const percentOff = (value) => `${Number((100 * value).toFixed(1))} %`;
const milliseconds = (value) => `${Number(value.toPrecision(3))} ms`;

/** What is shown of a model of each task: `path` in the measured part of the card's metrics. */
const FIVE = {
  detect: [
    ["mAP50", ["map50"], share, "Overall mark from 0 to 100 %: how well the right boxes come first over all labels, when a box counts that covers at least half of the true one. Compare versions by it; higher is better."],
    ["Found", ["at_thresholds", "recall"], share, "Recall: of 100 things that were there, so many were found at the thresholds in use. What is missing was overlooked; higher is better."],
    ["Right", ["at_thresholds", "precision"], share, "Precision: of 100 boxes that were reported, so many were really there. What is missing were false finds; higher is better."],
    ["Small ones", ["by_size", "small", "map50"], share, "The overall mark (mAP50), for small things alone: less than 32 × 32 pixels, such as faces far away. If your cameras look from afar this counts most."],
    ["Time per frame", ["latency_ms", "total", "p50"], milliseconds, "How long one frame takes, half of them less, on the machine that measured it. Yours differs; the order of two versions is mostly the same. Lower is better."],
  ],
  classify: [
    ["Accuracy", ["accuracy"], share, "Of 100 crops, so many got the right label. Higher is better."],
    ["F1", ["f1"], share, "Like accuracy, but each label counts the same, however rare. Much lower than accuracy: rare labels are confused."],
    ["Ranking", ["auc"], share, "AUC: how often the right label gets the higher confidence of a right and a wrong example. 50 % would be guessing."],
    ["Confidence off by", ["calibration", "ece"], percentOff, "How far stated confidence is from how often it is right, on average. Small: “90 %” means right nine times of ten."],
    ["Tested on", ["images"], (value) => `${value} crops`, "How many crops all of this was measured on. With few, the figures could be luck."],
  ],
};

/** What was measured of the graph that runs: the quantised one where the backend says so. */
function measured({ metrics }, backend) {
  const int8 = backend?.endsWith("int8") ? metrics?.int8 : null;
  return int8 ?? metrics?.full ?? metrics ?? {};
}

/** @returns {{name: string, shown: string, words: string}[]} those of the five that the card has */
export function fiveFigures(card, backend) {
  const from = measured(card, backend);
  return (FIVE[card.task] ?? []).flatMap(([name, path, show, words]) => {
    const value = path.reduce((inner, key) => inner?.[key], from);
    return typeof value === "number" ? [{ name, shown: show(value), words }] : [];
  });
}

/** The five as things that open and explain themselves. */
export function figureList(card, backend) {
  const five = fiveFigures(card, backend);
  if (five.length === 0) return el("p", { class: "quiet" }, "Its card has no figures: nobody has measured it.");
  return el(
    "div",
    { class: "key-figures" },
    ...five.map(({ name, shown, words }) =>
      el(
        "details",
        { class: "key-figure" },
        el("summary", { title: words }, el("span", { class: "quiet" }, name), el("strong", {}, shown)),
        el("p", {}, words),
      ),
    ),
  );
}

/** Nested figures as a table of two columns, folded away; null where there are none. */
export function folded(title, value) {
  const rows = flat(value);
  if (rows.length === 0) return null;
  return el(
    "details",
    {},
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
