// Made by `make web` out of api/web; do not edit. a5be77f0f6a8095cd6142c7331b1d671a91f40779edbea9d0b69581e61c51362

// colours.js
var KNOWN = /* @__PURE__ */ new Map([
  ["with_mask", "#2fbf71"],
  ["without_mask", "#f0484e"],
  ["mask_weared_incorrect", "#f5a524"],
  ["mask_worn_incorrectly", "#f5a524"],
  ["incorrect_mask", "#f5a524"],
  ["incorrect", "#f5a524"]
]);
var OTHERS = ["#4f9dff", "#b07cff", "#1fc3d6", "#ff7ac2", "#8fa3b8", "#7c8cff", "#d0e05a", "#c98f6b"];
function colourOf(label) {
  const known4 = KNOWN.get(label);
  if (known4) return known4;
  let hash = 2166136261;
  for (const character of label) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return OTHERS[(hash >>> 0) % OTHERS.length];
}
function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at2) => {
    const c = parseInt(colour.slice(at2, at2 + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#07090c" : "#ffffff";
}
function wordsOf(label) {
  return label === "mask_weared_incorrect" ? "mask worn wrongly" : label.replaceAll("_", " ");
}

// label-words.js
var BETWEEN = "";
var known = /* @__PURE__ */ new Map();
function learnWords(models) {
  const learnt = /* @__PURE__ */ new Map();
  for (const { name, words } of [...models].sort((a, b) => a.chosen - b.chosen)) {
    for (const [label, said] of Object.entries(words ?? {})) {
      learnt.set(label, said);
      learnt.set(`${name}${BETWEEN}${label}`, said);
    }
  }
  known = learnt;
}
var saidOf = (label, model) => known.get(`${model}${BETWEEN}${label}`) ?? known.get(label);
var hasWords = (label, model) => saidOf(label, model) !== void 0;
var labelName = (label, model) => saidOf(label, model)?.name ?? wordsOf(label);
var oneOf = (label, model) => saidOf(label, model)?.one ?? `an object (${wordsOf(label)})`;
var manyOf = (label, model) => saidOf(label, model)?.many ?? `objects (${wordsOf(label)})`;
var countOf = (count2, label) => {
  const said = saidOf(label);
  if (!said) return `${count2} ${wordsOf(label)}`;
  return count2 === 1 ? said.one : `${count2} ${said.many}`;
};
var atStart = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// person-names.js
var ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
var known2 = /* @__PURE__ */ new Map();
var unknown = false;
function learnPeople(people) {
  known2 = new Map(people.map(({ id, name, groups }) => [id, { id, name, groups: groups ?? [] }]));
  unknown = false;
}
function learnNames(names = {}) {
  for (const [id, name] of Object.entries(names)) known2.set(id, { id, name, groups: known2.get(id)?.groups ?? [] });
}
function nameOf(id) {
  const name = known2.get(id)?.name ?? null;
  unknown ||= Boolean(id) && name === null;
  return name;
}
function personName(id) {
  if (!id) return null;
  return ID.test(id) ? nameOf(id) ?? "Somebody enrolled" : id;
}
var everybody = () => [...known2.values()].sort((a, b) => a.name.localeCompare(b.name));
var everyGroup = () => [...new Set(everybody().flatMap(({ groups }) => groups))].sort();
var someUnknown = () => unknown;
var personCalled = (name) => everybody().find((one) => one.name.toLowerCase() === name.trim().toLowerCase()) ?? null;

// api.js
var TIMEOUT_MS = 8e3;
var UNAUTHENTICATED = "urn:livesight:problem:unauthenticated";
var SIGNED_OUT = "livesight-signed-out";
var ApiError = class extends Error {
  /** @param {string} message in words @param {number} status HTTP status, 0 when no answer came @param {string} type */
  constructor(message, status = 0, type = "about:blank") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
  }
};
async function request(path, { timeoutMs = TIMEOUT_MS, signal, ...options } = {}) {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response;
  try {
    response = await fetch(path, {
      cache: "no-store",
      ...options,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (timeout.aborted) throw new ApiError("The server did not answer in time.");
    throw new ApiError("The server is unreachable.");
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.type === UNAUTHENTICATED) window.dispatchEvent(new Event(SIGNED_OUT));
    throw problem;
  }
  return response;
}
async function problemOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
  }
  const words = typeof problem.detail === "string" ? problem.detail : problem.title;
  const error = new ApiError(words || `The server answered ${response.status}.`, response.status, problem.type);
  error.suggestion = problem.suggestion ?? null;
  error.problem = problem;
  return error;
}
var json = async (path, options) => (await request(path, options)).json();
var streamPath = (id) => `/v1/streams/${encodeURIComponent(id)}`;
var asJson = (method, body) => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  timeoutMs: 2e4
});
var whoAmI = () => json("/v1/session");
var signIn = (name, password) => json("/v1/login", asJson("POST", { name, password }));
var setUp = (token, name, password) => json("/v1/setup", asJson("POST", { token, name, password }));
async function signOut(everywhere) {
  const response = await request("/v1/logout", asJson("POST", { everywhere }));
  return response.status === 200 ? (await response.json()).continue_at : null;
}
var changePassword = (old, fresh) => request("/v1/session/password", asJson("POST", { old, new: fresh }));
var listAudit = (wanted) => json(`/v1/audit?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== "" && value !== null))}`);
var verifyAudit = () => json("/v1/audit/verification", { timeoutMs: 6e4 });
var listUsers = async () => (await json("/v1/users")).users;
var addUser = (user) => json("/v1/users", asJson("POST", user));
var changeUser = (id, changes) => json(`/v1/users/${id}`, asJson("PATCH", changes));
var removeUser = (id) => request(`/v1/users/${id}`, { method: "DELETE" });
var listServiceAccounts = async () => (await json("/v1/service-accounts")).service_accounts;
var addServiceAccount = (account) => json("/v1/service-accounts", asJson("POST", account));
var changeServiceAccount = (id, changes) => json(`/v1/service-accounts/${id}`, asJson("PATCH", changes));
var removeServiceAccount = (id) => request(`/v1/service-accounts/${id}`, { method: "DELETE" });
var addKey = (id, wish) => json(`/v1/service-accounts/${id}/keys`, asJson("POST", wish));
var revokeKey = (id, key) => request(`/v1/service-accounts/${id}/keys/${key}`, { method: "DELETE" });
async function listStreams(signal) {
  return (await json("/v1/streams", { signal })).streams;
}
async function listModels() {
  const { models } = await json("/v1/models");
  learnWords(models);
  return models;
}
async function beginPromotion(name, version) {
  const options = version === null ? { method: "POST", timeoutMs: 2e4 } : asJson("POST", { version });
  const path = `/v1/models/${encodeURIComponent(name)}/${version === null ? "rollback" : "promote"}`;
  const response = await request(path, { ...options, headers: { ...options.headers, prefer: "wait=0" } });
  if (response.status !== 202) return { where: null, done: await response.json() };
  return { where: response.headers.get("location"), done: null };
}
var promotionStatus = (where) => json(where);
var addStream = (config) => json("/v1/streams", asJson("POST", config));
var changeStream = (id, changes) => json(streamPath(id), asJson("PATCH", changes));
var streamAddress = (id) => json(`${streamPath(id)}/address`);
var removeStream = (id) => request(streamPath(id), { method: "DELETE", timeoutMs: 2e4 });
async function snapshot(id, { overlay = false } = {}) {
  try {
    return await (await request(`${streamPath(id)}/snapshot.jpg?overlay=${overlay ? 1 : 0}`)).blob();
  } catch (error) {
    if (error instanceof ApiError && [404, 503].includes(error.status)) return null;
    throw error;
  }
}
async function testStream(camera, signal) {
  const options = { ...asJson("POST", camera), signal, timeoutMs: 45e3 };
  return (await request("/v1/streams/test", options)).blob();
}
async function ifThere(path, signal) {
  try {
    return await json(path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
var queried = (path, filters) => {
  const pairs = Array.isArray(filters) ? filters : Object.entries(filters);
  const given = pairs.filter(([, value]) => value !== null && value !== void 0 && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
};
async function named(asked4) {
  const answer = await asked4;
  learnNames(answer?.names);
  return answer;
}
var listEvents = (filters, signal) => named(ifThere(queried("/v1/events", filters), signal));
var listTracks = (filters, signal) => named(ifThere(queried("/v1/tracks", filters), signal));
var getTrack = (id) => named(ifThere(`/v1/tracks/${id}`));
var eventCounts = (filters, signal) => ifThere(queried("/v1/events/counts", filters), signal);
async function clipResults(url) {
  try {
    const response = await request(`${url}/results`, { timeoutMs: 2e4 });
    const lines = (await response.text()).split("\n").filter(Boolean);
    return { fromUs: Number(response.headers.get("x-livesight-from-us")), results: lines.map((line) => JSON.parse(line)) };
  } catch (error) {
    if (error instanceof ApiError && error.type === "urn:livesight:problem:clip-without-results") return null;
    throw error;
  }
}
var listAlerts = (filters, signal) => named(ifThere(queried("/v1/alerts", filters), signal));
var acknowledgeAlert = (id) => json(`/v1/alerts/${id}/acknowledge`, asJson("POST", {}));
var acknowledgeAlerts = (which) => json("/v1/alerts/acknowledge", asJson("POST", which));
var tellAgain = (id, target) => json(`/v1/alerts/${id}/deliveries/${encodeURIComponent(target)}/retry`, asJson("POST", {}));
var testTarget = (name) => request(`/v1/alerts/test/${encodeURIComponent(name)}`, asJson("POST", {}));
var commission = (stream) => request(`/v1/drift/${encodeURIComponent(stream)}/commission`, asJson("POST", {}));
var zonesPath = (id) => `/v1/zones/${encodeURIComponent(id)}`;
var putScene = (id, scene) => json(zonesPath(id), asJson("PUT", { stream_id: id, ...scene }));
var deleteScene = (id) => request(zonesPath(id), { method: "DELETE" });
var tagsPath = (id) => `${streamPath(id)}/tags`;
var listTags = async (id) => (await json(tagsPath(id))).tags;
var teachTag = (id, name, present) => json(`${tagsPath(id)}/${encodeURIComponent(name)}/examples`, { ...asJson("POST", { present }), timeoutMs: 2e4 });
var forgetTag = (id, name) => request(`${tagsPath(id)}/${encodeURIComponent(name)}`, { method: "DELETE" });
var rulePath = (name) => `/v1/rules/${encodeURIComponent(name)}`;
var putRule = (rule) => json(rulePath(rule.name), asJson("PUT", rule));
var tryRule = ({ name, ...rule }, days, limit) => json(`/v1/rules/try?days=${days}&limit=${limit}`, asJson("POST", name ? { name, ...rule } : rule));
var deleteRule = (name) => request(rulePath(name), { method: "DELETE" });
var metricsText = async (signal) => (await request("/metrics", { signal })).text();
var retention = (signal) => json("/v1/retention", { signal });
async function readiness(signal) {
  let response;
  try {
    response = await fetch("/readyz", { cache: "no-store", signal: signal ?? AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return { state: "down", reasons: ["The server is unreachable."] };
  }
  let body = {};
  try {
    body = await response.json();
  } catch {
  }
  const reasons = (body.reasons ?? []).map(String);
  if (!response.ok) return { state: "down", reasons };
  return { state: body.status === "degraded" || reasons.length ? "degraded" : "ready", reasons };
}
async function whipOffer(id, sdp) {
  const response = await request(`${streamPath(id)}/whip`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: sdp,
    timeoutMs: 15e3
  });
  const location2 = response.headers.get("location");
  return {
    answer: await response.text(),
    resource: location2 ? new URL(location2, response.url).href : null
  };
}
var whipEnd = (resource) => request(resource, { method: "DELETE", keepalive: true });

// session.js
var known3 = null;
var ownId = () => known3?.id ?? "";
var fewestCharacters = () => known3?.password_length ?? 12;
function mayOn(action, id) {
  const patterns = known3?.scopes[action] ?? (known3 ? [] : ["*"]);
  return patterns.some((pattern) => matcher(pattern).test(id));
}
var matcher = (pattern) => new RegExp(`^${pattern.split("*").join(".*")}$`);
async function session() {
  try {
    const who = await whoAmI();
    known3 = who;
    document.body.dataset.may = who.actions.join(" ");
    document.getElementById("insecure").hidden = !who.insecure;
    return who;
  } catch (error) {
    console.warn(error);
    return null;
  }
}
var may = (action) => (document.body.dataset.may ?? action).split(" ").includes(action);
function whenSignedOut(callback) {
  let asking = false;
  const check = async () => {
    if (asking) return;
    asking = true;
    const who = await session();
    asking = false;
    if (who && !who.signed_in) {
      window.removeEventListener(SIGNED_OUT, check);
      callback();
    }
  };
  window.addEventListener(SIGNED_OUT, check);
}

// dom.js
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === void 0) continue;
    if (key === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key === "class") element.className = value;
    else if (key in element && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== void 0 && child !== false).map(nodeOf));
  return element;
}
var nodeOf = (child) => child instanceof Node ? child : String(child);
var SVG = "http://www.w3.org/2000/svg";
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
var icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `/static/icons.svg#${name}` }));
var badge = (state, words) => el("span", { class: "badge", dataset: { state } }, el("i"), words);

