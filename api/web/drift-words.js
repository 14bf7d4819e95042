// What drift reports say, in words. Pure.

export const GROUPS = {
  model: "Model confidence",
  population: "Objects detected",
  picture: "Image quality",
};

const FEATURES = {
  brightness: "Brightness",
  contrast: "Contrast",
  sharpness: "Sharpness",
  focus: "Focus",
  blockiness: "Blockiness (compression)",
  saturation: "Colour",
  detail: "Detail",
  scene: "Scene (share of changed hash bits)",
  boxes: "Objects per frame",
  label: "Labels",
  box_side: "Box size",
  aspect: "Box aspect ratio (width to height)",
  confidence: "Confidence",
  distance: "Distance between faces",
};

export const nameOf = (feature) => FEATURES[feature] ?? feature.replaceAll("_", " ");

/** Badge and words for a report. @returns {[string, string]} */
export function stateOf({ state, drifted, cause, commissioned_share: share, faults }) {
  if (faults?.length) return ["failed", faults.map(({ kind }) => kind).join(", ")];
  if (drifted) return ["failed", `Drift: ${cause}`];
  if (state === "watching") return ["live", "No drift"];
  if (state === "commissioning") return ["stalled", `Learning, ${Math.round(share * 100)} %`];
  return ["idle", "Not enough data yet"];
}

const probability = (p) => (p < 0.0001 ? "p < 0.0001" : `p ${p.toPrecision(2)}`);

/** "0.12 away from the model’s card (recent window), p 0.31, 512 samples (88 independent)" */
export function verdict({ score, p_value: p, samples, effective_samples: worth, reference, window }) {
  const against = reference === "card" ? "from the model’s card" : "from its own first days";
  const which = window === "long" ? "long" : "recent";
  const worthOf = `${samples} samples (${Math.round(worth)} independent)`;
  return `${score.toFixed(2)} away ${against} (${which} window), ${probability(p)}, ${worthOf}`;
}

/** Groups in their order, each with its features, what drifted most first. */
export function grouped(features) {
  const rank = (feature) => (feature.drifted ? 10 : 0) + feature.score;
  return Object.keys(GROUPS)
    .map((group) => [group, features.filter((feature) => feature.group === group).sort((a, b) => rank(b) - rank(a))])
    .filter(([, found]) => found.length);
}

/** What the chart of a feature shows: what is seen now, over the reference. */
export function seriesOf({ edges, labels, shares, reference_shares: reference }) {
  const now = { name: "now", colour: "#0b8f81" };
  const before = { name: "reference", colour: "#8793a1" };
  const percent = (values) => values.map((value) => value * 100);
  if (labels)
    return [
      { ...before, shape: "bar", points: percent(reference) },
      { ...now, shape: "bar", points: percent(shares) },
    ];
  // a step holds until the next edge, so the last value is given twice
  const steps = (values) => edges.map((x, index) => ({ x, y: percent(values)[Math.min(index, values.length - 1)] }));
  return [
    { ...now, shape: "step", filled: true, points: steps(shares) },
    { ...before, shape: "step", points: steps(reference) },
  ];
}
