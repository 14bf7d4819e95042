// What somebody may do: a role on some cameras, any number of them.

import { el, icon } from "./dom.js";

const ROLES = {
  viewer: "Viewer: sees pictures and events",
  reviewer: "Reviewer: also acknowledges alerts",
  operator: "Operator: also zones, rules, own cameras",
  admin: "Admin: everything",
  metrics: "Metrics only",
};

/** Fields that show `grants` and let them be changed. */
export function grantFields(grants) {
  const rows = el("div", { class: "grants" });
  const add = (grant) => rows.append(row(grant));
  grants.forEach(add);
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
  [...form.querySelectorAll(".grant")].map((one) => ({
    role: one.querySelector("select").value,
    streams: one
      .querySelector("input")
      .value.split(",")
      .map((pattern) => pattern.trim())
      .filter(Boolean),
    ...(one.dataset.actions ? { actions: JSON.parse(one.dataset.actions) } : {}),
  }));

function row({ role, streams, actions }) {
  const choices = Object.entries({ ...(role in ROLES ? {} : { [role]: role }), ...ROLES });
  const one = el(
    "div",
    { class: "grant", dataset: actions ? { actions: JSON.stringify(actions) } : {} },
    el("select", { "aria-label": "Role" }, ...choices.map(([value, words]) => el("option", { value }, words))),
    el("input", { type: "text", value: streams.join(", "), required: true, "aria-label": "Cameras" }),
    el(
      "button",
      { class: "button square", type: "button", "aria-label": "Remove this access", on: { click: () => one.remove() } },
      icon("trash"),
    ),
  );
  one.querySelector("select").value = role;
  return one;
}