// sign-in.js
var SETUP = /^#\/setup\/([\w-]+)$/;
var FROM_PROVIDER = {
  away: "The provider cannot be reached now. Try again in a moment.",
  busy: "The service could not look the account up. Try again in a moment.",
  cancelled: "Signing in was cancelled.",
  disabled: "This account is disabled here. Ask an administrator.",
  expired: "That took too long, or was begun in another tab. Sign in again.",
  "no-group": "This account is in no group that may use this service. Ask an administrator, or use another account.",
  failed: "Signing in failed. Try again; the service's log says why."
};
function showGate(who) {
  const token = SETUP.exec(location.hash)?.[1];
  const outcome = takeOutcome();
  if (who.signed_in) {
    if (token) location.hash = "#/";
    return false;
  }
  const gate = token && who.setup ? firstAdmin(token) : signingIn(who, Boolean(token), outcome);
  document.getElementById("content").replaceChildren(gate);
  gate.querySelector("input, .button").focus();
  window.addEventListener("hashchange", () => location.reload(), { once: true });
  document.title = `${gate.querySelector("h1").textContent} \xB7 Livesight`;
  return true;
}
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
  const words = usedLink ? "That link was used, or has expired. Sign in; without an account, start the service again for a new link." : who.setup && "There is no account yet. Open the link that the service printed when it started.";
  const withPassword = who.password_sign_in ? [nameField(), passwordField("Password", "password", "current-password")] : [];
  const gate = form("Sign in", words, withPassword, async (data) => {
    await signIn(data.get("name"), data.get("password"));
    if (usedLink) location.hash = "#/";
    location.reload();
  });
  if (who.provider) addProvider(gate, who, usedLink, outcome);
  return gate;
}
function addProvider(gate, who, usedLink, outcome) {
  const whole = gate.querySelector("form");
  const query = new URLSearchParams({ to: usedLink ? "/" : `${location.pathname}${location.hash}` });
  if (outcome === "no-group" || outcome === "disabled") query.set("again", "true");
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
    passwordField("Password again", "again", "new-password")
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
    button
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
var nameField = () => el(
  "label",
  { class: "field" },
  el("span", {}, "Name"),
  el("input", { type: "text", name: "name", autocomplete: "username", autocapitalize: "none", required: true })
);
var newPasswordField = (words, name) => passwordField(`${words}, at least ${fewestCharacters()} characters; a few words do`, name, "new-password");
var passwordField = (words, name, autocomplete) => el(
  "label",
  { class: "field" },
  el("span", {}, words),
  el("input", { type: "password", name, autocomplete, required: true, maxLength: 1024 })
);

// status.js
var LINK_WORDS = {
  connecting: ["Connecting", "Connecting to the server."],
  open: ["Connected", "Connected to the server."],
  waiting: ["Reconnecting", "The server does not respond; trying again."],
  closed: ["Paused", "Updates pause while this tab is hidden."]
};
var HEALTH_WORDS = {
  ready: ["Healthy", "All models are loaded and results are published."],
  degraded: ["Degraded", "Livesight works with problems:"],
  down: ["Not ready", "Livesight cannot analyse video now:"]
};
var HEALTH_EVERY_MS = 5e3;
function showLink(state) {
  const pill = document.getElementById("link");
  const [text, title] = LINK_WORDS[state];
  pill.dataset.state = state;
  pill.title = title;
  if (pill.lastElementChild.textContent !== text) pill.lastElementChild.textContent = text;
}
function showSummary(views) {
  const live = views.filter(({ state }) => state === "live").length;
  const noun = views.length === 1 ? "camera" : "cameras";
  const words = views.length === 0 ? "" : `${views.length} ${noun}, ${live === views.length ? "all" : live} live`;
  const summary = document.getElementById("summary");
  const text = views.length === 1 ? `1 camera, ${live ? "live" : "not live"}` : words;
  if (summary.textContent !== text) summary.textContent = text;
}
function showBanner(words) {
  const banner = document.getElementById("banner");
  banner.hidden = !words;
  if (banner.textContent !== (words ?? "")) banner.textContent = words ?? "";
}
function toast(words, kind = "info") {
  const note = document.createElement("p");
  note.className = `toast ${kind}`;
  note.textContent = words;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 6e3);
}
var HealthWatch = class extends EventTarget {
  health = null;
  // {state, reasons}, of `readiness`
  #timer = 0;
  #running = false;
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#ask();
  }
  pause() {
    this.#running = false;
    clearTimeout(this.#timer);
  }
  async #ask() {
    const health = await readiness();
    if (!this.#running) return;
    this.health = health;
    this.#show(health);
    this.dispatchEvent(new Event("change"));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), HEALTH_EVERY_MS);
  }
  #show({ state, reasons }) {
    const [text, words] = HEALTH_WORDS[state];
    const pill = document.getElementById("health");
    pill.dataset.state = state;
    pill.title = [words, ...reasons].join("\n");
    pill.setAttribute("aria-label", `Service state: ${text}`);
    if (pill.lastElementChild.textContent !== text) pill.lastElementChild.textContent = text;
    document.getElementById("health-title").textContent = text;
    document.getElementById("health-text").textContent = words;
    const items = reasons.map((reason) => {
      const item = document.createElement("li");
      item.textContent = reason;
      return item;
    });
    document.getElementById("health-reasons").replaceChildren(...items);
  }
};

