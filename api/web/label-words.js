// What the labels of models are called: "triangle", "a triangle", "triangles". Learnt from every answer of /v1/models.
//
// Until it came, and for a label without words, the label itself has to do (docs: README, Words).

import { wordsOf } from "./colours.js";

const BETWEEN = "\u001f";
let known = new Map(); // label, and model and label → {one, many, name}

/** Takes over what models call their labels; what cameras get now goes before other versions. @param {object[]} models */
export function learnWords(models) {
  const learnt = new Map();
  for (const { name, words } of [...models].sort((a, b) => a.chosen - b.chosen)) {
    for (const [label, said] of Object.entries(words ?? {})) {
      learnt.set(label, said);
      learnt.set(`${name}${BETWEEN}${label}`, said);
    }
  }
  known = learnt;
}

const saidOf = (label, model) => known.get(`${model}${BETWEEN}${label}`) ?? known.get(label);

/** Whether people have words for it. */
export const hasWords = (label, model) => saidOf(label, model) !== undefined;

/** "triangle", "mask worn wrongly": beside a box, and in lists. @param {string} [model] whose label it is */
export const labelName = (label, model) => saidOf(label, model)?.name ?? wordsOf(label);

/** "a triangle", "somebody without a mask" */
export const oneOf = (label, model) => saidOf(label, model)?.one ?? `an object (${wordsOf(label)})`;

/** "triangles", "people without masks" */
export const manyOf = (label, model) => saidOf(label, model)?.many ?? `objects (${wordsOf(label)})`;

/** "3 triangles", "a triangle" */
export const countOf = (count, label) => {
  const said = saidOf(label);
  if (!said) return `${count} ${wordsOf(label)}`;
  return count === 1 ? said.one : `${count} ${said.many}`;
};

/** As the beginning of a sentence. */
export const atStart = (text) => text.charAt(0).toUpperCase() + text.slice(1);
