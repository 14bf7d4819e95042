// What drift reports say, in words. Pure.

export const GROUPS = {
  model: "How sure the model is",
  population: "Who and what is seen",
  picture: "The picture itself",
};

const FEATURES = {
  brightness: "Brightness",
  contrast: "Contrast",
  sharpness: "Sharpness",
  focus: "Focus",
  blockiness: "Blockiness (compression)",
  saturation: "Colour",
  detail: "Detail",
  scene: "Scene (share of its marks that moved)",
  boxes: "Objects a picture",
  label: "Labels",
  box_side: "Size of the boxes",
  aspect: "Shape of the boxes (width to height)",
  confidence: "Confidence",
  distance: "Distance of faces",
};

export const nameOf = (feature) => FEATURES[feature] ?? feature.replaceAll("_", " ");

/** Badge and words for a report. @returns {[string, string]} */
export function stateOf({ state, drifted, cause, commissioned_share: share, faults }) {
  if (faults?.length) return ["failed", faults.map(({ kind }) => kind).join(", ")];
  if (drifted) return ["failed", `Drift: ${cause}`];
  if (state === "watching") return ["live", "As it was"];
  if (state === "commissioning") return ["stalled", `Learning, ${Math.round(share * 100)} %`];
  return ["idle", "Too little seen yet"];
}

const probability = (p) => (p < 0.0001 ? "p < 0.0001" : `p ${p.toPrecision(2)}`);

/** "score 0.12, p 0.31, 512 samples worth 88" */
export function verdict({ score, p_value: p, samples, effective_samples: worth, reference, window }) {
  const against = reference === "card" ? "against the model’s card" : "against its own first days";
  const which = window === "long" ? "long" : "recent";
  const worthOf = `${samples} samples worth ${Math.round(worth)}`;
  return `${score.toFixed(2)} apart ${against} (${which} window), ${probability(p)}, ${worthOf}`;
}

/** Groups in their order, each with its features, what drifted most first. */
export function grouped(features) {
  const rank = (feature) => (feature.drifted ? 10 : 0) + feature.score;
  return Object.keys(GROUPS)
    .map((group) => [group, features.filter((feature) => feature.group === group).sort((a, b) => rank(b) - rank(a))])
    .filter(([, found]) => found.length);
}

/** Plotly's traces: what is seen now over the reference. */
export function traces({ edges, labels, shares, reference_shares: reference }) {
  const x = labels
    ? labels.map((label) => label.replaceAll("_", " "))
    : edges.slice(0, -1).map((edge, at) => (edge + edges[at + 1]) / 2);
  const widths = labels ? undefined : edges.slice(0, -1).map((edge, at) => edges[at + 1] - edge);
  const percent = (values) => values.map((value) => value * 100);
  const hover = "%{y:.1f} %<extra>%{fullData.name}</extra>";
  if (labels)
    return [
      { type: "bar", name: "reference", x, y: percent(reference), marker: { color: "#8793a1" }, hovertemplate: hover },
      { type: "bar", name: "now", x, y: percent(shares), hovertemplate: hover, marker: { color: "#0b8f81" } },
    ];
  return [
    {
      type: "bar",
      name: "now",
      x,
      y: percent(shares),
      width: widths,
      marker: { color: "#0b8f81", opacity: 0.75 },
      hovertemplate: hover,
    },
    {
      type: "scatter",
      mode: "lines",
      name: "reference",
      x,
      y: percent(reference),
      line: { shape: "hvh", color: "#8793a1", width: 2.5 },
      hovertemplate: hover,
    },
  ];
}