// ask-history.js
var keyOf = () => `asked ${ownId()}`;
var MOST = 30;
function asked() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf()) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => one?.question && one?.answer) : [];
  } catch {
    return [];
  }
}
function remember(question, answer) {
  const others = asked().filter((one) => one.question !== question);
  let kept = [{ question, answer, at: Date.now() }, ...others].slice(0, MOST);
  while (kept.length) {
    try {
      sessionStorage.setItem(keyOf(), JSON.stringify(kept));
      return;
    } catch {
      kept = kept.slice(0, Math.floor(kept.length / 2));
    }
  }
}
var forget = () => sessionStorage.removeItem(keyOf());

// form-dialog.js
var count = 0;
function formDialog({ title, words, yes, fields, submit }) {
  const id = `form-dialog-${count += 1}`;
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const button = el("button", { class: "button primary", type: "submit" }, yes);
  const cancel = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const form2 = el(
    "form",
    {},
    el("h2", { id }, title),
    words ? el("p", { class: "quiet" }, words) : null,
    ...fields,
    error,
    el("div", { class: "sheet-actions" }, cancel, button)
  );
  const dialog = el("dialog", { class: "sheet", "aria-labelledby": id, on: { close: () => dialog.remove() } }, form2);
  form2.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      const after = await submit(new FormData(form2), form2);
      dialog.close();
      after?.();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
    button.disabled = false;
  });
  document.body.append(dialog);
  dialog.showModal();
}

