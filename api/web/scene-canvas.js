// Zones and lines over a still image, drawn and moved with the mouse, a finger or the keys.

import { svg as node } from "./dom.js";
import { arrowPath, centre, freeName, inside, inward, MOST_POINTS, ready, shifted } from "./scene-shapes.js";

const NEAR = 14; // CSS pixels: so close to the first corner a click closes the zone
const STEP = 0.005;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Events: "change" when shapes were changed, "select" when another one is, "drawing" when drawing began or ended. */
export class SceneCanvas extends EventTarget {
  shapes = [];
  selected = null; // one of shapes
  drawing = null; // {kind, points} while one is drawn
  #svg;
  #pointer = null; // where it is, while drawing
  #held = null; // {shape, at, from, points} while something is dragged

  /** @param {SVGSVGElement} svg laid exactly over the image */
  constructor(svg) {
    super();
    this.#svg = svg;
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", () => (this.#held = null));
    svg.addEventListener("pointercancel", () => (this.#held = null));
    svg.addEventListener("dblclick", () => this.finish());
    svg.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.render()).observe(svg);
  }

  open(shapes) {
    this.shapes = shapes;
    this.selected = this.drawing = this.#held = null;
    this.render();
  }

  select(shape) {
    if (this.selected === shape) return;
    this.selected = shape;
    this.render();
    this.#tell("select");
  }

  /** Begins to draw: the next clicks are its corners. */
  draw(kind) {
    this.drawing = { kind, points: [] };
    this.#pointer = null;
    this.select(null);
    this.render();
    this.#tell("drawing");
  }

  cancel() {
    if (!this.drawing) return;
    this.drawing = null;
    this.render();
    this.#tell("drawing");
  }

  /** Ends drawing with what is there; what is too little is forgotten. */
  finish() {
    if (!this.drawing) return;
    const { kind, points } = this.drawing;
    const apart = points.filter((point, at) => String(point) !== String(points[at - 1]));
    this.drawing = null;
    if (apart.length >= (kind === "zone" ? 3 : 2)) this.#add(kind, apart);
    this.render();
    this.#tell("drawing");
  }

  /** One that is there at once, to be moved by keys. */
  place(kind) {
    this.drawing = null;
    this.#add(kind, ready(kind));
    this.#tell("drawing");
    this.#svg.querySelector(".scene-handle")?.focus();
  }

  remove(shape) {
    this.shapes = this.shapes.filter((other) => other !== shape);
    this.selected = null;
    this.render();
    this.#tell("change");
    this.#tell("select");
  }

  #add(kind, points) {
    const shape = { kind, name: freeName(kind, this.shapes), points, labels: [], anchor: "foot", stay_s: null };
    this.shapes = [...this.shapes, shape];
    this.selected = null;
    this.select(shape);
    this.#tell("change");
  }

