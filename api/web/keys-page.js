// Accounts of programs and their keys, for admins. A key is shown once, when it is made.

import { addKey, addServiceAccount, changeServiceAccount, listServiceAccounts, removeServiceAccount, revokeKey } from "./api.js";
import { accessWords } from "./account-menu.js";
import { ask } from "./confirm.js";
import { badge, el } from "./dom.js";
import { formDialog } from "./form-dialog.js";
import { grantFields, grantsOf } from "./grant-fields.js";
import { showSecret } from "./secret-dialog.js";
import { toast } from "./status.js";

const STATES = { active: ["live", "Active"], expired: ["disabled", "Expired"], revoked: ["disabled", "Revoked"] };

export class KeysPage {
  title = "API keys";
  #list = document.getElementById("service-account-list");
  #none = document.getElementById("service-accounts-none");
  #error = document.getElementById("service-accounts-error");

  constructor() {
    document.getElementById("service-account-add").addEventListener("click", () => this.#add());
  }

  show() {
    this.#load();
  }

  hide() {}

  async #load() {
    try {
      const accounts = await listServiceAccounts();
      this.#list.replaceChildren(...accounts.map((account) => this.#card(account)));
      this.#none.hidden = accounts.length > 0;
      this.#error.hidden = true;
    } catch (error) {
      this.#error.textContent = `The service accounts could not be loaded: ${error.message}`;
      this.#error.hidden = false;
    }
  }

  #card(account) {
    const { name, disabled, grants, keys } = account;
    const order = [...keys].sort((a, b) => Number(b.state === "active") - Number(a.state === "active"));
    return el(
      "li",
      { class: "card", dataset: { account: name } },
      el(
        "div",
        { class: "camera-head" },
        el("h2", {}, name),
        badge(disabled ? "failed" : "live", disabled ? "Disabled" : "Enabled"),
      ),
      el("p", {}, accessWords(grants)),
      keys.length
        ? el("ul", { class: "keys", "aria-label": `Keys of ${name}` }, ...order.map((key) => this.#key(account, key)))
        : el("p", { class: "quiet" }, "No keys yet."),
      el(
        "div",
        { class: "card-actions" },
        this.#button("Add a key", name, () => this.#addKey(account)),
        this.#button("Access", name, () => this.#access(account)),
        this.#button(disabled ? "Enable" : "Disable", name, () => this.#switch(account)),
        this.#button("Remove", name, () => this.#remove(account)),
      ),
    );
  }

  #key(account, key) {
    const [state, words] = STATES[key.state];
    const revoke = () => this.#revoke(account, key);
    return el(
      "li",
      { class: "key", dataset: { key: key.name, state: key.state } },
      el("div", { class: "key-name" }, el("strong", {}, key.name), el("code", { class: "quiet" }, `${key.prefix}…`)),
      badge(state, words),
      el("p", { class: "quiet" }, lifeWords(key)),
      key.state === "active" ? this.#button("Revoke", `${key.name} of ${account.name}`, revoke) : null,
    );
  }

  #button(words, what, click) {
    return el("button", { class: "button", type: "button", "aria-label": `${words}: ${what}`, on: { click } }, words);
  }

  #add() {
    formDialog({
      title: "Add a service account",
      words: "For a program: what it may do. It gets its keys afterwards.",
      yes: "Add",
      fields: [nameField("recorder"), grantFields([{ role: "viewer", streams: ["*"] }])],
      submit: async (data, form) => {
        await addServiceAccount({ name: data.get("name"), grants: grantsOf(form) });
        await this.#load();
      },
    });
  }

  #addKey({ id, name }) {
    formDialog({
      title: `New key for ${name}`,
      yes: "Make the key",
      fields: [
        nameField("laptop"),
        el(
          "label",
          { class: "field" },
          el("span", {}, "Days until it ends"),
          el("input", { type: "number", name: "days", min: 0, max: 36500, step: 1, inputMode: "numeric" }),
          el("small", {}, "Empty: as the service is set (auth.key_days). 0: never, where auth.key_days_max allows it."),
        ),
      ],
      submit: async (data) => {
        const days = data.get("days");
        const made = await addKey(id, { name: data.get("name"), days: days === "" ? null : Number(days) });
        await this.#load();
        return () =>
          showSecret({
            title: `The key “${made.name}” of ${name}`,
            words: "Copy it now: it is not shown again. A program sends it as X-API-Key or Authorization: Bearer.",
            secret: made.key,
          });
      },
    });
  }

  #access({ id, name, grants }) {
    formDialog({
      title: `Access of ${name}`,
      yes: "Save",
      fields: [grantFields(grants)],
      submit: async (data, form) => {
        await changeServiceAccount(id, { grants: grantsOf(form) });
        await this.#load();
      },
    });
  }

  async #switch({ id, name, disabled }) {
    const words = "Its keys are refused until it is enabled again.";
    if (disabled || (await ask(`Disable ${name}?`, words, "Disable")))
      await this.#try(() => changeServiceAccount(id, { disabled: !disabled }));
  }

  async #remove({ id, name }) {
    const words = "The account and its keys are gone for good; programs that use them are refused.";
    if (await ask(`Remove ${name}?`, words, "Remove")) await this.#try(() => removeServiceAccount(id));
  }

  async #revoke({ id, name }, key) {
    const words = `Programs that use this key of ${name} are refused. This cannot be undone.`;
    if (await ask(`Revoke ${key.name}?`, words, "Revoke")) await this.#try(() => revokeKey(id, key.id));
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

/** "Ends 1 May 2027; last used today, 10:12" */
function lifeWords({ state, expires_at: ends, revoked_at: revoked, last_used_at: used }) {
  const end = ends === null ? "Never ends" : `${state === "expired" ? "Ended" : "Ends"} ${new Date(ends).toLocaleDateString()}`;
  const life = revoked === null ? end : `Revoked ${new Date(revoked).toLocaleDateString()}`;
  return `${life}; ${used === null ? "never used" : `last used ${new Date(used).toLocaleString()}`}`;
}

const nameField = (example) =>
  el(
    "label",
    { class: "field" },
    el("span", {}, "Name"),
    el("input", { type: "text", name: "name", autocomplete: "off", required: true, maxLength: 64, placeholder: example }),
  );
