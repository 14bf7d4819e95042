// What stands before the pages where there are accounts: signing in, or making the first one.

import { setUp, signIn } from "./api.js";
import { el } from "./dom.js";
import { fewestCharacters } from "./session.js";

const SETUP = /^#\/setup\/([\w-]+)$/;

/** Shows the form that `who` needs before anything else. @returns {boolean} whether one is needed */
export function showGate(who) {
  const token = SETUP.exec(location.hash)?.[1];
  if (who.signed_in) {
    if (token) location.hash = "#/";
    return false;
  }
  const gate = token && who.setup ? firstAdmin(token) : signingIn(who, Boolean(token));
  document.getElementById("content").replaceChildren(gate);
  gate.querySelector("input").focus();
  window.addEventListener("hashchange", () => location.reload(), { once: true }); // the printed link was pasted here
  document.title = `${gate.querySelector("h1").textContent} · Livesight`;
  return true;
}

function signingIn(who, usedLink) {
  const words = usedLink
    ? "That link was used, or has expired. Sign in; without an account, start the service again for a new link."
    : who.setup && "There is no account yet. Open the link that the service printed when it started.";
  return form("Sign in", words, [nameField(), passwordField("Password", "password", "current-password")], async (data) => {
    await signIn(data.get("name"), data.get("password"));
    if (usedLink) location.hash = "#/";
    location.reload(); // the same address, with a session
  });
}

function firstAdmin(token) {
  const fields = [
    nameField(),
    newPasswordField("Password", "password"),
    passwordField("Password again", "again", "new-password"),
  ];
  return form("Create the first account", "It manages cameras, models and other accounts.", fields, async (data) => {
    if (data.get("password") !== data.get("again")) throw new Error("The two passwords differ.");
    await setUp(token, data.get("name"), data.get("password"));
    location.hash = "#/";
    location.reload();
  });
}

function form(title, words, fields, submit) {
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const button = el("button", { class: "button primary", type: "submit" }, title);
  const whole = el(
    "form",
    { class: "gate-form", "aria-label": title },
    el("h1", {}, title),
    words ? el("p", { class: "quiet" }, words) : null,
    ...fields,
    error,
    button,
  );
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      await submit(new FormData(whole));
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
      button.disabled = false;
    }
  });
  return el("div", { class: "gate" }, whole);
}

const nameField = () =>
  el(
    "label",
    { class: "field" },
    el("span", {}, "Name"),
    el("input", { type: "text", name: "name", autocomplete: "username", autocapitalize: "none", required: true }),
  );

/** As `passwordField`, with what the service asks of a password that is made. */
export const newPasswordField = (words, name) =>
  passwordField(`${words}, at least ${fewestCharacters()} characters; a few words do`, name, "new-password");

/** @param {string} autocomplete what password managers make of it */
export const passwordField = (words, name, autocomplete) =>
  el(
    "label",
    { class: "field" },
    el("span", {}, words),
    el("input", { type: "password", name, autocomplete, required: true, maxLength: 1024 }),
  );
