// A list of what happens, the newest first, that leaves its readers alone.
//
// What comes is put in at the top only while that is where the reader is. Who has scrolled is told how much is new;
// nothing moves until they ask for it. Rows that are there are changed in their places, where they keep their height.

const MOST = 500; // rows kept while new ones come
const TOP_PX = 8;

export class LiveList {
  #list;
  #button;
  #rowOf;
  #timeOf;
  #items = []; // newest first
  #waiting = new Set(); // ids of what came and is not shown
  #gap = false; // more came than is known of

  /**
   * @param {{list: HTMLElement, button: HTMLButtonElement}} elements
   * @param {(item: object) => HTMLElement} rowOf with `data-id`
   * @param {(item: object) => number} timeOf what the list is in the order of
   */
  constructor({ list, button }, rowOf, timeOf) {
    this.#list = list;
    this.#button = button;
    this.#rowOf = rowOf;
    this.#timeOf = timeOf;
  }

  get size() {
    return this.#items.length;
  }

  /** Whether the reader is where the page begins. On phones the document scrolls, elsewhere the page does. */
  get atTop() {
    const page = this.#list.closest(".page");
    return Math.max(page.scrollTop, document.scrollingElement.scrollTop) <= TOP_PX;
  }

  clear() {
    this.replace([]);
  }

  /** These and no others. */
  replace(items) {
    this.#items = [...items];
    this.#waiting.clear();
    this.#gap = false;
    this.#draw(new Set());
    this.#tell();
  }

  /** Older ones, at the end. */
  append(items) {
    const known = new Set(this.#items.map(({ id }) => id));
    this.#items = this.#sorted([...this.#items, ...items.filter(({ id }) => !known.has(id))]);
    this.#draw(new Set());
  }

  /**
   * The newest, or some of them: what is shown is changed, what is new is put in or told of.
   * @param {object[]} items @param {{whole?: boolean}} [how] whole: the newest page, so that it may follow a gap
   * @returns {boolean} whether they took the place of all that was shown
   */
  take(items, { whole = false } = {}) {
    const known = new Map(this.#items.map((item) => [item.id, item]));
    const fresh = items.filter((item) => !known.has(item.id) && this.#belongs(item));
    const { atTop } = this;
    const joins = ({ id }) => known.has(id) || (!atTop && this.#waiting.has(id));
    const apart = whole && items.length > 0 && known.size > 0 && !items.some(joins);
    if (atTop) {
      if (apart) {
        this.replace(items);
        return true;
      }
      for (const item of [...items.filter(({ id }) => known.has(id)), ...fresh]) known.set(item.id, item);
      this.#items = this.#sorted([...known.values()]).slice(0, MOST);
      for (const { id } of this.#items) this.#waiting.delete(id);
      if (whole) {
        this.#waiting.clear();
        this.#gap = false;
      }
      this.#draw(new Set(fresh.map(({ id }) => id)));
    } else {
      for (const item of items) if (known.has(item.id)) known.set(item.id, item);
      this.#items = [...known.values()];
      for (const { id } of fresh) this.#waiting.add(id);
      this.#gap ||= apart;
      this.#draw(new Set());
    }
    this.#tell();
    return false;
  }

  /** These are deleted. @param {string[]} ids */
  drop(ids) {
    const gone = new Set(ids);
    for (const id of ids) this.#waiting.delete(id);
    if (this.#items.some(({ id }) => gone.has(id))) {
      this.#items = this.#items.filter(({ id }) => !gone.has(id));
      this.#draw(new Set());
    }
    this.#tell();
  }

  /** Every row anew: what is said of them has other words now. */
  redraw() {
    for (const row of this.#list.children) row.said = null;
    this.#draw(new Set());
  }

  /** Nobody knows how many came: the live feed was too slow. */
  missed() {
    this.#gap = true;
  }

  /** Whether it is newer than the end of the list: what is older, and changed, comes by "Load older". */
  #belongs(item) {
    const last = this.#items.at(-1);
    return last === undefined || this.#timeOf(item) > this.#timeOf(last);
  }

  #sorted(items) {
    return items.sort((a, b) => this.#timeOf(b) - this.#timeOf(a));
  }

  #tell() {
    const count = this.#waiting.size;
    this.#button.hidden = count === 0;
    if (count) this.#button.lastElementChild.textContent = `${count}${this.#gap ? "+" : ""} new`;
  }

  /** Rows that are there and as they were stay, so that nobody loses the one they are at. */
  #draw(fresh) {
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.id, row]));
    const shown = this.#items.map((item) => {
      const said = JSON.stringify(item);
      let row = rows.get(item.id);
      if (row?.said !== said) row = Object.assign(this.#rowOf(item), { said });
      if (fresh.has(item.id)) row.classList.add("fresh");
      return row;
    });
    const focused = document.activeElement?.closest?.("[data-id]");
    const kept = new Set(shown);
    const replaced = new Map(shown.map((row) => [row.dataset.id, row]));
    for (const row of [...this.#list.children]) {
      if (kept.has(row)) continue;
      const other = replaced.get(row.dataset.id);
      if (other) row.replaceWith(other);
      else row.remove();
    }
    shown.forEach((row, at) => {
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null);
    });
    if (focused && !focused.isConnected)
      replaced.get(focused.dataset.id)?.querySelector("button").focus({ preventScroll: true });
  }
}
