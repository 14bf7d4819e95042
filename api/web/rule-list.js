// The rules that raise alerts: made, changed, turned off and on, deleted.

import { deleteRule, ifThere, putRule } from "./api.js";
import { ask } from "./confirm.js";
import { badge, el, icon } from "./dom.js";
import { SEVERITIES, TONES } from "./event-words.js";
import { peopleKnown } from "./people-known.js";
import { RuleDialog } from "./rule-dialog.js";
import { sentence } from "./rule-words.js";
import { toast } from "./status.js";
import { wordsKnown } from "./words-known.js";

const ORIGINS = { configuration: "set by the configuration", default: "built in", api: "" };

export class RuleList {
  #form;

  /** @param {() => object[]} streams the cameras, `{id, models}` @param {() => string[]} targets their names */
  constructor(streams, targets) {
    this.#form = new RuleDialog(streams, targets, ({ name }) => {
      toast(`Rule ${name} was saved.`);
      this.load();
    });
    document.getElementById("rule-add").addEventListener("click", () => this.#form.open());
  }

  async load() {
    const place = document.getElementById("rule-list");
    try {
      const [answer] = await Promise.all([ifThere("/v1/rules"), wordsKnown(), peopleKnown()]);
      document.getElementById("rules").hidden = answer === null;
      place.replaceChildren(...(answer?.rules ?? []).map((entry) => this.#rule(entry)));
    } catch (error) {
      place.replaceChildren(el("li", { class: "quiet" }, `The rules could not be loaded: ${error.message}`));
    }
  }

  #rule(entry) {
    const { origin, ...rule } = entry;
    const { name, severity, enabled, streams } = rule;
    const fixed = origin === "configuration";
    const button = (words, what, act) =>
      el(
        "button",
        {
          class: "button",
          type: "button",
          dataset: { needs: "rules" },
          "aria-label": `${words} ${name}`,
          on: { click: act },
        },
        icon(what),
        words,
      );
    return el(
      "li",
      { class: "card rule", dataset: { rule: name } },
      el(
        "div",
        { class: "camera-head" },
        el("h3", {}, name),
        badge(enabled ? TONES[severity] : "idle", enabled ? SEVERITIES[severity] : "Off"),
      ),
      el("p", {}, sentence(rule)),
      el(
        "p",
        { class: "quiet" },
        [streams.length ? streams.join(", ") : "All cameras", ORIGINS[origin]].filter(Boolean).join(", "),
      ),
      fixed
        ? null
        : el(
            "div",
            { class: "card-actions" },
            button(enabled ? "Turn off" : "Turn on", enabled ? "pause" : "play", () =>
              this.#put({ ...rule, enabled: !enabled }),
            ),
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
    this.load();
  }

  async #delete(name) {
    if (!(await ask(`Delete the rule “${name}”?`, "Alerts it has raised remain.", "Delete"))) return;
    try {
      await deleteRule(name);
    } catch (error) {
      toast(`${name} could not be deleted: ${error.message}`, "bad");
    }
    this.load();
  }
}
