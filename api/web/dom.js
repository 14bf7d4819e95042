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

/** The same for SVG, where every key is an attribute. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** One of icons.svg's. */
export const icon = (name) =>
  svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `/static/icons.svg#${name}` }));

export const badge = (state, words) => el("span", { class: "badge", dataset: { state } }, el("i"), words);
