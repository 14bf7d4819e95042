// What a rule would have raised lately, shown in its form before it is saved.

import { tryRule } from "./api.js";
import { el, icon } from "./dom.js";

const DAYS = 7;
const SHOWN = 12;
const REACHABLE = { tabindex: "0", "aria-label": "What it would have raised" }; // it scrolls, by keys too

export class RuleTrial {
  #place = document.getElementById("rule-trial");
  #button = document.getElementById("rule-try");
  #count = 0; // of what was asked: only the newest answer is shown

  /** @param {() => object|null} wish the rule as the form has it; null where it cannot be sent */
  constructor(wish) {
    this.#button.addEventListener("click", () => this.#try(wish()));
  }

  /** Shows nothing: the rule is another one now. */
  clear() {
    this.#count += 1;
    this.#place.replaceChildren();
    this.#button.disabled = false;
  }

  async #try(rule) {
    if (rule === null) return;
    const asked = (this.#count += 1);
    this.#button.disabled = true;
    this.#place.replaceChildren(el("p", { class: "quiet" }, "Trying…"));
    let shown;
    try {
      shown = found(await tryRule(rule, DAYS, SHOWN));
    } catch (error) {
      shown = [el("p", { class: "form-error" }, error.message)];
    }
    if (asked !== this.#count) return;
    this.#place.replaceChildren(...shown);
    this.#place.scrollIntoView({ block: "nearest" }); // the form is longer than most screens
    this.#button.disabled = false;
  }
}

function found({ count, alerts, gaps, complete, since_ns: since }) {
  const number = `${count?.toLocaleString()} ${count === 1 ? "alert" : "alerts"}`;
  const words =
    count === null
      ? "What this rule would have raised is not known."
      : `${complete ? `In the last ${DAYS} days` : "In what was looked at"} this would have raised ${count === 0 ? "no alerts" : number}.`;
  const from = `Looked at what happened since ${new Date(since / 1e6).toLocaleString()}.`;
  const older = count > alerts.length ? el("p", { class: "quiet" }, `The newest ${alerts.length} are shown.`) : null;
  return [
    el("p", {}, el("strong", {}, words)),
    count === null ? null : el("p", { class: "quiet" }, from),
    ...gaps.map((gap) => el("p", { class: "quiet" }, gap)),
    alerts.length ? el("ol", { class: "tried", ...REACHABLE }, ...alerts.map(row)) : null,
    older,
  ].filter(Boolean);
}

function row({ captured_at_ns: at, text, picture_url: whole, snapshot_url: crop }) {
  const time = new Date(at / 1e6);
  const blank = el("span", { class: "event-blank tried-blank", "aria-hidden": "true" }, icon("bell"));
  const url = crop ?? whole;
  const image = url ? el("img", { class: "event-blank", src: url, alt: "", loading: "lazy" }) : blank;
  if (url) image.addEventListener("error", () => image.replaceWith(blank)); // deleted meanwhile
  return el(
    "li",
    {},
    image,
    el("span", {}, text, el("br"), el("time", { class: "quiet", dateTime: time.toISOString() }, time.toLocaleString())),
  );
}
