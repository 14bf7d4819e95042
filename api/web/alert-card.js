// One alert as a card: its picture, what it says, whom it was told.

import { badge, el, icon } from "./dom.js";
import { ago, durationOf, SEVERITIES, TONES } from "./event-words.js";
import { may } from "./session.js";

const STATES = { delivered: "delivered", waiting: "waiting", given_up: "failed" };
const WORST_FIRST = ["given_up", "waiting", "delivered"];

// a clip is fetched once its card is near: a page of fifty would ask for fifty at once
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries)
    if (isIntersecting) {
      near.unobserve(target);
      target.src = target.dataset.src;
    }
});

/**
 * @param {object} alert @param {boolean} chosen whether it is among the chosen ones
 * @param {{choose: (on: boolean) => void, details: () => void, see: () => void, tellAgain: (target: string) => void}} act
 */
export function alertCard(alert, chosen, act) {
  const { id, severity, rule, text, stream_id: stream, ended_at_ns: ended } = alert;
  const said = text ?? rule;
  const seen = alert.acknowledged_at_ns;
  const choice = el("input", {
    type: "checkbox",
    checked: chosen,
    disabled: Boolean(seen),
    "aria-label": `Select ${said}`,
    on: { change: ({ currentTarget }) => act.choose(currentTarget.checked) },
  });
  return el(
    "li",
    { class: "card alert", dataset: { id, severity, open: ended === null } },
    pictureOf(alert),
    el(
      "div",
      { class: "camera-head" },
      el("label", { class: "alert-choice", dataset: { needs: "acknowledge" } }, choice),
      badge(ended ? "idle" : TONES[severity], ended ? "Ended" : SEVERITIES[severity]),
      when(alert),
    ),
    el("h3", {}, said),
    el("p", { class: "quiet" }, el("a", { href: `#/live/${stream}` }, stream), `, rule ${rule}`),
    told(alert.deliveries ?? []),
    seen ? el("p", { class: "quiet" }, seenBy(alert)) : null,
    actions(alert, said, act),
  );
}

function when({ captured_at_ns: at, ended_at_ns: ended }) {
  const time = new Date(at / 1e6);
  // what happens in a moment, such as a crossed line, has no duration
  const lasted = ended > at ? `, lasted ${durationOf((ended - at) / 1e9)}` : "";
  const attributes = { class: "quiet", dateTime: time.toISOString(), title: time.toLocaleString() };
  return el("time", attributes, `${ago(time.getTime())}${lasted}`);
}

const seenBy = ({ acknowledged_by: who, acknowledged_at_ns: at, note }) =>
  `Acknowledged by ${who}, ${ago(at / 1e6)}${note ? `: ${note}` : ""}`;

function actions(alert, said, act) {
  const button = (words, label, click, needs = null) =>
    el(
      "button",
      { class: "button", type: "button", "aria-label": label, on: { click }, ...(needs && { dataset: { needs } }) },
      words,
    );
  return el(
    "div",
    { class: "card-actions" },
    button("Details", `Details of ${said}`, act.details),
    alert.acknowledged_at_ns ? null : button("Acknowledge", `Acknowledge ${said}`, act.see, "acknowledge"),
    ...targetsOf(alert.deliveries)
      .filter(({ state }) => state === "given_up")
      .map(({ target }) => button(`Tell ${target} again`, null, () => act.tellAgain(target), "targets")),
  );
}

/** The best picture of its track, else its clip's first frame, else an icon that says what it is about. */
function pictureOf(alert) {
  const blank = el("span", { class: "alert-picture", "aria-hidden": "true" }, icon(alert.track_id ? "person" : "webcam"));
  const url = alert.picture_url ?? alert.snapshot_url;
  if (!may("pictures") || !(url || alert.clip_url)) return blank;
  const shown = url
    ? el("img", { class: "alert-picture", src: `${url}?overlay=1`, alt: "", loading: "lazy" })
    : el("video", { class: "alert-picture", muted: true, preload: "metadata", tabIndex: -1, "aria-hidden": "true" });
  shown.addEventListener("error", () => shown.replaceWith(blank)); // deleted, or replaced by a better one
  if (!url) {
    shown.dataset.src = `${alert.clip_url}#t=0.1`;
    near.observe(shown);
  }
  return shown;
}

/** One entry a target, for the alert and for its end together: the worse of both. */
function targetsOf(deliveries = []) {
  const worst = new Map();
  const rank = ({ state }) => WORST_FIRST.indexOf(state);
  for (const delivery of deliveries) {
    const known = worst.get(delivery.target);
    if (!known || rank(delivery) < rank(known)) worst.set(delivery.target, delivery);
  }
  return [...worst.values()];
}

function told(deliveries) {
  const targets = targetsOf(deliveries);
  if (targets.length === 0) return null;
  const words = ({ target, state, error }) =>
    `${target} ${STATES[state] ?? state}${error && state !== "delivered" ? ` (${error})` : ""}`;
  const failed = targets.some(({ state }) => state === "given_up");
  return el("p", { class: failed ? "camera-trouble" : "quiet" }, targets.map(words).join(", "));
}
