// The account in the header: whose it is, its password, and logging out.

import { changePassword, signOut } from "./api.js";
import { forget } from "./ask-history.js";
import { el } from "./dom.js";
import { formDialog } from "./form-dialog.js";
import { newPasswordField, passwordField } from "./sign-in.js";
import { toast } from "./status.js";

/** Shows the menu where there are accounts; `who` is signed in. */
export function showAccount(who) {
  if (who.mode !== "accounts") return;
  const pill = document.getElementById("account");
  const panel = document.getElementById("account-panel");
  pill.hidden = false;
  pill.lastElementChild.textContent = who.name;
  pill.setAttribute("aria-label", `Account ${who.name}`);
  panel.querySelector("h2").textContent = who.name;
  panel.querySelector("p").textContent = accessWords(who.grants);
  for (const link of document.querySelectorAll("[data-admin]")) {
    link.hidden = !who.actions.includes(link.dataset.admin);
    link.addEventListener("click", () => panel.hidePopover());
  }
  document.getElementById("account-password").addEventListener("click", () => {
    panel.hidePopover();
    askForPassword(who.name);
  });
  document.getElementById("account-out").addEventListener("click", () => leave(false));
  document.getElementById("account-everywhere").addEventListener("click", () => leave(true));
}

/** "operator of gate-* (only push, zones); viewer of all cameras" */
export const accessWords = (grants) =>
  grants
    .map(({ role, streams, actions }) => {
      const only = actions ? ` (only ${[...actions].sort().join(", ") || "nothing"})` : "";
      return `${role} of ${streams.includes("*") ? "all cameras" : streams.join(", ")}${only}`;
    })
    .join("; ") || "no access";

async function leave(everywhere) {
  try {
    const elsewhere = await signOut(everywhere);
    forget();
    if (elsewhere) location.assign(elsewhere); // the provider, which sends the browser back
    else location.reload();
  } catch (error) {
    toast(`Logging out failed: ${error.message}`, "bad");
  }
}

function askForPassword(name) {
  formDialog({
    title: "Change password",
    words: "You stay signed in here; everywhere else you are logged out.",
    yes: "Change password",
    fields: [
      el("input", { type: "text", name: "name", value: name, autocomplete: "username", hidden: true }),
      passwordField("Current password", "old", "current-password"),
      newPasswordField("New password", "new"),
      passwordField("New password again", "again", "new-password"),
    ],
    async submit(data) {
      if (data.get("new") !== data.get("again")) throw new Error("The two new passwords differ.");
      await changePassword(data.get("old"), data.get("new"));
      toast("The password was changed.");
    },
  });
}
