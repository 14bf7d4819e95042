// Somebody's face as a small picture, or what stands for it.

import { el, icon } from "./dom.js";

/** @param {string|null} url @param {string} [words] for those who do not see it; nothing where a name stands beside */
export function face(url, words = "") {
  const blank = el("span", { class: "face", "aria-hidden": "true" }, icon("person"));
  if (!url) return blank;
  const image = el("img", { class: "face", src: url, alt: words, loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(blank)); // removed meanwhile
  return image;
}

/**
 * A field for pictures, with the chosen ones shown below it.
 * @param {{multiple?: boolean}} [how] @returns {{element: HTMLElement, files: () => File[]}}
 */
export function pictureField(words, { multiple = false } = {}) {
  const input = el("input", { type: "file", name: "files", accept: "image/jpeg,image/png,image/webp", multiple });
  input.required = true;
  const shown = el("div", { class: "faces" });
  const urls = [];
  const forget = () => urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  input.addEventListener("change", () => {
    forget();
    urls.push(...[...input.files].map((file) => URL.createObjectURL(file)));
    shown.replaceChildren(...urls.map((url, at) => face(url, input.files[at].name)));
  });
  const element = el("label", { class: "field" }, el("span", {}, words), input, shown);
  return { element, files: () => [...input.files] };
}
