// What stands before the pages where there are accounts: signing in, or making the first one.

import { setUp, signIn } from "./api.js";
import { el } from "./dom.js";
import { fewestCharacters } from "./session.js";

const SETUP = /^#\/setup\/([\w-]+)$/;

/** What the way back from the provider can end with (api/auth/oidc/errors.py). */
const FROM_PROVIDER = {
  away: "The provider cannot be reached now. Try again in a moment.",
  busy: "The service could not look the account up. Try again in a moment.",
  cancelled: "Signing in was cancelled.",
  disabled: "This account is disabled here. Ask an administrator.",
  expired: "That took too long, or was begun in another tab. Sign in again.",
  "no-group": "This account is in no group that may use this service. Ask an administrator, or use another account.",
  failed: "Signing in failed. Try again; the service's log says why.",
};

/** Shows the form that `who` needs before anything else. @returns {boolean} whether one is needed */
export function showGate(who) {
  const token = SETUP.exec(location.hash)?.[1];
  const outcome = takeOutcome();
  if (who.signed_in) {
    if (token) location.hash = "#/";
    return false;
  }
  const gate = token && who.setup ? firstAdmin(token) : signingIn(who, Boolean(token), outcome);
  document.getElementById("content").replaceChildren(gate);
  gate.querySelector("input, .button").focus();
  window.addEventListener("hashchange", () => location.reload(), { once: true }); // the printed link was pasted here
  document.title = `${gate.querySelector("h1").textContent} · Livesight`;
  return true;
}

/** How signing in at the provider ended, which the address says once. */
function takeOutcome() {
  const query = new URLSearchParams(location.search);
  const outcome = query.get("sign-in");
  if (outcome === null) return null;
  query.delete("sign-in");
  const rest = query.size ? `?${query}` : "";
  history.replaceState(history.state, "", `${location.pathname}${rest}${location.hash}`);
  return Object.hasOwn(FROM_PROVIDER, outcome) ? outcome : "failed";
}

function signingIn(who, usedLink, outcome) {
  const words = usedLink
    ? "That link was used, or has expired. Sign in; without an account, start the service again for a new link."
    : who.setup && "There is no account yet. Open the link that the service printed when it started.";
  const withPassword = who.password_sign_in
    ? [nameField(), passwordField("Password", "password", "current-password")]
    : [];
  const gate = form("Sign in", words, withPassword, async (data) => {
    await signIn(data.get("name"), data.get("password"));
    if (usedLink) location.hash = "#/";
    location.reload(); // the same address, with a session
  });
  if (who.provider) addProvider(gate, who, usedLink, outcome);
  return gate;
}

function addProvider(gate, who, usedLink, outcome) {
  const whole = gate.querySelector("form");
  const query = new URLSearchParams({ to: usedLink ? "/" : `${location.pathname}${location.hash}` });
  if (outcome === "no-group" || outcome === "disabled") query.set("again", "true"); // else the same account comes back
  const kind = who.password_sign_in ? "button" : "button primary";
  const link = el("a", { class: kind, href: `/v1/oidc/login?${query}` }, `Sign in with ${who.provider}`);
  if (who.password_sign_in) whole.append(el("p", { class: "gate-or quiet" }, "or"));
  else whole.querySelector("button").remove();
  whole.append(link);
  const error = whole.querySelector(".form-error");
  error.hidden = outcome === null;
  error.textContent = outcome === null ? "" : FROM_PROVIDER[outcome];
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
