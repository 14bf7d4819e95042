// Which page the address names, and changing between them. Addresses: #/ (or #/live/ID), #/cameras, #/events, …

const nameOf = (hash) => /^#\/([a-z]+)/.exec(hash)?.[1] ?? "live";

export class Router {
  #pages;
  #current = null;

  /** @param {Record<string, {title: string, show: () => void, hide: () => void}>} pages by name */
  constructor(pages) {
    this.#pages = pages;
    window.addEventListener("hashchange", () => this.go(true));
    window.addEventListener("popstate", () => this.go(true));
  }

  get current() {
    return this.#current;
  }

  /** Shows the page of the address. @param {boolean} [focus] whether the keyboard moves to its beginning */
  go(focus = false) {
    const name = nameOf(location.hash) in this.#pages ? nameOf(location.hash) : "live";
    if (name === this.#current) return;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // a link in it led here
    if (this.#current) this.#pages[this.#current].hide();
    this.#current = name;
    for (const section of document.querySelectorAll("[data-page]")) section.hidden = section.dataset.page !== name;
    for (const link of document.querySelectorAll("[data-to]")) {
      if (link.dataset.to === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const page = this.#pages[name];
    document.title = `${page.title} · Livesight`;
    document.body.dataset.at = name;
    page.show();
    if (focus) document.querySelector(`[data-page="${name}"] h1`)?.focus({ preventScroll: true });
  }
}
