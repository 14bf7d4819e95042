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
