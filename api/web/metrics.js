// Prometheus text, and what two readings of it say. Pure.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** @returns {Map<string, {labels: Record<string, string>, value: number}[]>} samples by metric name */
export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line.trim());
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(LABEL)].map(([, key, value]) => [key, value]));
    if (!samples.has(found[1])) samples.set(found[1], []);
    samples.get(found[1]).push({ labels, value: Number(found[3]) });
  }
  return samples;
}

/** A counter's values by one label, without the samples that have one of the labels of `unlike`. */
export function byLabel(samples, name, label, unlike = {}) {
  const values = new Map();
  for (const { labels, value } of samples.get(name) ?? []) {
    if (Object.entries(unlike).some(([key, unwanted]) => labels[key] === unwanted)) continue;
    values.set(labels[label], (values.get(labels[label]) ?? 0) + value);
  }
  return values;
}

/** How much each value grew a second; what is new, or began anew after a restart, is left out. */
export function rates(before, after, seconds) {
  const grown = [...after].filter(([key, value]) => before.has(key) && value >= before.get(key));
  return new Map(grown.map(([key, value]) => [key, (value - before.get(key)) / seconds]));
}

/** A histogram's cumulative buckets, by upper bound ascending: `[[bound, count], …]`. */
export function buckets(samples, name, match = {}) {
  const sums = new Map();
  for (const { labels, value } of samples.get(`${name}_bucket`) ?? []) {
    if (Object.entries(match).some(([key, wanted]) => labels[key] !== wanted)) continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    sums.set(bound, (sums.get(bound) ?? 0) + value);
  }
  return [...sums].sort(([a], [b]) => a - b);
}

/** The quantile of what came between two readings, interpolated within its bucket; null where nothing came. */
export function quantile(before, after, share) {
  const known = new Map(before);
  const grown = after.map(([bound, count]) => [bound, count - (known.get(bound) ?? 0)]);
  const total = grown.at(-1)?.[1] ?? 0;
  if (!(total > 0) || grown.some(([, count]) => count < 0)) return null;
  const rank = share * total;
  let [low, below] = [0, 0];
  for (const [bound, count] of grown) {
    if (count >= rank) return bound === Infinity ? low : low + ((bound - low) * (rank - below)) / (count - below || 1);
    [low, below] = [bound, count];
  }
  return low;
}
