// Who is told of alerts, how that goes, and a test for each.

import { ifThere, testTarget } from "./api.js";
import { el } from "./dom.js";
import { may } from "./session.js";

export class TargetList {
  /** Of all targets, as far as they are known. */
  names = [];

  async load() {
    const answer = may("targets") ? await ifThere("/v1/alerts/targets").catch(() => null) : null;
    const targets = answer?.targets ?? [];
    this.names = targets.map(({ name }) => name);
    document.getElementById("targets").hidden = answer === null;
    document.getElementById("targets-none").hidden = targets.length > 0;
    document.getElementById("target-list").replaceChildren(...targets.map((target) => this.#target(target)));
  }

  #target(target) {
    const state = el("span", { role: "status" });
    const test = el(
      "button",
      {
        class: "button",
        type: "button",
        dataset: { needs: "targets" },
        "aria-label": `Send a test to ${target.name}`,
      },
      "Send a test",
    );
    test.addEventListener("click", async () => {
      test.disabled = true;
      state.textContent = "Sending…";
      try {
        await testTarget(target.name);
        state.textContent = "Delivered.";
      } catch (error) {
        state.textContent = error.message;
      }
      test.disabled = false;
    });
    const waiting = target.waiting ? `, ${target.waiting} waiting` : "";
    const lost = target.given_up ? `, ${target.given_up} failed` : "";
    return el(
      "li",
      { class: "target" },
      el("strong", {}, target.name),
      el("span", { class: "quiet" }, `${target.type}${waiting}${lost}`),
      state,
      test,
    );
  }
}
