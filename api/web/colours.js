// A colour for each label. Pure.

const KNOWN = new Map([
  ["with_mask", "#2fbf71"],
  ["without_mask", "#f0484e"],
  ["mask_weared_incorrect", "#f5a524"],
  ["mask_worn_incorrectly", "#f5a524"],
  ["incorrect_mask", "#f5a524"],
  ["incorrect", "#f5a524"],
]);

// told apart by people with the common colour-vision deficiencies, and none of them red, green or amber
const OTHERS = ["#4f9dff", "#b07cff", "#1fc3d6", "#ff7ac2", "#8fa3b8", "#7c8cff", "#d0e05a", "#c98f6b"];

/** @param {string} label @returns {string} "#rrggbb", the same for the same label always */
export function colourOf(label) {
  const known = KNOWN.get(label);
  if (known) return known;
  let hash = 2166136261; // FNV-1a
  for (const character of label) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return OTHERS[(hash >>> 0) % OTHERS.length];
}

/** Black or white, whichever reads better on `colour` (WCAG relative luminance). */
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(colour.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#07090c" : "#ffffff";
}

/** "mask_weared_incorrect" → "mask worn wrongly"; others just lose their underscores. */
export function wordsOf(label) {
  return label === "mask_weared_incorrect" ? "mask worn wrongly" : label.replaceAll("_", " ");
}
