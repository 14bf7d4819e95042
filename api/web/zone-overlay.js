// Zones and lines over a camera's live picture: outlines, names, how many are inside, who crosses. Asks nobody.

import { svg } from "./dom.js";
import { arrowPath, centre, inward } from "./scene-shapes.js";

const FLASH_MS = 1500;
const ARROW_PX = 18;
const LETTER_PX = 7; // about, at the 12 px of .zone-name: enough to keep names within the picture and apart
const LINE_PX = 14;

export class ZoneOverlay {
  #root;
  #stage;
  #shapes = null;
  #parts = new Map(); // name of a zone or line → {group, words}
  #inside = new Map(); // zone → words
  #sizeWh = null;
  #flashes = new Map(); // line → {direction, timer}

  /** @param {SVGSVGElement} root laid over the view, which shows its picture as large as it fits, in the middle */
  constructor(root) {
    this.#root = root;
    this.#stage = root.parentElement;
    new ResizeObserver(() => this.#draw()).observe(this.#stage);
  }

  /** @param {[number, number]} sizeWh of the picture: where it lies within the view */
  resize(sizeWh) {
    if (String(sizeWh) === String(this.#sizeWh)) return;
    this.#sizeWh = sizeWh;
    this.#draw();
  }

  /** @param {object[]|null} shapes of scene-shapes.js, the same object while nothing changed; null: none */
  show(shapes) {
    if (shapes === this.#shapes) return;
    this.#shapes = shapes;
    this.#draw();
  }

  /** @param {Map<string, string>} inside zones that somebody is in → how many, in words */
  light(inside) {
    this.#inside = inside;
    for (const { kind, name } of this.#shapes ?? [])
      if (kind === "zone") this.#say(name, inside.get(name), inside.has(name));
    this.#describe();
  }

  /** Somebody crossed a line. @param {"in"|"out"|null} direction */
  flash(line, direction) {
    clearTimeout(this.#flashes.get(line)?.timer);
    const timer = setTimeout(() => {
      this.#flashes.delete(line);
      this.#flash(line, null);
    }, FLASH_MS);
    this.#flashes.set(line, { direction, timer });
    this.#flash(line, { direction });
  }

  close() {
    for (const { timer } of this.#flashes.values()) clearTimeout(timer);
  }

  #flash(line, flash) {
    this.#say(line, flash?.direction, flash !== null);
    const { group } = this.#parts.get(line) ?? {};
    if (flash?.direction) group?.setAttribute("data-crossed", flash.direction);
    else group?.removeAttribute("data-crossed");
  }

  #say(name, words, lit) {
    const part = this.#parts.get(name);
    if (!part) return;
    part.group.classList.toggle("lit", lit);
    const text = words ? `${name} · ${words}` : name;
    if (part.words.textContent !== text) part.words.textContent = text;
  }

  #draw() {
    const { width, height } = this.#stage.getBoundingClientRect();
    this.#parts.clear();
    const seen = width > 0 && this.#sizeWh !== null && this.#shapes !== null;
    this.#root.toggleAttribute("hidden", !seen);
    if (!seen) return this.#root.replaceChildren();
    const [wide, high] = this.#sizeWh;
    const fit = Math.min(width / wide, height / high);
    const [x, y] = [(width - wide * fit) / 2, (height - high * fit) / 2];
    const picture = { x, y, width: wide * fit, height: high * fit };
    const place = (point) => [x + point[0] * picture.width, y + point[1] * picture.height];
    this.#root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const taken = [];
    const placed = this.#shapes.map((shape) => ({ shape, points: shape.points.map(place) }));
    placed.sort((a, b) => extent(b) - extent(a)); // small zones over large ones, lines over all
    const groups = placed.map(({ shape, points }) => {
      const words = svg("text", { class: "zone-name", ...nameSpot(shape, points, picture, taken) }, shape.name);
      const about = { class: `scene-shape ${shape.kind}`, "data-name": shape.name };
      const group = svg("g", about, ...outline(shape, points), words);
      this.#parts.set(shape.name, { group, words });
      return group;
    });
    this.#root.replaceChildren(...groups);
    this.light(this.#inside);
    for (const [line, flash] of this.#flashes) this.#flash(line, flash);
  }

  /** For those who do not see it. */
  #describe() {
    const words = (this.#shapes ?? []).map(({ kind, name }) =>
      kind === "line" ? `line ${name}` : `zone ${name}: ${this.#inside.get(name) ?? "nothing"} inside`,
    );
    this.#root.setAttribute("aria-label", words.join("; "));
  }
}

function extent({ shape, points }) {
  const range = (axis) => Math.max(...points.map((point) => point[axis])) - Math.min(...points.map((point) => point[axis]));
  return shape.kind === "line" ? -1 : range(0) * range(1);
}

function outline({ kind }, points) {
  const ends = points.map((point) => point.join()).join(" ");
  if (kind === "zone") return [svg("polygon", { points: ends, class: "zone-area" })];
  return [
    svg("polyline", { points: ends, class: "zone-area" }),
    svg("path", { class: "zone-arrow in", d: arrowPath(inward(points, ARROW_PX)) }),
    svg("path", { class: "zone-arrow out", d: arrowPath(inward([...points].reverse(), ARROW_PX)) }),
  ];
}

/** Where a name has room: of a zone inside its upper edge, else its lower one, else its middle; of a line beside it. */
function nameSpot({ kind, name }, points, picture, taken) {
  const width = (name.length + 4) * LETTER_PX; // and what may be said behind it
  const spots = (kind === "zone" ? inZone(points) : besideLine(points)).map(({ x, y, anchor }) => {
    const left = clamp(x - width * SHARES[anchor], picture.x, picture.x + picture.width - width);
    const base = clamp(y, picture.y + LINE_PX, picture.y + picture.height - LINE_PX / 2);
    return { x: left + width * SHARES[anchor], y: base, anchor, left, right: left + width };
  });
  const spot = spots.find((one) => !taken.some((other) => overlap(one, other))) ?? spots[0];
  taken.push(spot);
  return { x: spot.x, y: spot.y, "text-anchor": spot.anchor };
}

const SHARES = { start: 0, middle: 0.5, end: 1 }; // of a text's width, left of where it is anchored

const overlap = (a, b) => a.left < b.right && b.left < a.right && Math.abs(a.y - b.y) < LINE_PX;

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

function inZone(points) {
  const ys = points.map((point) => point[1]);
  const [x, y] = centre(points);
  return [Math.min(...ys) + LINE_PX, Math.max(...ys) - LINE_PX / 2, y].map((at) => ({
    x: middleAt(points, at) ?? x,
    y: at,
    anchor: "middle",
  }));
}

/** On the other side than the arrow. */
function besideLine(points) {
  const [from, [x, y]] = inward([...points].reverse(), LINE_PX);
  const aside = (x - from[0]) / LINE_PX;
  const anchor = Math.abs(aside) < 0.5 ? "middle" : aside > 0 ? "start" : "end";
  return [0, LINE_PX, -LINE_PX].map((down) => ({ x, y: y + LINE_PX / 3 + down, anchor }));
}

/** The middle of the polygon's widest part at that height; null where it has none. */
function middleAt(points, y) {
  const crossings = points
    .map((from, at) => [from, points[(at + 1) % points.length]])
    .filter(([from, to]) => from[1] > y !== to[1] > y)
    .map(([from, to]) => from[0] + ((y - from[1]) / (to[1] - from[1])) * (to[0] - from[0]))
    .sort((a, b) => a - b);
  let best = null;
  for (let at = 0; at + 1 < crossings.length; at += 2) {
    const wide = crossings[at + 1] - crossings[at];
    if (best === null || wide > best.wide) best = { wide, middle: (crossings[at] + crossings[at + 1]) / 2 };
  }
  return best?.middle ?? null;
}
