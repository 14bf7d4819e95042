// A text that is shown once: it can be copied, and the dialog does not close by an accident.

import { el } from "./dom.js";

/** @param {{title: string, words: string, secret: string}} what */
export function showSecret({ title, words, secret }) {
  const field = el("textarea", { readOnly: true, value: secret, rows: 2, "aria-label": "Key", spellcheck: false });
  const said = el("p", { class: "quiet", role: "status" });
  const copy = el("button", { class: "button primary", type: "button", on: { click: copied } }, "Copy");
  const done = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Done");
  const dialog = el(
    "dialog",
    {
      class: "sheet",
      "aria-labelledby": "secret-title",
      "aria-describedby": "secret-words",
      on: { cancel: (event) => event.preventDefault(), close: () => dialog.remove() },
    },
    el(
      "form",
      { class: "secret", on: { submit: (event) => event.preventDefault() } },
      el("h2", { id: "secret-title" }, title),
      el("p", { class: "quiet", id: "secret-words" }, words),
      field,
      said,
      el("div", { class: "sheet-actions" }, done, copy),
    ),
  );

  async function copied() {
    try {
      await navigator.clipboard.writeText(secret); // not there on plain HTTP from elsewhere
      said.textContent = "Copied.";
    } catch {
      field.select();
      said.textContent = "The browser does not let this page copy: press Ctrl+C, or ⌘C.";
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  field.select();
}
