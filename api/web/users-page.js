// Accounts of people, for admins: who there is, what they may do, and changing that.

import { addUser, changeUser, listUsers, removeUser } from "./api.js";
import { accessWords } from "./account-menu.js";
import { ask } from "./confirm.js";
import { badge, el } from "./dom.js";
import { formDialog } from "./form-dialog.js";
import { grantFields, grantsOf } from "./grant-fields.js";
import { newPasswordField } from "./sign-in.js";
import { toast } from "./status.js";

export class UsersPage {
  title = "Users";
  #list = document.getElementById("user-list");
  #error = document.getElementById("users-error");

  constructor() {
    document.getElementById("user-add").addEventListener("click", () => this.#add());
  }

  show() {
    this.#load();
  }

  hide() {}

  async #load() {
    try {
      this.#list.replaceChildren(...(await listUsers()).map((user) => this.#card(user)));
      this.#error.hidden = true;
    } catch (error) {
      this.#error.textContent = `The accounts could not be loaded: ${error.message}`;
      this.#error.hidden = false;
    }
  }

  #card(user) {
    const seen = user.signed_in_ns ? new Date(user.signed_in_ns / 1e6).toLocaleString() : "never";
    return el(
      "li",
      { class: "card", dataset: { user: user.name } },
      el(
        "div",
        { class: "camera-head" },
        el("h2", {}, user.name),
        badge(user.disabled ? "failed" : "live", user.disabled ? "Disabled" : "Enabled"),
      ),
      el("p", {}, accessWords(user.grants)),
      el("p", { class: "quiet" }, `Last signed in: ${seen}${user.has_password ? "" : "; at a provider only"}`),
      el(
        "div",
        { class: "card-actions" },
        this.#button(user, "Access", () => this.#access(user)),
        this.#button(user, "Reset password", () => this.#password(user)),
        this.#button(user, user.disabled ? "Enable" : "Disable", () => this.#switch(user)),
        this.#button(user, "Remove", () => this.#remove(user)),
      ),
    );
  }

  #button(user, words, click) {
    return el("button", { class: "button", type: "button", "aria-label": `${words}: ${user.name}`, on: { click } }, words);
  }

  #add() {
    formDialog({
      title: "Add a user",
      words: "Tell them the password in person; they can change it once signed in.",
      yes: "Add",
      fields: [
        el(
          "label",
          { class: "field" },
          el("span", {}, "Name"),
          el("input", { type: "text", name: "name", autocomplete: "off", required: true, maxLength: 64 }),
        ),
        newPasswordField("Password", "password"),
        grantFields([{ role: "viewer", streams: ["*"] }]),
      ],
      submit: async (data, form) => {
        await addUser({ name: data.get("name"), password: data.get("password"), grants: grantsOf(form) });
        await this.#load();
      },
    });
  }

  #access(user) {
    formDialog({
      title: `Access of ${user.name}`,
      yes: "Save",
      fields: [grantFields(user.grants)],
      submit: async (data, form) => {
        await changeUser(user.id, { grants: grantsOf(form) });
        await this.#load();
      },
    });
  }

  #password(user) {
    formDialog({
      title: `New password for ${user.name}`,
      words: "They are logged out everywhere.",
      yes: "Set password",
      fields: [newPasswordField("New password", "password")],
      submit: async (data) => {
        await changeUser(user.id, { password: data.get("password") });
        toast(`${user.name} has a new password.`);
      },
    });
  }

  async #switch(user) {
    const words = "They are logged out everywhere and cannot sign in.";
    if (user.disabled || (await ask(`Disable ${user.name}?`, words, "Disable")))
      await this.#try(() => changeUser(user.id, { disabled: !user.disabled }));
  }

  async #remove(user) {
    if (await ask(`Remove ${user.name}?`, "The account is gone for good.", "Remove"))
      await this.#try(() => removeUser(user.id));
  }

  async #try(change) {
    try {
      await change();
    } catch (error) {
      toast(error.message, "bad");
    }
    await this.#load();
  }
}