// account-menu.js
function showAccount(who) {
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
var accessWords = (grants) => grants.map(({ role, streams, actions }) => {
  const only = actions ? ` (only ${[...actions].sort().join(", ") || "nothing"})` : "";
  return `${role} of ${streams.includes("*") ? "all cameras" : streams.join(", ")}${only}`;
}).join("; ") || "no access";
async function leave(everywhere) {
  try {
    const elsewhere = await signOut(everywhere);
    forget();
    if (elsewhere) location.assign(elsewhere);
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
      passwordField("New password again", "again", "new-password")
    ],
    async submit(data) {
      if (data.get("new") !== data.get("again")) throw new Error("The two new passwords differ.");
      await changePassword(data.get("old"), data.get("new"));
      toast("The password was changed.");
    }
  });
}

// words-known.js
var AGAIN_MS = 3e5;
var WAIT_MS = 2e3;
var asked2 = { at: -Infinity, learnt: null };
function wordsKnown() {
  if (!may("results")) return Promise.resolve();
  if (performance.now() - asked2.at > AGAIN_MS)
    asked2 = { at: performance.now(), learnt: listModels().catch(() => null) };
  return Promise.race([asked2.learnt, new Promise((done) => setTimeout(done, WAIT_MS))]);
}

// confirm.js
function ask(title, text, yes, danger = true) {
  const dialog = document.getElementById("confirm-dialog");
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  const button = document.getElementById("confirm-yes");
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
var askRemoval = (id) => ask(
  `Remove \u201C${id}\u201D?`,
  "Livesight stops watching this camera and deletes its URL. Events recorded so far remain.",
  "Remove"
);

// people-api.js
var UPLOAD_MS = 6e4;
var ALIKE = "urn:livesight:problem:looks-alike";
var pathOf = (id, rest = "") => `/v1/people/${encodeURIComponent(id)}${rest}`;
var listPeople = (filters, signal) => ifThere(queried("/v1/people", filters), signal);
var getPerson = (id, signal) => ifThere(pathOf(id), signal);
var addPerson = (person) => json("/v1/people", asJson("POST", person));
var changePerson = (id, changes) => json(pathOf(id), asJson("PATCH", changes));
var erasePerson = (id) => request(pathOf(id), { method: "DELETE", timeoutMs: 6e4 });
function pictureBody(source) {
  if (!source.file) return asJson("POST", source);
  const body = new FormData();
  body.append("file", source.file);
  return { method: "POST", body };
}
var addLook = (id, source, confirmed = false) => json(queried(pathOf(id, "/looks"), confirmed ? { confirmed } : {}), { ...pictureBody(source), timeoutMs: UPLOAD_MS });
var alikeIn = (error) => error.type === ALIKE ? error.problem?.alike ?? [] : null;
var removeLook = (id, n) => request(pathOf(id, `/looks/${n}`), { method: "DELETE" });
var mergePeople = (id, other) => json(pathOf(id, "/merge"), asJson("POST", { other }));
var splitPerson = (id, looks, name) => json(pathOf(id, "/split"), asJson("POST", { looks, name }));
var undoPeople = () => json("/v1/people/undo", asJson("POST", {}));
var notThis = (source, person) => request("/v1/people/not-this", asJson("POST", { ...source, person }));
var sightings = (id, filters, signal) => named(ifThere(queried(pathOf(id, "/sightings"), filters), signal));
var searchPeople = (file) => json("/v1/people/search", { ...pictureBody({ file }), timeoutMs: UPLOAD_MS });

// people-known.js
var PEOPLE_CHANGED = "livesight-people-changed";
var AGAIN_MS2 = 3e5;
var MISSING_MS = 15e3;
var WAIT_MS2 = 2e3;
var PAGE = 500;
var MOST_PAGES = 20;
var asked3 = { at: -Infinity, learnt: null };
function peopleKnown({ anew = false } = {}) {
  if (!may("people")) return Promise.resolve();
  const age = performance.now() - asked3.at;
  if (anew || age > (someUnknown() ? MISSING_MS : AGAIN_MS2))
    asked3 = { at: performance.now(), learnt: learn().catch(() => null) };
  return Promise.race([asked3.learnt, new Promise((done) => setTimeout(done, WAIT_MS2))]);
}
async function learn() {
  const people = [];
  let cursor = null;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const answer = await listPeople({ limit: PAGE, cursor });
    people.push(...answer?.people ?? []);
    cursor = answer?.next ?? null;
    if (cursor === null) break;
  }
  learnPeople(people);
  window.dispatchEvent(new CustomEvent(PEOPLE_CHANGED));
}

