// Zones and lines as the page works with them: `{kind, name, points, labels, anchor, stay_s}`, points 0 to 1. Pure.

export const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/;
export const MOST_POINTS = 64;

/** @param {object} scene of `GET /v1/zones/{id}` */
export function shapesOf({ zones = [], lines = [] }) {
  return [
    ...zones.map(({ polygon, ...zone }) => ({ ...zone, kind: "zone", points: polygon.map((point) => [...point]) })),
    ...lines.map(({ start, end, ...line }) => ({ ...line, kind: "line", points: [[...start], [...end]] })),
  ];
}

/** What is sent to `PUT /v1/zones/{id}`. */
export function sceneOf(shapes) {
  const of = (kind) => shapes.filter((shape) => shape.kind === kind);
  const common = ({ name, labels = [], anchor = "foot" }) => ({ name, labels, anchor });
  return {
    zones: of("zone").map((shape) => ({ ...common(shape), polygon: shape.points, stay_s: shape.stay_s ?? null })),
    lines: of("line").map((shape) => ({ ...common(shape), start: shape.points[0], end: shape.points[1] })),
  };
}

/** "zone 1", or the next number that nobody has. */
export function freeName(kind, shapes) {
  const taken = new Set(shapes.map(({ name }) => name));
  for (let n = 1; ; n += 1) if (!taken.has(`${kind} ${n}`)) return `${kind} ${n}`;
}

/** What keeps these from being saved, in words; null if nothing. */
export function complaint(shapes) {
  for (const { name, kind, points, stay_s: stay } of shapes) {
    if (!NAME.test(name))
      return `“${name}” is not a valid name. Use letters, digits, spaces, “.”, “_” and “-”, starting with a letter or digit.`;
    if (shapes.filter((other) => other.name === name).length > 1) return `The name “${name}” is used twice.`;
    if (kind === "zone" && points.length < 3) return `${name} needs at least three corners.`;
    if (kind === "line" && String(points[0]) === String(points[1])) return `The start and end of ${name} are the same.`;
    if (stay !== null && stay !== undefined && !(stay > 0)) return `${name}: the time must be more than 0 seconds.`;
  }
  return null;
}

const within = (value) => Math.min(1, Math.max(0, Math.round(value * 1e4) / 1e4));

export const inside = ([x, y]) => [within(x), within(y)];

/** All points moved by as much, as far as the image's edge allows. */
export function shifted(points, dx, dy) {
  const room = (at, by) => {
    const values = points.map((point) => point[at]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), by));
  };
  const [x, y] = [room(0, dx), room(1, dy)];
  return points.map((point) => inside([point[0] + x, point[1] + y]));
}

export function centre(points) {
  const sum = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** From a line's middle towards what counts as "in": to the right of start → end. In the units of the points given. */
export function inward([start, end], length) {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  const long = Math.hypot(dx, dy) || 1;
  const from = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
  return [from, [from[0] - (dy / long) * length, from[1] + (dx / long) * length]];
}

/** An arrow from one point to another, as the `d` of an SVG path. */
export function arrowPath([from, to]) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const side = (turn) => [to[0] - 0.3 * dx + turn * 0.22 * dy, to[1] - 0.3 * dy - turn * 0.22 * dx].join();
  return `M${from.join()}L${to.join()}M${side(1)}L${to.join()}L${side(-1)}`;
}

/** A first shape in the middle of the image, for users without a mouse. */
export function ready(kind) {
  if (kind === "line")
    return [
      [0.3, 0.5],
      [0.7, 0.5],
    ];
  return [
    [0.3, 0.3],
    [0.7, 0.3],
    [0.7, 0.7],
    [0.3, 0.7],
  ];
}
