// Learns what labels are called, for pages that show them: at the first need, and again when that is long ago.

import { listModels } from "./api.js";
import { may } from "./session.js";

const AGAIN_MS = 300_000;
const WAIT_MS = 2000;
let asked = { at: -Infinity, learnt: null };

/** Until it is known what labels are called, or could not be learnt: a page speaks without words then. */
export function wordsKnown() {
  if (!may("results")) return Promise.resolve(); // it would be refused, and written down as that
  if (performance.now() - asked.at > AGAIN_MS)
    asked = { at: performance.now(), learnt: listModels().catch(() => null) };
  return Promise.race([asked.learnt, new Promise((done) => setTimeout(done, WAIT_MS))]);
}
