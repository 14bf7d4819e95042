// Alerts that were raised, with whom they were told; the rules that raise them.

import { acknowledgeAlert, deleteRule, ifThere, listAlerts, putRule, tellAgain, testTarget } from "./api.js";
import { ask } from "./confirm.js";
import { badge, el, icon } from "./dom.js";
import { EventDialog } from "./event-dialog.js";
import { ago, durationOf, SEVERITIES } from "./event-words.js";
import { RuleDialog } from "./rule-dialog.js";
import { sentence } from "./rule-words.js";
import { toast } from "./status.js";

const EVERY_MS = 3000;
const PAGE = 50;
const TONES = { critical: "failed", warning: "stalled", info: "idle" };
const ORIGINS = { configuration: "set by the configuration", default: "comes with Livesight", api: "" };

export class AlertsPage {
  title = "Alerts";
  #watch;
  #timer = 0;
  #abort = null;
  #alerts = [];
  #next = null;
  #targets = [];
  #shown = ""; // what is drawn, so that nothing is drawn again without need
  #detail = new EventDialog();
  #form;
  #tools = document.getElementById("alerts-tools");
  #list = document.getElementById("alert-list");
  #note = document.getElementById("alerts-note");
  #older = document.getElementById("alerts-older");

  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} watch */
  constructor(streams, watch) {
    this.#watch = watch;
    const ids = () => streams.views.map(({ id }) => id);
    this.#form = new RuleDialog(ids, () => this.#targets, ({ name }) => {
      toast(`The rule ${name} was saved.`);
      this.#loadRules();
    });
    this.#tools.addEventListener("change", () => {
      this.#alerts = [];
      this.#load();
    });
    this.#older.addEventListener("click", () => this.#load(this.#next));
    document.getElementById("rule-add").addEventListener("click", () => this.#form.open());
  }

  show() {
    this.#load();
    this.#loadRules();
    this.#loadTargets();
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
      if (answer === null) this.#say("This service raises no alerts", "No process with the role monitor answers.");
      else this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("The alerts could not be read", error.message);
    }
    this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
  }

  #wait() {
    if (document.hidden) this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
    else this.#load();
  }

  #take({ alerts, next }, older) {
    if (older || this.#alerts.length <= PAGE) this.#next = next;
    const rest = this.#alerts.length > PAGE || older ? this.#alerts.filter((old) => !alerts.some(({ id }) => id === old.id)) : [];
    this.#alerts = [...alerts, ...rest].sort((a, b) => b.captured_at_ns - a.captured_at_ns);
    this.#older.hidden = this.#next === null;
    if (this.#alerts.length) this.#note.hidden = true;
    else this.#say("No alerts", "Nothing was raised that fits what you chose above.");
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
        badge(ended ? "idle" : TONES[severity], ended ? "Over" : SEVERITIES[severity]),
        el("time", { class: "quiet", dateTime: time.toISOString(), title: time.toLocaleString() }, `${ago(time.getTime())}${lasted}`),
      ),
      el("h3", {}, text ?? rule),
      el("p", { class: "quiet" }, el("a", { href: `#/live/${stream}` }, stream), `, rule ${rule}`),
      told(alert.deliveries ?? []),
      seen ? el("p", { class: "quiet" }, `Seen by ${alert.acknowledged_by}, ${ago(seen / 1e6)}${alert.note ? `: ${alert.note}` : ""}`) : null,
      el(
        "div",
        { class: "card-actions" },
        el("button", { class: "button", type: "button", "aria-label": `Details of ${text ?? rule}`, on: { click: () => this.#detail.open(eventOf(alert)) } }, "Details"),
        seen ? null : el("button", { class: "button", type: "button", "aria-label": `I have seen ${text ?? rule}`, on: { click: () => this.#see(id) } }, "Seen"),
        ...givenUpTo(alert).map((target) =>
          el("button", { class: "button", type: "button", on: { click: () => this.#tellAgain(id, target) } }, `Tell ${target} again`),
        ),
      ),
    );
  }

  async #see(id) {
    try {
      await acknowledgeAlert(id);
    } catch (error) {
      toast(`It could not be noted: ${error.message}`, "bad");
    }
    this.#watch.poll();
    this.#load();
  }

  async #tellAgain(id, target) {
    try {
      await tellAgain(id, target);
      toast(`${target} is told again.`);
    } catch (error) {
      toast(`${target} could not be told again: ${error.message}`, "bad");
    }
    this.#load();
  }

  // rules

  async #loadRules() {
    const place = document.getElementById("rule-list");
    try {
      const answer = await ifThere("/v1/rules");
      document.getElementById("rules").hidden = answer === null;
      place.replaceChildren(...(answer?.rules ?? []).map((entry) => this.#rule(entry)));
    } catch (error) {
      place.replaceChildren(el("li", { class: "quiet" }, `The rules could not be read: ${error.message}`));
    }
  }

  #rule(entry) {
    const { origin, ...rule } = entry;
    const { name, severity, enabled, streams } = rule;
    const fixed = origin === "configuration";
    const button = (words, what, act) =>
      el("button", { class: "button", type: "button", "aria-label": `${words} ${name}`, on: { click: act } }, icon(what), words);
    return el(
      "li",
      { class: "card rule", dataset: { rule: name } },
      el("div", { class: "camera-head" }, el("h3", {}, name), badge(enabled ? TONES[severity] : "idle", enabled ? SEVERITIES[severity] : "Off")),
      el("p", {}, sentence(rule)),
      el("p", { class: "quiet" }, [streams.length ? streams.join(", ") : "All cameras", ORIGINS[origin]].filter(Boolean).join(", ")),
      fixed
        ? null
        : el(
            "div",
            { class: "card-actions" },
            button(enabled ? "Turn off" : "Turn on", enabled ? "pause" : "play", () => this.#put({ ...rule, enabled: !enabled })),
            button("Edit", "edit", () => this.#form.open(rule)),
            origin === "api" ? button("Delete", "trash", () => this.#delete(name)) : null,
          ),
    );
  }

  async #put(rule) {
    try {
      await putRule(rule);
    } catch (error) {
      toast(`${rule.name} could not be changed: ${error.message}`, "bad");
    }
    this.#loadRules();
  }

  async #delete(name) {
    if (!(await ask(`Delete the rule “${name}”?`, "Alerts that it raised are kept.", "Delete"))) return;
    try {
      await deleteRule(name);
    } catch (error) {
      toast(`${name} could not be deleted: ${error.message}`, "bad");
    }
    this.#loadRules();
  }

  // targets

  async #loadTargets() {
    const answer = await ifThere("/v1/alerts/targets").catch(() => null);
    const targets = answer?.targets ?? [];
    this.#targets = targets.map(({ name }) => name);
    document.getElementById("targets").hidden = answer === null;
    document.getElementById("targets-none").hidden = targets.length > 0;
    document.getElementById("target-list").replaceChildren(...targets.map((target) => this.#target(target)));
  }

  #target(target) {
    const state = el("span", { role: "status" });
    const test = el("button", { class: "button", type: "button", "aria-label": `Send a test to ${target.name}` }, "Send a test");
    test.addEventListener("click", async () => {
      test.disabled = true;
      state.textContent = "Sending…";
      try {
        await testTarget(target.name);
        state.textContent = "It arrived.";
      } catch (error) {
        state.textContent = error.message;
      }
      test.disabled = false;
    });
    const waiting = target.waiting ? `, ${target.waiting} waiting` : "";
    const lost = target.given_up ? `, ${target.given_up} given up` : "";
    return el("li", { class: "target" }, el("strong", {}, target.name), el("span", { class: "quiet" }, `${target.type}${waiting}${lost}`), state, test);
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

const givenUpTo = ({ deliveries = [] }) => [...new Set(deliveries.filter(({ state }) => state === "given_up").map(({ target }) => target))];

const STATES = { delivered: "told", waiting: "not told yet", given_up: "given up" };

function told(deliveries) {
  if (deliveries.length === 0) return null;
  const words = ({ target, state, error }) => `${target} ${STATES[state] ?? state}${error && state !== "delivered" ? ` (${error})` : ""}`;
  return el("p", { class: deliveries.some(({ state }) => state === "given_up") ? "camera-trouble" : "quiet" }, deliveries.map(words).join(", "));
}
