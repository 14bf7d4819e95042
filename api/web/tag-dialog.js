// Teaches a camera a tag ("gate open") by examples: its newest image, and whether it shows it.

import { forgetTag, listTags, snapshot, teachTag } from "./api.js";
import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { toast } from "./status.js";

const AGAIN_MS = 2000;
const EXPLAINED =
  "Say of about twenty images, at different times, whether they show it. What is learnt is tested at once on images " +
  "that it was not learnt from. No image is kept, only key points and coarse colours.";

const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;
const percent = (share) => `${Math.round(share * 100)} %`;

/** How a tag stands, in words. */
export function standing({ present, absent, test, served, why }) {
  const examples = `${many(present.frames, "image shows", "images show")} it, ${many(absent.frames, "does", "do")} not`;
  if (test === null) return `${examples}: ${why}.`;
  const figures = `F1 ${test.f1.toFixed(2)}: right in ${percent(test.precision)} of what it says, finds ${percent(test.recall)}`;
  return served ? `${examples}. In use (${figures}).` : `${examples}. Not in use: ${why} (${figures}).`;
}

/** @param {string} id of the camera */
export function openTagDialog(id) {
  let timer = null;
  let url = null;
  let closed = false;
  const name = el("input", { name: "tag", type: "text", autocomplete: "off", maxLength: 63, required: true, pattern: "[A-Za-z0-9][A-Za-z0-9 _\\-]*", placeholder: "gate open" });
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const said = el("p", { class: "quiet", role: "status" });
  const image = el("img", { class: "tag-image", alt: `The newest image of ${id}` });
  const list = el("ul", { class: "tag-list" });
  const example = (present, label) =>
    el("button", { class: "button primary", type: "button", on: { click: () => teach(present) } }, label);
  const buttons = [example(true, "Shows it"), example(false, "Does not")];
  const form = el(
    "form",
    { on: { submit: (event) => event.preventDefault() } },
    el("h2", { id: "tag-title" }, `Tags of “${id}”`),
    el("p", { class: "quiet" }, EXPLAINED),
    image,
    el("label", { class: "field" }, el("span", {}, "What an image may show"), name),
    el("div", { class: "card-actions" }, ...buttons),
    error,
    said,
    list,
    el("div", { class: "sheet-actions" }, el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close")),
  );
  const dialog = el("dialog", { class: "sheet", "aria-labelledby": "tag-title", on: { close: leave } }, form);

  function leave() {
    closed = true;
    clearTimeout(timer);
    if (url) URL.revokeObjectURL(url);
    dialog.remove();
  }

  async function look() {
    try {
      const blob = await snapshot(id);
      if (closed) return;
      if (url) URL.revokeObjectURL(url);
      url = blob === null ? null : URL.createObjectURL(blob);
      image.hidden = url === null;
      if (url) image.src = url;
    } catch (problem) {
      complain(problem);
    }
    if (!closed) timer = setTimeout(look, AGAIN_MS);
  }

  function complain(problem) {
    error.textContent = problem?.message ?? "";
    error.hidden = !problem;
  }

  async function teach(present) {
    complain(null);
    if (!form.reportValidity()) return;
    for (const button of buttons) button.disabled = true;
    try {
      const tag = await teachTag(id, name.value.trim(), present);
      said.textContent = `${tag.name}: ${standing(tag)}`;
      await show();
    } catch (problem) {
      complain(problem);
    }
    for (const button of buttons) button.disabled = false;
  }

  async function show() {
    const tags = await listTags(id);
    list.replaceChildren(...tags.map(rowOf));
  }

  function rowOf(tag) {
    const pick = el("button", { class: "button", type: "button", on: { click: () => choose(tag.name) } }, "Teach");
    const drop = el("button", { class: "button", type: "button", on: { click: () => forget(tag.name) } }, "Forget");
    pick.setAttribute("aria-label", `Teach ${tag.name}`);
    drop.setAttribute("aria-label", `Forget ${tag.name}`);
    return el("li", {}, el("strong", {}, tag.name), el("p", { class: "quiet" }, standing(tag)), el("div", { class: "card-actions" }, pick, drop));
  }

  function choose(tag) {
    name.value = tag;
    name.focus();
  }

  async function forget(tag) {
    if (!(await ask(`Forget “${tag}”?`, "Its examples go, too: it must be taught anew to come back.", "Forget"))) return;
    try {
      await forgetTag(id, tag);
      toast(`${tag} was forgotten.`);
      await show();
    } catch (problem) {
      complain(problem);
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  look();
  show().catch(complain);
}
