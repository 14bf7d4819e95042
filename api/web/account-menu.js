// The account in the header: whose it is, its password, and logging out.

import { changePassword, signOut } from "./api.js";
import { el } from "./dom.js";
import { formDialog } from "./form-dialog.js";
import { passwordField } from "./sign-in.js";
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
  document.getElementById("users-link").hidden = !who.actions.includes("accounts");
  document.getElementById("audit-link").hidden = !who.actions.includes("audit");
  document.getElementById("account-password").addEventListener("click", () => {
    panel.hidePopover();
    askForPassword(who.name);
  });
  document.getElementById("account-out").addEventListener("click", () => leave(false));
  document.getElementById("account-everywhere").addEventListener("click", () => leave(true));
}

/** "operator of gate-*; viewer of all cameras" */
export const accessWords = (grants) =>
  grants
    .map(({ role, streams }) => `${role} of ${streams.includes("*") ? "all cameras" : streams.join(", ")}`)
    .join("; ") || "no access";

async function leave(everywhere) {
  try {
    await signOut(everywhere);
    location.reload();
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
      passwordField("New password", "new", "new-password"),
      passwordField("New password again", "again", "new-password"),
    ],
    async submit(data) {
      if (data.get("new") !== data.get("again")) throw new Error("The two new passwords differ.");
      await changePassword(data.get("old"), data.get("new"));
      toast("The password was changed.");
    },
  });
}