// states.js
var NAMES = {
  connecting: "Connecting",
  live: "Live",
  stalled: "Stalled",
  reconnecting: "Reconnecting",
  ended: "Ended",
  failed: "Failed",
  disabled: "Paused"
};
var nameOfState = (state) => NAMES[state] ?? state;
function shownState(picture, view, trouble) {
  if (picture.moving) return { state: "live", text: "" };
  if (trouble) return { state: "reconnecting", text: trouble };
  if (view && view.state !== "live") return { state: view.state, text: view.last_error ?? "" };
  return { state: picture.state, text: picture.text };
}
function videoWords({ size_wh: size, codec }) {
  return [size ? `${size[0]} \xD7 ${size[1]}` : null, codec ? nameOfCodec(codec) : null].filter(Boolean).join(", ") || "\u2013";
}
var CODECS = { h264: "H.264", hevc: "H.265", vp8: "VP8", vp9: "VP9", av1: "AV1", mjpeg: "JPEG", png: "PNG" };
var nameOfCodec = (codec) => CODECS[codec] ?? codec;
var number = (value, digits = 0) => typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "\u2013";
var rateWords = (fps) => fps > 0 && fps < 0.1 ? "<0.1" : number(fps, fps > 0 && fps < 9.95 ? 1 : 0);
var short = (value) => value >= 1e4 ? `${Math.round(value / 1e3)}k` : String(value ?? 0);

