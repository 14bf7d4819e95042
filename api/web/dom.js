// Elements by one call. Text is always text, never markup.

/**
 * @param {string} tag @param {object} [attributes] `class`, `dataset`, `on` (listeners by event), other keys: properties
 *  where the element has them, attributes otherwise; null and undefined are left out
 * @param {...(Node|string|number|null)} children
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key === "class") element.className = value;
    else if (key in element && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(nodeOf));
  return element;
}

const nodeOf = (child) => (child instanceof Node ? child : String(child));

const SVG = "http://www.w3.org/2000/svg";

/** One of icons.svg's. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export const badge = (state, words) => el("span", { class: "badge", dataset: { state } }, el("i"), words);
