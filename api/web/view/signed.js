// Signed links for pages of other hosts, which have no session here: they work without a cookie, for a short time.

const EARLY_S = 20; // a link that ends sooner is not used any more

/** Asks for links and keeps them until shortly before they end. */
export class SignedLinks {
  #ask;
  #known = new Map(); // path → Promise of a link

  /** @param {(path: string) => Promise<string>} ask gives a link, absolute or relative to the server, for a path */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The link for a path, such as `/v1/streams/entrance/video`. @throws what `ask` throws */
  async of(path) {
    const known = this.#known.get(path);
    if (known) {
      const link = await known.catch(() => null);
      if (link && lasts(link)) return link;
    }
    const asked = Promise.resolve(this.#ask(path)).then((link) => {
      if (typeof link !== "string" || !link) throw new TypeError(`no link came for ${path}`);
      return link;
    });
    this.#known.set(path, asked);
    try {
      return await asked;
    } catch (error) {
      if (this.#known.get(path) === asked) this.#known.delete(path);
      throw error;
    }
  }

  /** The server refused one: ask anew the next time. */
  forget(path) {
    this.#known.delete(path);
  }
}

/** Links from a page's own server: `GET address?path=…`, answered with `{url}` as `POST /v1/links` gives it. */
export function linksFrom(address) {
  return async (path) => {
    const url = new URL(address, document.baseURI);
    url.searchParams.set("path", path);
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
    return (await response.json()).url;
  };
}

function lasts(link) {
  const ends = Number(new URL(link, document.baseURI).searchParams.get("exp"));
  return !ends || ends - EARLY_S > Date.now() / 1000;
}