// scene-shapes.js
var NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/;
var MOST_POINTS = 64;
function shapesOf({ zones = [], lines = [] }) {
  return [
    ...zones.map(({ polygon, ...zone }) => ({ ...zone, kind: "zone", points: polygon.map((point) => [...point]) })),
    ...lines.map(({ start, end, ...line }) => ({ ...line, kind: "line", points: [[...start], [...end]] }))
  ];
}
function sceneOf(shapes) {
  const of = (kind) => shapes.filter((shape) => shape.kind === kind);
  const common = ({ name, labels = [], anchor = "foot" }) => ({ name, labels, anchor });
  return {
    zones: of("zone").map((shape) => ({ ...common(shape), polygon: shape.points, stay_s: shape.stay_s ?? null })),
    lines: of("line").map((shape) => ({ ...common(shape), start: shape.points[0], end: shape.points[1] }))
  };
}
function freeName(kind, shapes) {
  const taken = new Set(shapes.map(({ name }) => name));
  for (let n = 1; ; n += 1) if (!taken.has(`${kind} ${n}`)) return `${kind} ${n}`;
}
function complaint(shapes) {
  for (const { name, kind, points, stay_s: stay } of shapes) {
    if (!NAME.test(name))
      return `\u201C${name}\u201D is not a valid name. Use letters, digits, spaces, \u201C.\u201D, \u201C_\u201D and \u201C-\u201D, starting with a letter or digit.`;
    if (shapes.filter((other) => other.name === name).length > 1) return `The name \u201C${name}\u201D is used twice.`;
    if (kind === "zone" && points.length < 3) return `${name} needs at least three corners.`;
    if (kind === "line" && String(points[0]) === String(points[1])) return `The start and end of ${name} are the same.`;
    if (stay !== null && stay !== void 0 && !(stay > 0)) return `${name}: the time must be more than 0 seconds.`;
  }
  return null;
}
var within = (value) => Math.min(1, Math.max(0, Math.round(value * 1e4) / 1e4));
var inside = ([x, y]) => [within(x), within(y)];
function shifted(points, dx, dy) {
  const room = (at2, by) => {
    const values = points.map((point) => point[at2]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), by));
  };
  const [x, y] = [room(0, dx), room(1, dy)];
  return points.map((point) => inside([point[0] + x, point[1] + y]));
}
function centre(points) {
  const sum = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}
