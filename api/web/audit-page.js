// The audit trail, for admins: who saw, changed or was refused what. Nothing moves by itself: newer entries on request.

import { listAudit, verifyAudit } from "./api.js";
import { el } from "./dom.js";

const WORDS = {
  live: "watched live",
  picture: "fetched the picture",
  snapshot: "opened a snapshot",
  clip: "opened a clip",
  download: "took away",
  search: "looked for a person",
  change: "changed",
  "sign-in": "signed in",
  "sign-in-failed": "failed to sign in",
  "sign-out": "signed out",
  refused: "was refused",
  lost: "entries that could not be kept",
};

export class AuditPage {
  title = "Audit";
  #form = document.getElementById("audit-tools");
  #rows = document.getElementById("audit-rows");
  #older = document.getElementById("audit-older");
  #note = document.getElementById("audit-note");
  #verdict = document.getElementById("audit-verdict");
  #next = null;

  constructor() {
    const what = this.#form.elements.what;
    what.append(...Object.entries(WORDS).map(([value, words]) => el("option", { value }, words)));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#load();
    });
    what.addEventListener("change", () => this.#load());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    document.getElementById("audit-verify").addEventListener("click", () => this.#verify());
  }

  show() {
    this.#verdict.hidden = true;
    this.#load();
  }

  hide() {}

  /** `before`: older ones, added to those shown; without it the newest, in their place. */
  async #load(before = null) {
    try {
      const { what, principal, stream } = Object.fromEntries(new FormData(this.#form));
      const page = await listAudit({ what, principal: principal.trim(), stream: stream.trim(), before });
      const rows = page.entries.map(row);
      if (before === null) this.#rows.replaceChildren(...rows);
      else this.#rows.append(...rows);
      this.#next = page.next;
      this.#older.hidden = page.next === null;
      this.#tell(this.#rows.childElementCount ? null : "No entries.");
    } catch (error) {
      this.#tell(`The trail could not be loaded: ${error.message}`);
    }
  }

  async #verify() {
    this.#verdict.hidden = false;
    this.#verdict.dataset.state = "";
    this.#verdict.textContent = "Checking every entry …";
    try {
      const { entries, faults } = await verifyAudit();
      this.#verdict.dataset.state = faults.length ? "bad" : "good";
      this.#verdict.textContent = faults.length
        ? faults.map(({ chain, text }) => `${chain}: ${text}`).join("; ")
        : `${entries} entries; nothing was removed, changed or reordered.`;
    } catch (error) {
      this.#verdict.dataset.state = "bad";
      this.#verdict.textContent = `The trail could not be checked: ${error.message}`;
    }
  }

  #tell(words) {
    this.#note.hidden = words === null;
    this.#note.textContent = words ?? "";
  }
}

function row(entry) {
  const at = new Date(entry.at_ns / 1e6);
  const outcome = entry.outcome === "ok" ? "" : ` (${entry.outcome})`;
  return el(
    "tr",
    { dataset: { what: entry.what } },
    el("td", {}, el("time", { dateTime: at.toISOString() }, at.toLocaleString())),
    el("td", { title: entry.credential || null }, entry.principal),
    el("td", {}, `${WORDS[entry.what] ?? entry.what}${outcome}${entry.count > 1 ? `, ${entry.count} times` : ""}`),
    el("td", {}, entry.stream ?? ""),
    el("td", { class: "quiet" }, `${entry.method} ${entry.target}`.trim()),
    el("td", { class: "quiet" }, entry.address),
  );
}
