// Learns who is enrolled, for pages that show names: at the first need, when a name is missing, and now and then.

import { listPeople } from "./people-api.js";
import { learnPeople, someUnknown } from "./person-names.js";
import { may } from "./session.js";

/** What the window is told when somebody is called otherwise than before; `detail.tracks`: what was seen, too. */
export const PEOPLE_CHANGED = "livesight-people-changed";

const AGAIN_MS = 300_000;
const MISSING_MS = 15_000; // a name that is missing: somebody was enrolled meanwhile, or erased
const WAIT_MS = 2000;
const PAGE = 500;
const MOST_PAGES = 20;
let asked = { at: -Infinity, learnt: null };

/** Until names are known, or could not be learnt. @param {{anew?: boolean}} [how] anew: somebody was just changed */
export function peopleKnown({ anew = false } = {}) {
  if (!may("people")) return Promise.resolve(); // it would be refused, and written down as that
  const age = performance.now() - asked.at;
  if (anew || age > (someUnknown() ? MISSING_MS : AGAIN_MS))
    asked = { at: performance.now(), learnt: learn().catch(() => null) };
  return Promise.race([asked.learnt, new Promise((done) => setTimeout(done, WAIT_MS))]);
}

async function learn() {
  const people = [];
  let cursor = null;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const answer = await listPeople({ limit: PAGE, cursor });
    people.push(...(answer?.people ?? []));
    cursor = answer?.next ?? null;
    if (cursor === null) break;
  }
  learnPeople(people);
  window.dispatchEvent(new CustomEvent(PEOPLE_CHANGED));
}
