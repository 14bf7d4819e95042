// One model on the models page: the version in service, what may be done with it, and its other versions.

import { badge, el } from "./dom.js";
import { labelName } from "./label-words.js";
import { figureList, fiveFigures, folded } from "./model-figures.js";

/**
 * @param {object[]} versions of one model, as the API lists them
 * @param {boolean} many whether several nodes run models
 * @param {{running: string|null, refused: {title: string, why?: string, detail: string}|null}} state
 * @param {{promote: (version: number) => void, rollBack: (version: number) => void}} acts
 */
export function modelCard(versions, many, state, acts) {
  const shown = versions.find(({ chosen }) => chosen) ?? versions[0];
  const { name, version, previous } = shown;
  const others = versions.filter((each) => each !== shown);
  const element = el("li", { class: "card model", dataset: { model: name, version: String(version) } });
  element.append(
    el(
      "div",
      { class: "camera-head" },
      el("h3", { tabIndex: -1 }, name, el("span", { class: "quiet" }, ` version ${version}`)),
      shown.in_service ? badge("live", "In service") : badge("idle", "Not in use"),
    ),
    facts({
      [shown.in_service ? "In service since" : "Promoted"]: since(shown),
      Cameras: cameras(shown.streams),
      "Runs on": shown.backend,
      Nodes: many ? shown.nodes.join(", ") || "none" : null,
      Labels: labels(shown.card),
    }),
    figureList(shown.card, shown.backend),
    ...told(state),
  );
  if (previous !== null) {
    const words = [`Roll back to version ${previous}`, `Roll back ${name} to version ${previous}`];
    element.append(el("div", { class: "card-actions" }, button(words, state, "rollback", () => acts.rollBack(previous))));
  }
  if (others.length)
    element.append(
      el(
        "section",
        { class: "other-versions", "aria-label": `Other versions of ${name}` },
        el("h4", {}, "Other versions"),
        el("ul", {}, ...others.map((other) => otherVersion(other, state, acts))),
      ),
    );
  element.append(allOf(shown));
  return element;
}

function otherVersion({ name, version, card, nodes, streams }, state, acts) {
  const five = fiveFigures(card, null).map(({ name: what, shown }) => `${what} ${shown}`);
  return el(
    "li",
    { dataset: { version: String(version) } },
    el(
      "div",
      {},
      el("strong", {}, `Version ${version}`),
      nodes.length ? el("p", {}, `In service on ${nodes.join(", ")}; cameras: `, cameras(streams)) : null,
      el("p", { class: "quiet" }, five.join(" · ") || "Nobody has measured it."),
    ),
    button(["Promote", `Promote ${name} version ${version}`], state, `promote-${version}`, () => acts.promote(version)),
  );
}

const button = ([words, label], { running }, act, click) => {
  const made = el("button", { class: "button", type: "button", dataset: { needs: "models", act }, on: { click } }, words);
  made.setAttribute("aria-label", label);
  made.disabled = running !== null;
  return made;
};

/** What goes on, and why the last wish was refused. */
function told({ running, refused }) {
  const found = [];
  if (running)
    found.push(el("div", { class: "promotion" }, el("progress", { "aria-label": running }), el("p", {}, running)));
  if (refused)
    found.push(
      el(
        "div",
        { class: "camera-trouble" },
        el("strong", {}, refused.title),
        refused.why ? el("p", {}, refused.why) : null,
        el("p", { class: refused.why ? "technical" : "" }, refused.detail),
      ),
    );
  return found;
}

function since({ in_service: serves, in_service_since_ns: at }) {
  if (at === null) return serves ? "the service started; as installed, never promoted" : null;
  return new Date(at / 1e6).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function cameras(streams) {
  if (streams.length === 0) return "none";
  return el("span", {}, ...streams.flatMap((id, n) => [n ? ", " : "", el("a", { href: `#/live/${id}` }, id)]));
}

const MOST_LABELS = 12;

/** Of a model of 80 the first ones; all are among the folded facts. */
function labels({ name, classes, task, applies_to: applies }) {
  const more = classes.length - MOST_LABELS;
  const list = classes.slice(0, MOST_LABELS).map((label) => labelName(label, name)).join(", ") + (more > 0 ? ` and ${more} more` : "");
  if (task !== "classify") return list;
  return `${list}; of ${applies === "image" ? "the whole picture" : `boxes labelled ${applies.map((label) => labelName(label)).join(", ")}`}`;
}

const facts = (values) =>
  el(
    "dl",
    { class: "facts wide" },
    ...Object.entries(values)
      .filter(([, value]) => value)
      .map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value))),
  );

const allOf = ({ name, card: { classes, thresholds, shapes_wh: shapes, licence, metrics, data } }) =>
  folded("All figures and facts", {
    licence,
    classes: classes.map((label) => labelName(label, name)),
    thresholds,
    "input sizes": shapes.map((size) => size.join(" × ")),
    metrics,
    data,
  });
