// What somebody may do: a role on some cameras, perhaps some of its actions only; any number of them.

import { el, icon } from "./dom.js";

const ROLES = {
  viewer: "Viewer: sees pictures and events",
  reviewer: "Reviewer: also acknowledges alerts and names people",
  operator: "Operator: also zones, rules, own cameras",
  admin: "Admin: everything",
  metrics: "Metrics only",
};

const VIEWER = ["pictures", "results", "events", "predict"];
const REVIEWER = [...VIEWER, "acknowledge", "people"];
const OPERATOR = [...REVIEWER, "push", "zones", "rules", "drift", "enrol"];
/** As workers/access/roles.py has them; a test compares. */
const ACTIONS = {
  viewer: VIEWER,
  reviewer: REVIEWER,
  operator: OPERATOR,
  admin: [...OPERATOR, "delete", "erase", "cameras", "models", "targets", "accounts", "audit", "metrics"],
};

/** Fields that show `grants` and let them be changed. One that allows nothing is left out: here none means all. */
export function grantFields(grants) {
  const rows = el("div", { class: "grants" });
  const add = (grant) => rows.append(row(grant));
  grants.filter(({ actions }) => !actions || actions.length).forEach(add);
  const more = () => add({ role: "viewer", streams: ["*"] });
  return el(
    "fieldset",
    { class: "field" },
    el("legend", {}, "Access"),
    rows,
    el("small", {}, "Cameras by id, separated by commas; * stands for any characters, and alone for all cameras."),
    el("button", { class: "button", type: "button", on: { click: more } }, icon("plus"), "Add access"),
  );
}

/** What stands in the fields of `form`, as the API takes it. */
export const grantsOf = (form) =>
  [...form.querySelectorAll(".grant")].map((one) => {
    const chosen = chosenIn(one);
    return {
      role: one.querySelector("select").value,
      streams: one
        .querySelector('input[type="text"]')
        .value.split(",")
        .map((pattern) => pattern.trim())
        .filter(Boolean),
      ...(chosen.length ? { actions: chosen } : {}),
    };
  });

const chosenIn = (one) => [...one.querySelectorAll("input:checked")].map(({ value }) => value);

function row({ role, streams, actions }) {
  const choices = Object.entries({ ...(role in ROLES ? {} : { [role]: role }), ...ROLES });
  const summary = el("summary");
  const boxes = el("div", { class: "choices", role: "group", "aria-label": "Only these actions; none selected means all" });
  const one = el(
    "div",
    { class: "grant", on: { change: ({ target }) => (target.matches("select") ? offer(chosenIn(one)) : tell()) } },
    el("select", { "aria-label": "Role" }, ...choices.map(([value, words]) => el("option", { value }, words))),
    el("input", { type: "text", value: streams.join(", "), required: true, "aria-label": "Cameras" }),
    el(
      "button",
      { class: "button square", type: "button", "aria-label": "Remove this access", on: { click: () => one.remove() } },
      icon("trash"),
    ),
    el("details", {}, summary, boxes),
  );
  const select = one.querySelector("select");
  const tell = () => {
    const chosen = chosenIn(one);
    summary.textContent = chosen.length ? `Only ${chosen.join(", ")}` : "All that the role allows";
  };
  const offer = (chosen) => {
    const offered = ACTIONS[select.value] ?? [];
    boxes.replaceChildren(
      ...offered.map((value) =>
        el("label", {}, el("input", { type: "checkbox", value, checked: chosen.includes(value) }), value),
      ),
    );
    one.querySelector("details").hidden = offered.length === 0;
    tell();
  };
  select.value = role;
  offer(actions ?? []);
  return one;
}
