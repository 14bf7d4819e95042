// Alerts that were raised, with whom they were told; the rules that raise them.

import { acknowledgeAlert, listAlerts, tellAgain } from "./api.js";
import { badge, el } from "./dom.js";
import { EventDialog } from "./event-dialog.js";
import { ago, durationOf, SEVERITIES, TONES } from "./event-words.js";
import { RuleList } from "./rule-list.js";
import { toast } from "./status.js";
import { TargetList } from "./target-list.js";

const EVERY_MS = 3000;
const PAGE = 50;

export class AlertsPage {
  title = "Alerts";
  #watch;
  #timer = 0;
  #abort = null;
  #alerts = [];
  #next = null;
  #targets = new TargetList();
  #shown = ""; // what is drawn, so that nothing is drawn again without need
  #detail = new EventDialog();
  #rules;
  #tools = document.getElementById("alerts-tools");
  #list = document.getElementById("alert-list");
  #note = document.getElementById("alerts-note");
  #older = document.getElementById("alerts-older");

  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} watch */
  constructor(streams, watch) {
    this.#watch = watch;
    this.#rules = new RuleList(
      () => streams.views.map(({ id }) => id),
      () => this.#targets.names,
    );
    this.#tools.addEventListener("change", () => {
      this.#alerts = [];
      this.#load();
    });
    this.#older.addEventListener("click", () => this.#load(this.#next));
  }

  show() {
    this.#load();
    this.#rules.load();
    this.#targets.load();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const answer = await listAlerts({ state: this.#tools.elements.state.value, limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) this.#say("No alerts", "No process with the role monitor is running.");
      else this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Alerts could not be loaded", error.message);
    }
    this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
  }

  #wait() {
    if (document.hidden) this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
    else this.#load();
  }

  #take({ alerts, next }, older) {
    if (older || this.#alerts.length <= PAGE) this.#next = next;
    const rest =
      this.#alerts.length > PAGE || older ? this.#alerts.filter((old) => !alerts.some(({ id }) => id === old.id)) : [];
    this.#alerts = [...alerts, ...rest].sort((a, b) => b.captured_at_ns - a.captured_at_ns);
    this.#older.hidden = this.#next === null;
    if (this.#alerts.length) this.#note.hidden = true;
    else this.#say("No alerts", "No alert matches the filter.");
    const drawn = JSON.stringify(this.#alerts);
    if (drawn === this.#shown) return;
    this.#shown = drawn;
    this.#list.replaceChildren(...this.#alerts.map((alert) => this.#card(alert)));
  }

  #card(alert) {
    const { id, severity, rule, text, stream_id: stream, captured_at_ns: at, ended_at_ns: ended } = alert;
    const time = new Date(at / 1e6);
    const lasted = ended ? `, lasted ${durationOf((ended - at) / 1e9)}` : "";
    const seen = alert.acknowledged_at_ns;
    return el(
      "li",
      { class: "card alert", dataset: { id, severity, open: ended === null } },
      el(
        "div",
        { class: "camera-head" },
        badge(ended ? "idle" : TONES[severity], ended ? "Ended" : SEVERITIES[severity]),
        el(
          "time",
          { class: "quiet", dateTime: time.toISOString(), title: time.toLocaleString() },
          `${ago(time.getTime())}${lasted}`,
        ),
      ),
      el("h3", {}, text ?? rule),
      el("p", { class: "quiet" }, el("a", { href: `#/live/${stream}` }, stream), `, rule ${rule}`),
      told(alert.deliveries ?? []),
      seen
        ? el(
            "p",
            { class: "quiet" },
            `Acknowledged by ${alert.acknowledged_by}, ${ago(seen / 1e6)}${alert.note ? `: ${alert.note}` : ""}`,
          )
        : null,
      el(
        "div",
        { class: "card-actions" },
        el(
          "button",
          {
            class: "button",
            type: "button",
            "aria-label": `Details of ${text ?? rule}`,
            on: { click: () => this.#detail.open(eventOf(alert)) },
          },
          "Details",
        ),
        seen
          ? null
          : el(
              "button",
              {
                class: "button",
                type: "button",
                dataset: { needs: "acknowledge" },
                "aria-label": `Acknowledge ${text ?? rule}`,
                on: { click: () => this.#see(id) },
              },
              "Acknowledge",
            ),
        ...givenUpTo(alert).map((target) =>
          el(
            "button",
            {
              class: "button",
              type: "button",
              dataset: { needs: "targets" },
              on: { click: () => this.#tellAgain(id, target) },
            },
            `Tell ${target} again`,
          ),
        ),
      ),
    );
  }

  async #see(id) {
    try {
      await acknowledgeAlert(id);
    } catch (error) {
      toast(`The alert could not be acknowledged: ${error.message}`, "bad");
    }
    this.#watch.poll();
    this.#load();
  }

  async #tellAgain(id, target) {
    try {
      await tellAgain(id, target);
      toast(`Sending the alert to ${target} again.`);
    } catch (error) {
      toast(`The alert could not be sent to ${target} again: ${error.message}`, "bad");
    }
    this.#load();
  }

  #say(title, text) {
    this.#shown = "";
    this.#list.replaceChildren();
    this.#older.hidden = true;
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}

/** An alert as the dialog of events shows it. */
const eventOf = (alert) => ({ kind: "alert", ...(alert.event ?? {}), ...alert });

const givenUpTo = ({ deliveries = [] }) => [
  ...new Set(deliveries.filter(({ state }) => state === "given_up").map(({ target }) => target)),
];

const STATES = { delivered: "delivered", waiting: "waiting", given_up: "failed" };

function told(deliveries) {
  if (deliveries.length === 0) return null;
  const words = ({ target, state, error }) =>
    `${target} ${STATES[state] ?? state}${error && state !== "delivered" ? ` (${error})` : ""}`;
  return el(
    "p",
    { class: deliveries.some(({ state }) => state === "given_up") ? "camera-trouble" : "quiet" },
    deliveries.map(words).join(", "),
  );
}