function inward([start, end], length) {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  const long = Math.hypot(dx, dy) || 1;
  const from = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
  return [from, [from[0] - dy / long * length, from[1] + dx / long * length]];
}
function arrowPath([from, to]) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const side = (turn) => [to[0] - 0.3 * dx + turn * 0.22 * dy, to[1] - 0.3 * dy - turn * 0.22 * dx].join();
  return `M${from.join()}L${to.join()}M${side(1)}L${to.join()}L${side(-1)}`;
}
function ready(kind) {
  if (kind === "line")
    return [
      [0.3, 0.5],
      [0.7, 0.5]
    ];
  return [
    [0.3, 0.3],
    [0.7, 0.3],
    [0.7, 0.7],
    [0.3, 0.7]
  ];
}

// overlay.js
var FONT = '600 {}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
var DASHED = /* @__PURE__ */ new Set(["between", "moved"]);
function drawDetections(context, detections, scaleX, scaleY, ratio, look = {}) {
  const boxes = detections.filter(({ label }) => !look.only || look.only.includes(label)).map((detection) => {
    const [x1, y1, x2, y2] = detection.xyxy;
    const colour = look.colours?.get(detection.label) ?? colourOf(detection.label);
    return { detection, colour, x: x1 * scaleX, y: y1 * scaleY, w: (x2 - x1) * scaleX, h: (y2 - y1) * scaleY };
  });
  context.save();
  context.lineJoin = "round";
  context.globalAlpha = look.alpha ?? 1;
  const dash = DASHED.has(look.kind) ? [7 * ratio, 5 * ratio] : [];
  for (const box of boxes) strokeBox(context, box, ratio * (look.weight ?? 1), dash);
  boxes.sort((a, b) => b.w * b.h - a.w * a.h);
  const taken = [];
  if (look.labels !== "none") for (const box of boxes) drawLabel(context, box, ratio, boxes, taken, look.labels);
  context.restore();
}
function strokeBox(context, { colour, x, y, w, h }, ratio, dash) {
  context.setLineDash(dash);
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.lineWidth = 4 * ratio;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = colour;
  context.lineWidth = 2 * ratio;
  context.strokeRect(x, y, w, h);
  context.setLineDash([]);
}
function labelTexts({ label, detector, confidence, track_id: track, identity }, labels) {
  const percent = `${Math.round(confidence * 100)} %`;
  const person = identity ? nameOf(identity.person) : null;
  const name = labelName(label, detector);
  const number2 = track === null || track === void 0 ? "" : ` #${track}`;
  if (labels === "short") return [person ?? name];
  const whole = `${name} ${percent}${number2}`;
  return person ? [`${person}, ${whole}`, person] : [whole, `${percent}${number2}`];
}
function drawLabel(context, box, ratio, boxes, taken, labels) {
  const { width, height } = context.canvas;
  const size = Math.round(Math.min(12, Math.max(10, width / ratio / 36)) * ratio);
  const pad = 4 * ratio;
  context.font = FONT.replace("{}", size);
  const h = size + pad * 1.5;
  const spots = labelTexts(box.detection, labels).flatMap((text) => {
    const w = context.measureText(text).width + pad * 2;
    const x = Math.max(0, Math.min(box.x - ratio, width - w));
    return [box.y - h - ratio, box.y + box.h + ratio, Math.max(0, box.y + ratio)].map((y) => ({ text, x, y, w, h }));
  });
  const free = spots.filter(
    (spot) => spot.y >= 0 && spot.y + h <= height && !taken.some((other) => overlap(spot, other))
  );
  const place = free.find((spot) => !boxes.some((other) => other !== box && overlap(spot, other))) ?? free.at(-1);
  if (!place) return;
  taken.push(place);
  context.fillStyle = box.colour;
  context.beginPath();
  context.roundRect(place.x, place.y, place.w, h, 3 * ratio);
  context.fill();
  context.fillStyle = inkOn(box.colour);
  context.textBaseline = "middle";
  context.fillText(place.text, place.x + pad, place.y + h / 2 + ratio * 0.5);
}
var overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
function countLabels(detections) {
  const counts = /* @__PURE__ */ new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

// view/results.js
var KEPT = 400;
var SESSIONS = 2;
var FARTHEST_US = 5e5;
var Results = class {
  #sessions = /* @__PURE__ */ new Map();
  // session → results, by pts_us ascending
  /** Results of a stream come in the order of their frames; one that does not (a double) is left out. */
  add(result) {
    let list = this.#sessions.get(result.session);
    if (!list) {
      this.#sessions.set(result.session, list = []);
      if (this.#sessions.size > SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value);
    }
    if (list.length && result.pts_us <= list.at(-1).pts_us) return;
    list.push(result);
    if (list.length > KEPT) list.splice(0, list.length - KEPT);
  }
  clear() {
    this.#sessions.clear();
  }
  /**
   * What is known of a frame. kind "own": it was analysed, `result`. "between": it was not, `before` and `after` are
   * its neighbours. "early": older than all that is known here. "late": its result may still come; `before` is the
   * newest there is, null for none.
   */
  find(session2, ptsUs) {
    const list = this.#sessions.get(session2) ?? [];
    const at2 = firstFrom(list, ptsUs);
    if (at2 === list.length) return { kind: "late", before: list.at(-1) ?? null };
    if (list[at2].pts_us === ptsUs) return { kind: "own", result: list[at2] };
    if (at2 === 0) return { kind: "early" };
    return { kind: "between", before: list[at2 - 1], after: list[at2] };
  }
  /** The newest two results up to that time, newest first. */
  newest(session2, ptsUs) {
    const list = this.#sessions.get(session2) ?? [];
    const at2 = firstFrom(list, ptsUs + 1);
    return list.slice(Math.max(0, at2 - 2), at2).reverse();
  }
};
function firstFrom(list, ptsUs) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = low + high >> 1;
    if (list[middle].pts_us < ptsUs) low = middle + 1;
    else high = middle;
  }
  return low;
}
var keyOf2 = ({ detector, track_id: track }) => track === null || track === void 0 ? null : `${detector}/${track}`;
var byTrack = (result) => new Map(result.detections.filter(keyOf2).map((found) => [keyOf2(found), found]));
function between(before, after, ptsUs) {
  const share = (ptsUs - before.pts_us) / (after.pts_us - before.pts_us);
  const later = byTrack(after);
  const nearer = share < 0.5 ? before : after;
  const moved = before.detections.filter((found) => later.has(keyOf2(found))).map((found) => at(found, found.xyxy, later.get(keyOf2(found)).xyxy, share));
  const seen = new Set(moved.map(keyOf2));
  return [...moved, ...nearer.detections.filter((found) => !seen.has(keyOf2(found)))];
}
function movedOn(newest, previous, ptsUs) {
  const step = previous ? newest.pts_us - previous.pts_us : 0;
  if (!(step > 0 && step <= 2 * FARTHEST_US)) return newest.detections;
  const share = 1 + Math.min(ptsUs - newest.pts_us, FARTHEST_US) / step;
  const earlier = byTrack(previous);
  return newest.detections.map((found) => {
    const known4 = earlier.get(keyOf2(found));
    return known4 ? at(found, known4.xyxy, found.xyxy, share) : found;
  });
}
var at = (found, from, to, share) => ({ ...found, xyxy: from.map((value, i) => value + (to[i] - value) * share) });