  // pointer

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return inside([(clientX - left) / width, (clientY - top) / height]);
  }

  #down(event) {
    if (event.button !== 0) return;
    const at = this.#at(event);
    if (this.drawing) return this.#corner(at, event);
    const { shape: number, handle, between } = event.target.closest("[data-shape]")?.dataset ?? {};
    const shape = this.shapes[number];
    if (!shape) return this.select(null);
    this.select(shape);
    let index = handle === undefined ? null : Number(handle);
    if (between !== undefined) {
      index = Number(between) + 1;
      shape.points.splice(index, 0, at);
      this.#tell("change");
    }
    this.#held = { shape, index, from: at, points: shape.points.map((point) => [...point]) };
    this.#svg.setPointerCapture(event.pointerId);
    this.render();
  }

  #corner(at, event) {
    const { kind, points } = this.drawing;
    event.preventDefault(); // no focus, no selection of the page's text
    if (kind === "zone" && points.length >= 3 && this.#near(points[0], at)) return this.finish();
    points.push(at);
    if ((kind === "line" && points.length === 2) || points.length === MOST_POINTS) return this.finish();
    this.render();
  }

  #near(a, b) {
    const { width, height } = this.#svg.getBoundingClientRect();
    return Math.hypot((a[0] - b[0]) * width, (a[1] - b[1]) * height) <= NEAR;
  }

  #move(event) {
    if (this.drawing) {
      this.#pointer = this.#at(event);
      return this.render();
    }
    if (!this.#held) return;
    const { shape, index, from, points } = this.#held;
    const at = this.#at(event);
    if (index !== null) shape.points[index] = at;
    else shape.points = shifted(points, at[0] - from[0], at[1] - from[1]);
    this.render();
    this.#tell("change");
  }

  // keys

  #key(event) {
    if (this.drawing && (event.key === "Enter" || event.key === "Escape")) {
      if (event.key === "Enter") this.finish();
      else this.cancel();
      event.preventDefault();
      return;
    }
    const { shape: number, handle } = event.target.dataset;
    const shape = this.shapes[number];
    if (!shape) return;
    if (event.key === "Enter" || event.key === " ") this.select(shape);
    else if (ARROWS[event.key]) this.#nudge(shape, handle, ARROWS[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#delete(shape, handle);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #nudge(shape, handle, [dx, dy], times) {
    const [x, y] = [dx * STEP * times, dy * STEP * times];
    if (handle === undefined) shape.points = shifted(shape.points, x, y);
    else shape.points[handle] = inside([shape.points[handle][0] + x, shape.points[handle][1] + y]);
    this.render();
    this.#tell("change");
  }

  #delete(shape, handle) {
    if (handle === undefined || shape.kind === "line" || shape.points.length <= 3) return this.remove(shape);
    shape.points.splice(Number(handle), 1);
    this.render();
    this.#tell("change");
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }

  // drawing

  render() {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!width) return;
    const focused = this.#svg.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = ([x, y]) => [x * width, y * height];
    const parts = this.shapes.map((shape, number) => this.#shape(shape, number, scale));
    if (this.drawing) parts.push(this.#draft(scale));
    this.#svg.replaceChildren(...parts);
    this.#svg.classList.toggle("drawing", this.drawing !== null);
    if (!focused?.shape) return;
    const handle = focused.handle === undefined ? ":not([data-handle])" : `[data-handle="${focused.handle}"]`;
    this.#svg.querySelector(`[tabindex][data-shape="${focused.shape}"]${handle}`)?.focus();
  }

  #shape(shape, number, scale) {
    const chosen = shape === this.selected;
    const points = shape.points.map(scale);
    const group = node("g", { class: `scene-shape ${shape.kind}${chosen ? " chosen" : ""}` });
    const outline = points.map((point) => point.join()).join(" ");
    const words = `${shape.name}, ${shape.kind} with ${points.length} points`;
    const area = node(shape.kind === "zone" ? "polygon" : "polyline", {
      points: outline,
      class: "scene-area",
      "data-shape": number,
      tabindex: 0,
      role: "button",
      "aria-label": words,
      "aria-pressed": chosen,
    });
    if (shape.kind === "line") {
      group.append(node("polyline", { points: outline, class: "scene-catch", "data-shape": number }));
      group.append(node("path", { class: "scene-arrow", d: arrowPath(inward(points, 30)) }));
    }
    group.append(area, label(shape, points));
    if (chosen) group.append(...this.#handles(shape, number, points));
    return group;
  }

  #handles(shape, number, points) {
    const handles = [];
    if (shape.kind === "zone" && shape.points.length < MOST_POINTS)
      points.forEach((point, at) => {
        const [x, y] = [0, 1].map((axis) => (point[axis] + points[(at + 1) % points.length][axis]) / 2);
        handles.push(
          node("circle", { cx: x, cy: y, r: 5, class: "scene-between", "data-shape": number, "data-between": at }),
        );
      });
    points.forEach(([x, y], at) => {
      const [shareX, shareY] = shape.points[at].map((value) => Math.round(value * 100));
      const words = `${shape.name}, point ${at + 1}: ${shareX} % from the left, ${shareY} % from the top; arrow keys move it`;
      handles.push(
        node("circle", {
          cx: x,
          cy: y,
          r: 8,
          class: "scene-handle",
          "data-shape": number,
          "data-handle": at,
          tabindex: 0,
          role: "button",
          "aria-label": words,
        }),
      );
    });
    return handles;
  }

  #draft(scale) {
    const points = [...this.drawing.points, ...(this.#pointer ? [this.#pointer] : [])].map(scale);
    const group = node("g", { class: `scene-shape ${this.drawing.kind} draft` });
    group.append(node("polyline", { points: points.map((point) => point.join()).join(" "), class: "scene-area" }));
    for (const [x, y] of this.drawing.points.map(scale))
      group.append(node("circle", { cx: x, cy: y, r: 6, class: "scene-handle" }));
    return group;
  }
}

function label(shape, points) {
  const [x, y] = shape.kind === "zone" ? centre(points) : middleOf(points);
  const words = node("text", { x, y, class: "scene-name" });
  words.append(shape.name);
  return words;
}

const middleOf = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2 - 10];
