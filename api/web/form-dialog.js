// A dialog with a form that is made when it is asked for, and gone when it closes.

import { el } from "./dom.js";

let count = 0;

/**
 * @param {{title: string, words?: string, yes: string, fields: Node[],
 *  submit: (data: FormData, form: HTMLFormElement) => Promise<void|(() => void)>}} what `submit` throws what is wrong,
 *  in words, and may return what is to be done once the dialog is closed
 */
export function formDialog({ title, words, yes, fields, submit }) {
  const id = `form-dialog-${(count += 1)}`;
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const button = el("button", { class: "button primary", type: "submit" }, yes);
  const cancel = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const form = el(
    "form",
    {},
    el("h2", { id }, title),
    words ? el("p", { class: "quiet" }, words) : null,
    ...fields,
    error,
    el("div", { class: "sheet-actions" }, cancel, button),
  );
  const dialog = el("dialog", { class: "sheet", "aria-labelledby": id, on: { close: () => dialog.remove() } }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      const after = await submit(new FormData(form), form);
      dialog.close();
      after?.();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
    button.disabled = false;
  });
  document.body.append(dialog);
  dialog.showModal();
}