export {
  colourOf,
  hasWords,
  labelName,
  oneOf,
  manyOf,
  countOf,
  atStart,
  nameOf,
  personName,
  everybody,
  everyGroup,
  personCalled,
  drawDetections,
  countLabels,
  Results,
  firstFrom,
  between,
  movedOn,
  ApiError,
  request,
  json,
  asJson,
  listAudit,
  verifyAudit,
  listUsers,
  addUser,
  changeUser,
  removeUser,
  listServiceAccounts,
  addServiceAccount,
  changeServiceAccount,
  removeServiceAccount,
  addKey,
  revokeKey,
  listStreams,
  listModels,
  beginPromotion,
  promotionStatus,
  addStream,
  changeStream,
  streamAddress,
  removeStream,
  snapshot,
  testStream,
  ifThere,
  listEvents,
  listTracks,
  getTrack,
  eventCounts,
  clipResults,
  listAlerts,
  acknowledgeAlert,
  acknowledgeAlerts,
  tellAgain,
  testTarget,
  commission,
  putScene,
  deleteScene,
  listTags,
  teachTag,
  forgetTag,
  putRule,
  tryRule,
  deleteRule,
  metricsText,
  retention,
  readiness,
  whipOffer,
  whipEnd,
  mayOn,
  session,
  may,
  whenSignedOut,
  asked,
  remember,
  forget,
  el,
  svg,
  icon,
  badge,
  formDialog,
  showGate,
  newPasswordField,
  showLink,
  showSummary,
  showBanner,
  toast,
  HealthWatch,
  showAccount,
  accessWords,
  ask,
  askRemoval,
  listPeople,
  getPerson,
  addPerson,
  changePerson,
  erasePerson,
  addLook,
  alikeIn,
  removeLook,
  mergePeople,
  splitPerson,
  undoPeople,
  notThis,
  sightings,
  searchPeople,
  PEOPLE_CHANGED,
  peopleKnown,
  NAME,
  MOST_POINTS,
  shapesOf,
  sceneOf,
  freeName,
  complaint,
  inside,
  shifted,
  centre,
  inward,
  arrowPath,
  ready,
  nameOfState,
  shownState,
  videoWords,
  nameOfCodec,
  number,
  rateWords,
  short,
  wordsKnown
};
