// Which page the address names, and changing between them. Addresses: #/ (or #/live/ID), #/cameras, #/events, …

const nameOf = (hash) => /^#\/([a-z]+)/.exec(hash)?.[1] ?? "live";

export class Router {
  #loaders;
  #pages = new Map(); // name → promise of the page
  #wanted = null;
  #current = null;
  #onTrouble;

  /**
   * @param {Record<string, () => Promise<{title: string, show: () => void, hide: () => void}>>} loaders by name
   * @param {() => void} onTrouble a page that the address names could not be fetched
   */
  constructor(loaders, onTrouble) {
    this.#loaders = loaders;
    this.#onTrouble = onTrouble;
    window.addEventListener("hashchange", () => this.go(true));
    window.addEventListener("popstate", () => this.go(true));
  }

  /** The page of that name; null, and words about it, where it cannot be fetched now. */
  async page(name) {
    try {
      return await this.#fetch(name);
    } catch (error) {
      console.warn(error);
      this.#onTrouble();
      return null;
    }
  }

  /** Fetches what is not there yet, so that it will be even when the server is not. @returns whether all is there */
  async fetchAll() {
    const fetched = await Promise.allSettled(Object.keys(this.#loaders).map((name) => this.#fetch(name)));
    return fetched.every(({ status }) => status === "fulfilled");
  }

  /** Shows the page of the address. @param {boolean} [focus] whether the keyboard moves to its beginning */
  async go(focus = false) {
    const name = nameOf(location.hash) in this.#loaders ? nameOf(location.hash) : "live";
    if (name === this.#wanted) return;
    this.#wanted = name;
    const page = await this.page(name);
    if (name !== this.#wanted) return; // another one was asked for meanwhile
    if (page) this.#show(name, page, focus);
    else this.#wanted = null;
  }

  #show(name, page, focus) {
    if (page === this.#current) return;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // a link in it led here
    this.#current?.hide();
    this.#current = page;
    for (const section of document.querySelectorAll("[data-page]")) section.hidden = section.dataset.page !== name;
    for (const link of document.querySelectorAll("[data-to]")) {
      if (link.dataset.to === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${page.title} · Livesight`;
    document.body.dataset.at = name;
    page.show();
    if (focus) document.querySelector(`[data-page="${name}"] h1`)?.focus({ preventScroll: true });
  }

  #fetch(name) {
    if (!this.#pages.has(name)) {
      const fetching = this.#loaders[name]();
      fetching.catch(() => this.#pages.delete(name)); // the next one who wants it tries again
      this.#pages.set(name, fetching);
    }
    return this.#pages.get(name);
  }
}
