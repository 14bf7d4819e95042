// The tiles in a grid that fills the screen, one of them alone on demand, all by keyboard too.

import { Tile } from "./tile.js";

const GAP = 12; // between tiles, and around them
const FOOT = 44; // height of a tile's line of figures, as in app.css
const LEAST_WIDTH = 260; // narrower tiles help nobody: scroll instead
const PHONE = 640;
const ALONE = "#/live/"; // and the camera's id: the address of one camera

/** Columns and tile width so that `count` tiles of one aspect ratio fill the room best. Pure. */
export function layout(count, width, height, aspect) {
  if (width < PHONE) return { columns: 1, tileWidth: width };
  let best = { columns: 1, tileWidth: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const acrossWidth = (width - GAP * (columns - 1)) / columns;
    const acrossHeight = ((height - GAP * (rows - 1)) / rows - FOOT) * aspect;
    const tileWidth = Math.floor(Math.min(acrossWidth, acrossHeight));
    if (tileWidth > best.tileWidth) best = { columns, tileWidth };
  }
  if (best.tileWidth >= LEAST_WIDTH || count === 0) return best;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  return { columns, tileWidth: Math.floor((width - GAP * (columns - 1)) / columns) };
}

/** The aspect ratio that all streams share, 16:9 otherwise. */
function commonAspect(tiles) {
  const ratios = new Set();
  for (const { view } of tiles) if (view?.size_wh) ratios.add((view.size_wh[0] / view.size_wh[1]).toFixed(2));
  if (ratios.size !== 1) return 16 / 9;
  return Math.min(2.4, Math.max(1, Number([...ratios][0])));
}

/** Event: "action" {action, tile}. */
export class Wall extends EventTarget {
  #root;
  #template;
  #tiles = new Map();
  #focused = null;
  #columns = 1;

  constructor(root, template) {
    super();
    this.#root = root;
    this.#template = template;
    new ResizeObserver(() => this.arrange()).observe(root);
    root.addEventListener("keydown", (event) => this.#onKey(event));
    window.addEventListener("popstate", () => this.readAddress());
  }

  get size() {
    return this.#tiles.size;
  }

  get tiles() {
    return [...this.#tiles.values()];
  }

  tile(id) {
    return this.#tiles.get(id);
  }

  /** @returns {Tile} the tile of that stream, made behind the tile `before` (null: as the first) if there is none */
  ensure(id, before = null) {
    let tile = this.#tiles.get(id);
    if (tile) return tile;
    tile = new Tile(this.#template, id, (action) => this.#tell("action", { action, tile }));
    this.#tiles.set(id, tile);
    tile.element.hidden = this.#focused !== null && this.#focused !== id;
    if (before) before.element.after(tile.element);
    else this.#root.prepend(tile.element);
    if (!this.readAddress()) this.arrange();
    return tile;
  }

  remove(id) {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    const hadKeyboard = tile.element.contains(document.activeElement);
    const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
    this.#tiles.delete(id);
    tile.close();
    if (this.#focused === id) this.focusOne(null);
    if (hadKeyboard) (next ?? this.#root).focus();
    this.arrange();
  }

  /** Shows one camera alone (null: all of them), and says so in the address, so that it can be linked to. */
  focusOne(id, { push = true } = {}) {
    if (id === this.#focused) return;
    const before = this.#focused;
    this.#focused = id;
    for (const tile of this.#tiles.values()) {
      tile.element.hidden = id !== null && tile.id !== id;
      tile.setAlone(tile.id === id);
    }
    this.#root.classList.toggle("one", id !== null);
    if (push) history[id ? "pushState" : "replaceState"](null, "", id ? `${ALONE}${id}` : location.pathname);
    this.arrange();
    this.#tiles.get(id ?? before)?.element.focus({ preventScroll: true });
  }

  toggle(id) {
    this.focusOne(this.#focused === id ? null : id);
  }

  arrange() {
    const tiles = this.#focused ? [this.#tiles.get(this.#focused)] : this.tiles;
    const aspect = commonAspect(tiles);
    const { clientWidth, clientHeight } = this.#root;
    if (!clientWidth) return; // another page is shown
    const { columns, tileWidth } = layout(tiles.length, clientWidth - 2 * GAP, clientHeight - 2 * GAP, aspect);
    const side = (clientWidth - columns * tileWidth - (columns - 1) * GAP) / 2;
    const style = this.#root.style;
    this.#columns = columns;
    style.setProperty("--side", `${Math.max(GAP, Math.floor(side))}px`); // leaves room for so many columns, not more
    style.setProperty("--tile-width", `${Math.max(0, tileWidth)}px`);
    style.setProperty("--aspect", aspect);
  }

  /** Shows the camera alone that the address names. */
  readAddress() {
    const id = location.hash.startsWith(ALONE) ? location.hash.slice(ALONE.length) : null;
    if (id === this.#focused || (id && !this.#tiles.has(id))) return false;
    this.focusOne(id, { push: false });
    return true;
  }

  #onKey(event) {
    const element = event.target.closest?.(".tile");
    if (event.key === "Escape" && this.#focused) {
      this.focusOne(null);
      event.preventDefault();
    }
    if (!element || event.target !== element) return; // keys on a tile's buttons are the buttons' own
    if (event.key === "Enter") {
      this.toggle(element.dataset.stream);
      event.preventDefault();
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns }[event.key];
    if (!step) return;
    const elements = [...this.#root.children].filter((child) => !child.hidden);
    elements[elements.indexOf(element) + step]?.focus();
    event.preventDefault();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
