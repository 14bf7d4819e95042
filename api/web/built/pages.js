// Made by `make web` out of api/web; do not edit. a5be77f0f6a8095cd6142c7331b1d671a91f40779edbea9d0b69581e61c51362
import {
  ApiError,
  MOST_POINTS,
  NAME,
  PEOPLE_CHANGED,
  accessWords,
  acknowledgeAlert,
  acknowledgeAlerts,
  addKey,
  addLook,
  addPerson,
  addServiceAccount,
  addStream,
  addUser,
  alikeIn,
  arrowPath,
  asJson,
  ask,
  askRemoval,
  asked,
  atStart,
  badge,
  beginPromotion,
  between,
  centre,
  changePerson,
  changeServiceAccount,
  changeStream,
  changeUser,
  clipResults,
  colourOf,
  commission,
  complaint,
  deleteRule,
  deleteScene,
  drawDetections,
  el,
  erasePerson,
  eventCounts,
  everyGroup,
  everybody,
  firstFrom,
  forget,
  forgetTag,
  formDialog,
  freeName,
  getPerson,
  getTrack,
  hasWords,
  icon,
  ifThere,
  inside,
  inward,
  json,
  labelName,
  listAlerts,
  listAudit,
  listEvents,
  listModels,
  listPeople,
  listServiceAccounts,
  listStreams,
  listTags,
  listTracks,
  listUsers,
  manyOf,
  may,
  mayOn,
  mergePeople,
  metricsText,
  nameOfState,
  newPasswordField,
  notThis,
  number,
  oneOf,
  peopleKnown,
  personCalled,
  personName,
  promotionStatus,
  putRule,
  putScene,
  rateWords,
  readiness,
  ready,
  remember,
  removeLook,
  removeServiceAccount,
  removeStream,
  removeUser,
  request,
  retention,
  revokeKey,
  sceneOf,
  searchPeople,
  shapesOf,
  shifted,
  short,
  sightings,
  snapshot,
  splitPerson,
  streamAddress,
  svg,
  teachTag,
  tellAgain,
  testStream,
  testTarget,
  toast,
  tryRule,
  undoPeople,
  verifyAudit,
  videoWords,
  wordsKnown
} from "./chunk.js";

// event-words.js
var KINDS = {
  alert: "Alert",
  alert_ended: "Alert ended",
  track_began: "Appeared",
  track_ended: "Left",
  label_changed: "Label changed",
  identified: "Recognised",
  zone_entered: "Entered a zone",
  zone_left: "Left a zone",
  zone_stayed: "Stayed in a zone",
  line_crossed: "Crossed a line",
  count_changed: "Count changed",
  stream_up: "Camera up",
  stream_down: "Camera down"
};
var TONES = { critical: "failed", warning: "stalled", info: "idle" };
var SEVERITIES = { critical: "Critical", warning: "Warning", info: "Info" };
var ENDED = {
  removed: "Camera removed",
  disabled: "Camera paused",
  push_ended: "Push ended",
  replaced: "Camera changed",
  released: "Camera goes to another node",
  shutdown: "Node stopped"
};
var REASONS = { gone: "No longer seen", stream_lost: "Camera lost", unknown: "Unknown" };
var WHERE = {
  stream_down: ({ reason }) => ENDED[reason] ?? KINDS.stream_down,
  zone_entered: ({ zone }) => `Entered ${zone}`,
  zone_left: ({ zone }) => `Left ${zone}`,
  zone_stayed: ({ zone }) => `Stayed in ${zone}`,
  line_crossed: ({ line, direction }) => `Crossed ${line}${direction ? `, ${direction}` : ""}`,
  count_changed: ({ count: count2, before, zone }) => `${count2} there${zone ? ` in ${zone}` : ""}, before ${before ?? 0}`,
  label_changed: ({ before, label: label2, detector }) => `${labelName(before ?? "?", detector)} \u2192 ${labelName(label2 ?? "?", detector)}`,
  identified: ({ person, before }) => person ? `Recognised ${personName(person)}` : `No longer taken for ${personName(before) ?? "somebody"}`,
  alert: ({ rule, text: text2 }) => text2 ?? `Alert: ${rule}`,
  alert_ended: ({ rule, text: text2 }) => text2 ?? `Over: ${rule}`
};
var whatOf = (event) => WHERE[event.kind]?.(event) ?? KINDS[event.kind] ?? event.kind.replaceAll("_", " ");
var reasonOf = ({ reason }) => ENDED[reason] ?? REASONS[reason] ?? reason?.replaceAll("_", " ");
function whoOf({ kind, label: label2, detector, confidence, track_id: track, person }) {
  const percent2 = typeof confidence === "number" ? `${Math.round(confidence * 100)} %` : null;
  const parts = [
    kind === "identified" ? null : personName(person),
    kind === "label_changed" ? null : label2 && labelName(label2, detector),
    percent2,
    track ? `#${track}` : null
  ];
  return parts.filter(Boolean).join(" ");
}
var timeOf = ({ captured_at_ns: at }) => at / 1e6;
function durationOf(seconds2) {
  if (typeof seconds2 !== "number") return null;
  if (seconds2 < 9.95) return `${seconds2.toFixed(1)} s`;
  const whole = Math.round(seconds2);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
function ago(ms, now = Date.now()) {
  const seconds2 = (now - ms) / 1e3;
  if (seconds2 < 10) return "just now";
  if (seconds2 < 60) return `${Math.round(seconds2)} s ago`;
  if (seconds2 < 3600) return `${Math.round(seconds2 / 60)} min ago`;
  if (seconds2 < 86400) return `${Math.round(seconds2 / 3600)} h ago`;
  return new Date(ms).toLocaleString();
}

// alert-card.js
var STATES = { delivered: "delivered", waiting: "waiting", given_up: "failed" };
var WORST_FIRST = ["given_up", "waiting", "delivered"];
var near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries)
    if (isIntersecting) {
      near.unobserve(target);
      target.src = target.dataset.src;
    }
});
function alertCard(alert, chosen, act) {
  const { id, severity, rule, text: text2, stream_id: stream, ended_at_ns: ended } = alert;
  const said = text2 ?? rule;
  const seen2 = alert.acknowledged_at_ns;
  const choice2 = el("input", {
    type: "checkbox",
    checked: chosen,
    disabled: Boolean(seen2),
    "aria-label": `Select ${said}`,
    on: { change: ({ currentTarget }) => act.choose(currentTarget.checked) }
  });
  return el(
    "li",
    { class: "card alert", dataset: { id, severity, open: ended === null } },
    pictureOf(alert),
    el(
      "div",
      { class: "camera-head" },
      el("label", { class: "alert-choice", dataset: { needs: "acknowledge" } }, choice2),
      badge(ended ? "idle" : TONES[severity], ended ? "Ended" : SEVERITIES[severity]),
      when(alert)
    ),
    el("h3", {}, said),
    el("p", { class: "quiet" }, el("a", { href: `#/live/${stream}` }, stream), `, rule ${rule}`),
    told(alert.deliveries ?? []),
    seen2 ? el("p", { class: "quiet" }, seenBy(alert)) : null,
    actions(alert, said, act)
  );
}
function when({ captured_at_ns: at, ended_at_ns: ended }) {
  const time2 = new Date(at / 1e6);
  const lasted = ended > at ? `, lasted ${durationOf((ended - at) / 1e9)}` : "";
  const attributes = { class: "quiet", dateTime: time2.toISOString(), title: time2.toLocaleString() };
  return el("time", attributes, `${ago(time2.getTime())}${lasted}`);
}
var seenBy = ({ acknowledged_by: who, acknowledged_at_ns: at, note }) => `Acknowledged by ${who}, ${ago(at / 1e6)}${note ? `: ${note}` : ""}`;
function actions(alert, said, act) {
  const button2 = (words, label2, click, needs = null) => el(
    "button",
    { class: "button", type: "button", "aria-label": label2, on: { click }, ...needs && { dataset: { needs } } },
    words
  );
  return el(
    "div",
    { class: "card-actions" },
    button2("Details", `Details of ${said}`, act.details),
    alert.acknowledged_at_ns ? null : button2("Acknowledge", `Acknowledge ${said}`, act.see, "acknowledge"),
    ...targetsOf(alert.deliveries).filter(({ state }) => state === "given_up").map(({ target }) => button2(`Tell ${target} again`, null, () => act.tellAgain(target), "targets"))
  );
}
function pictureOf(alert) {
  const blank = el("span", { class: "alert-picture", "aria-hidden": "true" }, icon(alert.track_id ? "person" : "webcam"));
  const url = alert.picture_url ?? alert.snapshot_url;
  if (!may("pictures") || !(url || alert.clip_url)) return blank;
  const shown = url ? el("img", { class: "alert-picture", src: `${url}?overlay=1`, alt: "", loading: "lazy" }) : el("video", { class: "alert-picture", muted: true, preload: "metadata", tabIndex: -1, "aria-hidden": "true" });
  shown.addEventListener("error", () => shown.replaceWith(blank));
  if (!url) {
    shown.dataset.src = `${alert.clip_url}#t=0.1`;
    near.observe(shown);
  }
  return shown;
}
function targetsOf(deliveries = []) {
  const worst2 = /* @__PURE__ */ new Map();
  const rank = ({ state }) => WORST_FIRST.indexOf(state);
  for (const delivery of deliveries) {
    const known = worst2.get(delivery.target);
    if (!known || rank(delivery) < rank(known)) worst2.set(delivery.target, delivery);
  }
  return [...worst2.values()];
}
function told(deliveries) {
  const targets = targetsOf(deliveries);
  if (targets.length === 0) return null;
  const words = ({ target, state, error }) => `${target} ${STATES[state] ?? state}${error && state !== "delivered" ? ` (${error})` : ""}`;
  const failed = targets.some(({ state }) => state === "given_up");
  return el("p", { class: failed ? "camera-trouble" : "quiet" }, targets.map(words).join(", "));
}

// event-query.js
var HOUR_MS = 36e5;
var RANGES = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS };
var USUAL_RANGE = "24h";
var SHARED = [
  ...["range", "since", "until", "stream", "label", "zone", "line", "direction", "person", "rule", "severity"],
  ...["session", "track", "min_confidence"]
];
var OWN = { tracks: ["min_duration_s", "has_alert", "in_view"], events: ["kind", "alert"] };
var REPEATABLE = /* @__PURE__ */ new Set(["stream", "label", "zone", "line", "direction", "person", "rule", "severity", "kind"]);
var viewOf = (said) => said.get("view") === "events" ? "events" : "tracks";
var hasTracksOnly = (said) => OWN.tracks.some((name) => said.get(name));
var namesOf = (view) => [...SHARED, ...OWN[view]];
function saidIn(hash) {
  const given = new URLSearchParams(hash.split("?")[1] ?? "");
  return narrowed(given, viewOf(given));
}
function narrowed(given, view) {
  const said = new URLSearchParams(view === "events" ? { view } : {});
  for (const name of namesOf(view)) {
    const values = [...new Set(given.getAll(name).filter(Boolean))];
    for (const value of REPEATABLE.has(name) ? values : values.slice(0, 1)) said.append(name, value);
  }
  if (said.get("range") === USUAL_RANGE || !RANGES[said.get("range")] || said.get("since") || said.get("until"))
    said.delete("range");
  return said;
}
var addressOf = (said) => said.size ? `#/events?${said}` : "#/events";
var isCustom = (said) => Boolean(said.get("since") || said.get("until"));
function rangeOf(said, now = Date.now()) {
  if (!isCustom(said)) return [now - RANGES[said.get("range") ?? USUAL_RANGE], now];
  const [since2, until] = ["since", "until"].map((name) => Date.parse(said.get(name) ?? ""));
  const end = Number.isFinite(until) ? until : now;
  return [Number.isFinite(since2) && since2 < end ? since2 : end - RANGES[USUAL_RANGE], end];
}
function queryOf(said, now = Date.now()) {
  const [since2, until] = rangeOf(said, now);
  const pairs = [["since", new Date(since2).toISOString()]];
  if (said.get("until")) pairs.push(["until", new Date(until).toISOString()]);
  const others = new Set(namesOf(viewOf(said)).filter((name) => !["range", "since", "until"].includes(name)));
  return [...pairs, ...[...said].filter(([name]) => others.has(name))];
}
var liveQueryOf = (said) => queryOf(said).filter(([name]) => !["since", "until"].includes(name));
function eventQueryOf(said, now = Date.now()) {
  return queryOf(said, now).filter(([name]) => !OWN.tracks.includes(name));
}
function countQueryOf(said, now = Date.now()) {
  const [since2, until] = rangeOf(said, now);
  const hours = (until - since2) / HOUR_MS;
  const bucket = hours <= 3 ? "minute" : hours <= 24 * 4 ? "hour" : "day";
  const whole = bucket === "minute" ? since2 : Math.floor(since2 / HOUR_MS) * HOUR_MS;
  const tz2 = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const filters = eventQueryOf(said, now).filter(([name]) => name !== "since");
  return [["since", new Date(whole).toISOString()], ...filters, ["bucket", bucket], ["by", "kind"], ["tz", tz2]];
}

// alert-query.js
var FIELDS = ["state", "severity", "rule", "stream", "person", "range", "since", "until"];
function chosenIn(hash) {
  const given = new URLSearchParams(hash.split("?")[1] ?? "");
  return Object.fromEntries(FIELDS.map((name) => [name, given.get(name) ?? ""]));
}
function addressOf2(chosen) {
  const custom = chosen.range === "custom";
  const given = FIELDS.filter((name) => chosen[name] && (custom || !["since", "until"].includes(name)));
  const query = new URLSearchParams(given.map((name) => [name, chosen[name]]));
  return given.length ? `#/alerts?${query}` : "#/alerts";
}
function filtersOf(chosen, now = Date.now()) {
  const { state, severity, rule, stream, person, range } = chosen;
  const named = RANGES[range];
  const moment2 = (name) => range === "custom" && Number.isFinite(Date.parse(chosen[name])) ? chosen[name] : null;
  const [since2, until] = [moment2("since"), moment2("until")].map((text2) => text2 && new Date(text2).toISOString());
  const filters = { state, severity, rule, stream, person, since: named ? new Date(now - named).toISOString() : since2, until };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
}
function filterBody(filters, newestNs) {
  const { since: since2, until, state, ...lists } = filters;
  const known = new Date(Math.floor(newestNs / 1e6) + 1).toISOString();
  return {
    ...Object.fromEntries(Object.entries(lists).map(([name, value]) => [name, [value]])),
    ...since2 && { since: since2 },
    ...state && { state },
    until: until && until < known ? until : known
  };
}

// deletion.js
var DELETED = "livesight-deleted";
var STAYS = "Messages that were sent and records on Kafka are not called back. This cannot be undone.";
var ALERTS = "Alerts about it stay in the list without text and picture.";
var of = {
  track: ({ id }) => ({
    words: "Delete track\u2026",
    title: "Delete this track?",
    text: `Its events, images and clips go with it. ${ALERTS} ${STAYS}`,
    path: `/v1/tracks/${id}`,
    ids: [id],
    done: "The track was deleted."
  }),
  event: ({ id, kind }) => ({
    words: "Delete event\u2026",
    title: "Delete this event?",
    text: `${WITH[kind] ?? "Its track stays, and no longer tells of it."} ${STAYS}`,
    path: `/v1/events/${id}`,
    ids: [id],
    done: "The event was deleted."
  }),
  images: ({ snapshot_url: crop, picture_url: picture }) => ({
    words: "Delete images\u2026",
    title: "Delete the images of this track?",
    text: `Both the crop and the whole image go, and the track gets no others. ${STAYS}`,
    path: picture ?? crop,
    ids: [],
    done: "The images were deleted."
  }),
  clip: ({ clip_url: path }) => ({
    words: "Delete clip\u2026",
    title: "Delete this clip?",
    text: `The alert stays, and gets no other clip. ${STAYS}`,
    path,
    ids: [],
    done: "The clip was deleted."
  })
};
var WITH = {
  track_began: "It is the first of its track: the track, its other events, images and clips go with it.",
  alert: "Its clip and its end go with it. The alert stays in the list without text and picture."
};
function deletionButtons(item, kinds, after) {
  if (!mayOn("delete", item.stream_id)) return null;
  const buttons = kinds.map((kind) => {
    const what = of[kind](item);
    const click = async () => {
      if (await ask(what.title, what.text, "Delete") && await remove(what)) after(kind);
    };
    return el("button", { class: "button", type: "button", on: { click } }, what.words);
  });
  return el("div", { class: "card-actions", dataset: { needs: "delete" } }, ...buttons);
}
async function remove({ path, ids, done }) {
  try {
    await request(path, { method: "DELETE", timeoutMs: 2e4 });
  } catch (error) {
    if (error.status !== 404) {
      toast(`It could not be deleted: ${error.message}`, "bad");
      return false;
    }
  }
  toast(done);
  window.dispatchEvent(new CustomEvent(DELETED, { detail: { ids } }));
  return true;
}

// clip-results.js
var SAME_US = 2e3;
var GAP_US = 1e6;
var HELD_US = 5e5;
var ClipResults = class {
  #fromUs;
  #results;
  // by pts_us ascending
  /** @param {number} fromUs `pts_us` of the clip's first frame @param {object[]} results `livesight.frame/1`, in order */
  constructor(fromUs, results) {
    this.#fromUs = fromUs;
    this.#results = results;
  }
  get empty() {
    return this.#results.length === 0;
  }
  /**
   * What is known of the frame that is shown at this time of the clip: `{kind, result, detections}`, or null. kind "own":
   * it was analysed; "between": it was not, its neighbours were, or the one before it.
   */
  at(seconds2) {
    const us = this.#fromUs + seconds2 * 1e6;
    const index = firstFrom(this.#results, us - SAME_US);
    const [before, after] = [this.#results[index - 1], this.#results[index]];
    if (after && after.pts_us <= us + SAME_US) return { kind: "own", result: after, detections: after.detections };
    if (!before) return null;
    if (after && after.pts_us - before.pts_us <= GAP_US)
      return { kind: "between", result: before, detections: between(before, after, us) };
    return us - before.pts_us <= HELD_US ? { kind: "between", result: before, detections: before.detections } : null;
  }
};

// clip-player.js
var MOST_RATIO = 2;
var KEPT_CHOICE = "clip-boxes";
var FAINT = 0.45;
var clipPlayer = (event) => new ClipPlayer(event).element;
var ClipPlayer = class {
  #track;
  #video;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #toggle;
  #note = el("p", { class: "quiet", role: "status" });
  #results = null;
  // until they have come
  #shownAt = 0;
  // time of the frame that is shown, in seconds
  #fullScreenChanged = () => {
  };
  constructor({ clip_url: source, track_id: track = null }) {
    this.#track = track;
    this.#video = el("video", {
      class: "event-clip",
      src: source,
      controls: true,
      controlsList: "nofullscreen",
      // that of the player is beside
      muted: true,
      playsInline: true,
      preload: "metadata",
      "aria-label": "Clip of this event"
    });
    this.#toggle = el(
      "button",
      {
        class: "button",
        type: "button",
        disabled: true,
        "aria-pressed": localStorage.getItem(KEPT_CHOICE) !== "off",
        on: { click: () => this.#choose(!this.#on) }
      },
      "Boxes"
    );
    this.element = el(
      "div",
      { class: "clip-player", role: "group", "aria-label": "Clip of this event" },
      el("div", { class: "clip-frame" }, this.#video, this.#canvas),
      el("div", { class: "clip-tools" }, this.#toggle, this.#fullScreenButton(), this.#note)
    );
    this.element.addEventListener("fullscreenchange", () => this.#fullScreenChanged());
    new ResizeObserver(() => this.#draw()).observe(this.#video);
    this.#video.addEventListener("resize", () => this.#draw());
    this.#follow();
    this.#load(source);
  }
  get #on() {
    return this.#toggle.getAttribute("aria-pressed") === "true";
  }
  #choose(on) {
    this.#toggle.setAttribute("aria-pressed", on);
    localStorage.setItem(KEPT_CHOICE, on ? "on" : "off");
    this.#draw();
  }
  /** The whole player fills the screen, as the video alone would do so without its boxes. */
  #fullScreenButton() {
    if (!document.fullscreenEnabled) return null;
    const fills = () => document.fullscreenElement === this.element;
    const click = () => fills() ? document.exitFullscreen() : this.element.requestFullscreen();
    const button2 = el("button", { class: "button", type: "button", on: { click } });
    const name = () => button2.replaceChildren(...fills() ? [icon("collapse"), "Leave full screen"] : [icon("expand"), "Full screen"]);
    name();
    this.#fullScreenChanged = name;
    return button2;
  }
  async #load(source) {
    try {
      const known = await clipResults(source);
      if (known === null) {
        this.#note.textContent = "This clip was stored without its boxes.";
        return;
      }
      this.#results = new ClipResults(known.fromUs, known.results);
      this.#toggle.disabled = this.#results.empty;
      if (this.#results.empty) this.#note.textContent = "No frame of this clip was analysed.";
      this.#draw();
    } catch (error) {
      this.#note.textContent = error.message;
    }
  }
  /** Draws for each frame that is shown, by its own time. */
  #follow() {
    const video = this.#video;
    if ("requestVideoFrameCallback" in video) {
      const next = (_, { mediaTime }) => {
        this.#show(mediaTime);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
      return;
    }
    const now = () => this.#show(video.currentTime);
    const play = () => {
      now();
      if (!video.paused && video.isConnected) requestAnimationFrame(play);
    };
    for (const type of ["loadeddata", "seeked", "pause"]) video.addEventListener(type, now);
    video.addEventListener("playing", play);
  }
  #show(seconds2) {
    this.#shownAt = seconds2;
    this.#draw();
  }
  #draw() {
    const { videoWidth: width, videoHeight: height, clientWidth, clientHeight } = this.#video;
    if (!width || !clientWidth) return;
    const ratio = Math.min(window.devicePixelRatio || 1, MOST_RATIO);
    const fit = Math.min(clientWidth / width, clientHeight / height) * ratio;
    const canvas = this.#canvas;
    [canvas.width, canvas.height] = [Math.round(width * fit), Math.round(height * fit)];
    const seen2 = this.#on ? this.#results?.at(this.#shownAt) : null;
    if (!seen2) return;
    const [wide, high] = seen2.result.size_wh;
    const draw = (detections, look) => drawDetections(canvas.getContext("2d"), detections, canvas.width / wide, canvas.height / high, ratio, {
      kind: seen2.kind,
      ...look
    });
    if (this.#track === null) return draw(seen2.detections, {});
    const isOwn = ({ track_id: track }) => track === this.#track;
    draw(seen2.detections.filter((found2) => !isOwn(found2)), { labels: "none", alpha: FAINT });
    draw(seen2.detections.filter(isOwn), { weight: 1.5 });
  }
};

// face.js
function face(url, words = "") {
  const blank = el("span", { class: "face", "aria-hidden": "true" }, icon("person"));
  if (!url) return blank;
  const image = el("img", { class: "face", src: url, alt: words, loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(blank));
  return image;
}
function pictureField(words, { multiple = false } = {}) {
  const input = el("input", { type: "file", name: "files", accept: "image/jpeg,image/png,image/webp", multiple });
  input.required = true;
  const shown = el("div", { class: "faces" });
  const urls = [];
  const forget2 = () => urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  input.addEventListener("change", () => {
    forget2();
    urls.push(...[...input.files].map((file) => URL.createObjectURL(file)));
    shown.replaceChildren(...urls.map((url, at) => face(url, input.files[at].name)));
  });
  const element = el("label", { class: "field" }, el("span", {}, words), input, shown);
  return { element, files: () => [...input.files] };
}

// people-words.js
var picturesOf = (count2) => count2 === 1 ? "1 picture" : `${count2} pictures`;
var SOURCES = { upload: "uploaded", event: "from an event", track: "from a track", folder: "from a folder" };
function lookWords({ source, quality }) {
  const size = quality?.size_px ? `face of ${Math.round(quality.size_px)} px` : null;
  return [SOURCES[source] ?? source, size].filter(Boolean).join(", ");
}
var similarityWords = (value) => typeof value === "number" ? value.toFixed(2) : "\u2013";
function thresholdWords({ threshold, explained, looks }) {
  if (count(looks) === 0) return "Nobody is recognised without a picture: add one.";
  if (typeof threshold !== "number") return "";
  const rest2 = explained ? `: ${explained.replace(/\.$/, "")}` : "";
  return `Named from a similarity of ${similarityWords(threshold)} up${rest2}.`;
}
var count = (looks) => Array.isArray(looks) ? looks.length : looks ?? 0;
function seenWords({ last_seen: seen2 }) {
  if (!seen2) return "Not seen yet";
  return `Seen ${ago(seen2.captured_at_ns / 1e6)} at ${seen2.stream_id}`;
}
var groupsIn = (text2) => [
  ...new Set(
    text2.split(",").map((group) => group.trim()).filter(Boolean)
  )
];

// alike-dialog.js
function askAlike(person, alike, file) {
  const [first] = alike;
  const url = file ? URL.createObjectURL(file) : null;
  const faces = el("div", { class: "faces" }, url ? face(url, "The new picture") : null);
  getPerson(first.person).then((known) => known?.image_url && faces.append(face(known.image_url, first.name))).catch(() => null);
  const button2 = (words, value, look = "button") => el("button", { class: look, value }, words);
  const dialog = el(
    "dialog",
    { class: "sheet", "aria-labelledby": "alike-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "alike-title" }, `The same as ${first.name}?`),
      el("p", { class: "quiet" }, `This picture is meant for ${person.name}, and looks like ${namesOf2(alike)}.`),
      faces,
      el(
        "div",
        { class: "sheet-actions many" },
        button2("Leave the picture out", "nobody"),
        button2(`No, it is ${person.name}`, "this"),
        button2(`Yes, add it to ${first.name}`, first.person, "button primary")
      )
    )
  );
  document.body.append(dialog);
  dialog.returnValue = "nobody";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (url) URL.revokeObjectURL(url);
      dialog.remove();
      resolve(dialog.returnValue || "nobody");
    });
  });
}
var namesOf2 = (alike) => alike.map(({ name, similarity }) => `${name} (${similarityWords(similarity)})`).join(", ");

// enrolment.js
async function enrol(person, source) {
  try {
    await addLook(person.id, source);
    return { taken: person.id, words: null };
  } catch (error) {
    const alike = alikeIn(error);
    if (!alike?.length) return { taken: null, words: error.message };
    const answer = await askAlike(person, alike, source.file);
    if (answer === "nobody") return { taken: null, words: `It looks like ${alike[0].name}, and was left out.` };
    const taken = answer === "this" ? person.id : answer;
    try {
      await addLook(taken, source, true);
      return { taken, words: null };
    } catch (again) {
      return { taken: null, words: again.message };
    }
  }
}
async function enrolAll(person, sources) {
  const taken = /* @__PURE__ */ new Set();
  const refused = [];
  for (const source of sources) {
    const outcome = await enrol(person, source);
    if (outcome.taken) taken.add(outcome.taken);
    else refused.push(source.file?.name ? `${source.file.name}: ${outcome.words}` : outcome.words);
  }
  return { taken, refused };
}
async function addWithPictures(wish, sources) {
  const person = await addPerson(wish);
  const { taken, refused } = await enrolAll(person, sources);
  if (taken.has(person.id)) return { id: person.id, refused };
  await erasePerson(person.id).catch(() => null);
  if (taken.size === 0) throw new Error(refused.join(" "));
  return { id: [...taken][0], refused };
}

// who-dialog.js
var NAMES = "who-names";
function whoButtons(item, source, after) {
  const { person, snapshot_url: crop, track_id: track } = item;
  const button2 = (words, click) => el("button", { class: "button", type: "button", on: { click } }, words);
  const buttons = [
    crop && track !== null ? button2(person ? "Add this picture\u2026" : "Who is this?", () => askWho(item, source, after)) : null,
    person ? button2(`Not ${personName(person)}`, () => contest(person, source, after)) : null
  ].filter(Boolean);
  if (!buttons.length || !may("people")) return null;
  return el("div", { class: "card-actions", dataset: { needs: "people" } }, ...buttons);
}
function personLink(id) {
  if (!id) return null;
  return may("people") ? el("a", { href: `#/people/${id}` }, personName(id)) : personName(id);
}
async function askWho(item, source, after) {
  await peopleKnown();
  const name = el("input", { type: "text", name: "name", required: true, autocomplete: "off", maxLength: 100 });
  name.setAttribute("list", NAMES);
  if (item.person) name.value = personName(item.person);
  const hint = el("small", { role: "status" });
  const show = () => {
    const known = personCalled(name.value);
    hint.textContent = !name.value.trim() ? "Somebody who is enrolled, or a new name." : known ? `The picture is added to those of ${known.name}.` : `Nobody is called ${name.value.trim()}: a new person is made.`;
  };
  name.addEventListener("input", show);
  show();
  const image = el("img", { src: item.snapshot_url, alt: "The picture that is enrolled" });
  image.addEventListener("error", () => image.remove());
  formDialog({
    title: "Who is this?",
    words: "Whoever looks like this picture gets the name from now on.",
    yes: "Enrol",
    fields: [
      el("div", { class: "event-image" }, image),
      el("label", { class: "field" }, el("span", {}, "Name"), name, hint),
      el("datalist", { id: NAMES }, ...everybody().map((one) => el("option", { value: one.name })))
    ],
    submit: async () => {
      const words = await enrolAs(name.value.trim(), source);
      await peopleKnown({ anew: true });
      return () => {
        toast(words);
        after(item.person);
      };
    }
  });
}
async function enrolAs(name, source) {
  const known = personCalled(name);
  if (!known) {
    const { id } = await addWithPictures({ name }, [source]);
    await peopleKnown({ anew: true });
    const called = personName(id);
    return called.toLowerCase() === name.toLowerCase() ? `${called} is enrolled.` : `The picture was added to those of ${called}.`;
  }
  const { taken, refused } = await enrolAll(known, [source]);
  if (taken.size === 0) throw new Error(refused.join(" "));
  return `The picture was added to those of ${personName([...taken][0])}.`;
}
async function contest(person, source, after) {
  const name = personName(person);
  const words = `The name goes from this track, and whoever looks like this picture is not called ${name} any more.`;
  if (!await ask(`Not ${name}?`, words, `Not ${name}`, false)) return;
  try {
    await notThis(source, person);
    toast(`This is not ${name} any more.`);
    window.dispatchEvent(new CustomEvent(PEOPLE_CHANGED, { detail: { tracks: true } }));
    after(null);
  } catch (error) {
    toast(`It could not be taken back: ${error.message}`, "bad");
  }
}

// event-dialog.js
var SVG = "http://www.w3.org/2000/svg";
var EventDialog = class {
  #dialog = document.getElementById("event-dialog");
  #body = document.getElementById("event-body");
  constructor() {
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#body.replaceChildren());
  }
  /** @param {object} event of `GET /v1/events` */
  open(event) {
    document.getElementById("event-title").textContent = whatOf(event);
    const words = `Image of the event: ${whatOf(event)} ${whoOf(event)}`.trim();
    const clip = event.clip_url ? clipPlayer(event) : null;
    const kinds = [...event.clip_url ? ["clip"] : [], ...event.reason === "deleted" ? [] : ["event"]];
    const gone = (kind) => kind === "event" ? this.#dialog.close() : this.open({ ...event, clip_url: null });
    const who = whoButtons(event, { event_id: event.id }, (person) => this.open({ ...event, person }));
    const parts = [imageOf(event, words), captionOf(event), clip, factList(factsOf(event)), who, deletionButtons(event, kinds, gone)];
    this.#body.replaceChildren(...parts.filter(Boolean));
    if (!this.#dialog.open) this.#dialog.showModal();
  }
};
var captionOf = ({ caption }) => caption?.text ? el("p", {}, caption.text) : null;
function imageOf(event, words) {
  const source = event.picture_url ?? event.snapshot_url;
  if (!source) return null;
  const frame = el("div", { class: "event-image" });
  const image = el("img", { src: `${source}?overlay=1`, alt: words });
  image.addEventListener(
    "error",
    () => frame.replaceChildren(el("p", { class: "quiet" }, "The image has been deleted."))
  );
  frame.append(image);
  if (event.picture_url && event.path?.length > 1) frame.append(way(event.path));
  return frame;
}
function way(path) {
  const svg2 = document.createElementNS(SVG, "svg");
  svg2.setAttribute("viewBox", "0 0 1 1");
  svg2.setAttribute("preserveAspectRatio", "none");
  svg2.setAttribute("aria-hidden", "true");
  const points = path.map(({ x, y }) => `${x},${y}`).join(" ");
  for (const name of ["event-way-halo", "event-way"]) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", points);
    line.setAttribute("class", name);
    svg2.append(line);
  }
  return svg2;
}
function factsOf(event) {
  const time2 = new Date(timeOf(event));
  return {
    When: time2.toLocaleString(),
    Camera: el("a", { href: `#/live/${event.stream_id}` }, event.stream_id),
    Kind: KINDS[event.kind] ?? event.kind,
    Person: personLink(event.person),
    What: whoOf({ ...event, person: null }),
    Zone: event.zone,
    Line: event.line,
    Rule: event.rule,
    Severity: SEVERITIES[event.severity],
    Duration: durationOf(event.duration_s),
    Reason: reasonOf(event),
    Models: Object.entries(event.models ?? {}).map(([name, version]) => `${name} ${version}`).join(", "),
    Node: event.node
  };
}
function factList(known) {
  const rows = Object.entries(known).filter(([, value]) => value);
  return el(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))
  );
}

// label-choice.js
var LABELS = {
  what: "label",
  words: (label2) => labelName(label2),
  isFree: true,
  // a label that no model has can be chosen all the same
  none: (text2) => `No model of these cameras has a label \u201C${text2}\u201D. Press Enter to use it all the same.`,
  foreign: (labels2) => `No model of these cameras has ${labels2.map((label2) => `\u201C${labelName(label2)}\u201D`).join(", ")}.`
};
var MANY = 12;
var STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
var LabelChoice = class {
  #place;
  #kind;
  #find;
  #boxes = el("div", { class: "choices label-boxes" });
  #hint = el("p", { class: "quiet", role: "status" });
  #labels = [];
  #known = /* @__PURE__ */ new Set();
  #chosen = /* @__PURE__ */ new Set();
  /** @param {HTMLElement} place where they are shown @param {typeof LABELS} [kind] what they are */
  constructor(place, kind = LABELS) {
    this.#place = place;
    this.#kind = kind;
    this.#find = el("input", { type: "search", class: "select", autocomplete: "off", maxLength: 200 });
    this.#find.setAttribute("aria-label", `Find a ${kind.what}`);
    this.#find.placeholder = `Find a ${kind.what}`;
    this.#find.addEventListener("input", (event) => {
      event.stopPropagation();
      this.#show();
    });
    this.#find.addEventListener("change", (event) => event.stopPropagation());
    this.#find.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#take();
    });
    this.#boxes.addEventListener("change", ({ target }) => this.#choose(target.value, target.checked));
    this.#boxes.addEventListener("keydown", (event) => this.#step(event));
    this.#boxes.addEventListener("focusin", ({ target }) => this.#stopAt(target));
    place.replaceChildren(this.#find, this.#boxes, this.#hint);
  }
  /** What is chosen, in the order in which it is shown. */
  get chosen() {
    return this.#labels.filter((label2) => this.#chosen.has(label2));
  }
  /** @param {string[]} labels those of models @param {string[]} chosen they may be of no model */
  offer(labels2, chosen) {
    this.#known = new Set(labels2);
    this.#chosen = new Set(chosen);
    this.#labels = [.../* @__PURE__ */ new Set([...chosen, ...labels2])];
    this.#find.value = "";
    this.#show();
  }
  #step(event) {
    const step = STEPS[event.key];
    const boxes = this.#checkboxes;
    if (step === void 0 || boxes.length <= MANY) return;
    event.preventDefault();
    const at = boxes.indexOf(event.target) + step;
    boxes[Math.max(0, Math.min(boxes.length - 1, at))].focus();
  }
  /** Has the Tab key come to this checkbox, and among many to no other. */
  #stopAt(stop) {
    const boxes = this.#checkboxes;
    for (const box of boxes) box.tabIndex = boxes.length <= MANY || box === stop ? 0 : -1;
  }
  get #checkboxes() {
    return [...this.#boxes.querySelectorAll("input")];
  }
  #choose(label2, on) {
    if (on) this.#chosen.add(label2);
    else this.#chosen.delete(label2);
    this.#tell();
  }
  #matching() {
    const wanted = this.#find.value.trim().toLowerCase();
    return this.#labels.filter((label2) => `${label2} ${this.#kind.words(label2)}`.toLowerCase().includes(wanted));
  }
  /** The first that is found, as if it were clicked; a label that no model has where nothing is found. */
  #take() {
    const text2 = this.#find.value.trim();
    if (!text2) return;
    const exact = this.#labels.find((label3) => [label3, this.#kind.words(label3)].includes(text2));
    const label2 = exact ?? this.#matching()[0] ?? (this.#kind.isFree ? text2 : null);
    if (label2 === null) return;
    if (!this.#labels.includes(label2)) this.#labels = [label2, ...this.#labels];
    this.#chosen.add(label2);
    this.#find.value = "";
    this.#show();
    this.#place.dispatchEvent(new Event("input", { bubbles: true }));
  }
  #show() {
    const matching = this.#matching();
    const first = [...matching].sort((a, b) => this.#chosen.has(b) - this.#chosen.has(a));
    this.#boxes.replaceChildren(
      ...first.map(
        (label2) => el(
          "label",
          {},
          el("input", { type: "checkbox", name: `${this.#kind.what}s`, value: label2, checked: this.#chosen.has(label2) }),
          this.#kind.words(label2)
        )
      )
    );
    this.#stopAt(this.#checkboxes[0]);
    this.#tell();
  }
  #tell() {
    const text2 = this.#find.value.trim();
    const foreign = [...this.#chosen].filter((label2) => !this.#known.has(label2));
    const none = text2 && this.#matching().length === 0;
    this.#hint.textContent = none ? this.#kind.none(text2) : foreign.length ? this.#kind.foreign(foreign) : "";
    this.#hint.hidden = !this.#hint.textContent;
  }
};

// rule-people.js
var PERSON = "person:";
var GROUP = "group:";
var LONGEST_WAIT_S = 60;
var WHO = {
  seen: {
    "": "Anybody",
    people: "These people and groups",
    strangers: "Strangers: faces of nobody enrolled",
    both: "These people and groups, and strangers"
  },
  event: { "": "Anybody", people: "These people and groups" },
  absent: { "": "Nobody at all", people: "Nobody of these people and groups" }
};
var PEOPLE = {
  what: "person",
  words: (value) => value.startsWith(GROUP) ? `${value.slice(GROUP.length)} (group)` : personName(value.slice(PERSON.length)),
  isFree: false,
  none: (text2) => `Nobody who is enrolled, and no group, is called \u201C${text2}\u201D.`,
  foreign: (values) => `No longer enrolled: ${values.map((value) => PEOPLE.words(value)).join(", ")}.`
};
var RulePeople = class {
  #form;
  #choice;
  #type = "seen";
  /** @param {HTMLFormElement} form of the rule */
  constructor(form) {
    this.#form = form;
    this.#choice = new LabelChoice(this.#part("people").querySelector(".choices"), PEOPLE);
    form.elements.who.addEventListener("change", () => this.#showParts());
  }
  /** Until it is known who is enrolled. */
  learn() {
    return peopleKnown();
  }
  /** @param {{when: object, name_wait_s?: number}} rule */
  show({ when: when2, name_wait_s: wait }) {
    const { people = [], groups = [], strangers = false, first_today: first = false } = when2;
    const chosen = [...groups.map((group) => `${GROUP}${group}`), ...people.map((id) => `${PERSON}${id}`)];
    const all = [...everyGroup().map((group) => `${GROUP}${group}`), ...everybody().map(({ id }) => `${PERSON}${id}`)];
    this.#choice.offer(all, chosen);
    this.#type = when2.type;
    const who = chosen.length ? "people" : "";
    this.#offer(strangers ? chosen.length ? "both" : "strangers" : who);
    this.#form.elements.first.checked = first;
    this.#form.elements.wait.value = wait ?? "";
    this.#showParts();
  }
  /** The rule is of another type now. */
  setType(type) {
    this.#type = type;
    this.#offer(this.#form.elements.who.value);
    this.#showParts();
  }
  /** What it adds to the rule's condition. */
  get condition() {
    if (!WHO[this.#type]) return {};
    const { chosen } = this.#choice;
    const of2 = (kind) => this.#names ? chosen.filter((value) => value.startsWith(kind)).map((value) => value.slice(kind.length)) : [];
    const condition = { people: of2(PERSON), groups: of2(GROUP) };
    if (this.#type !== "seen") return condition;
    const first = this.#form.elements.first.checked && !this.#strangers;
    const tz2 = first ? { tz: Intl.DateTimeFormat().resolvedOptions().timeZone } : {};
    return { ...condition, strangers: this.#strangers, first_today: first, ...tz2 };
  }
  /** How long its alert waits for a name, in seconds; null: as long as is usual for such a rule. */
  get waitS() {
    const { value } = this.#form.elements.wait;
    return this.#part("wait").hidden || value === "" ? null : Number(value);
  }
  /** Whether it is about some whom it names. */
  get #names() {
    return ["people", "both"].includes(this.#form.elements.who.value);
  }
  get #strangers() {
    return ["strangers", "both"].includes(this.#form.elements.who.value);
  }
  /** What keeps it from being sent, in words; null if nothing. */
  get complaint() {
    if (!WHO[this.#type]) return null;
    if (this.#names && this.#choice.chosen.length === 0) return "Select a person or a group.";
    const wait = this.waitS ?? 0;
    if (!(wait >= 0 && wait <= LONGEST_WAIT_S)) return `The wait to recognise somebody must be 0 to ${LONGEST_WAIT_S} seconds.`;
    return null;
  }
  #part(name) {
    return this.#form.querySelector(`[data-part="${name}"]`);
  }
  #offer(chosen) {
    const offered = Object.entries(WHO[this.#type] ?? WHO.event);
    const value = offered.some(([one]) => one === chosen) ? chosen : "";
    const options = offered.map(([one, words]) => new Option(words, one, false, one === value));
    this.#form.elements.who.replaceChildren(...options);
  }
  #showParts() {
    const who = this.#form.elements.who.value;
    const fits = this.#type in WHO && (may("people") || who !== "");
    this.#part("who").hidden = !fits;
    this.#part("people").hidden = !fits || !this.#names;
    this.#part("first").hidden = !fits || this.#type !== "seen" || this.#strangers;
    this.#part("wait").hidden = !fits || this.#type === "absent";
  }
};

// rule-trial.js
var DAYS = 7;
var SHOWN = 12;
var REACHABLE = { tabindex: "0", "aria-label": "What it would have raised" };
var RuleTrial = class {
  #place = document.getElementById("rule-trial");
  #button = document.getElementById("rule-try");
  #count = 0;
  // of what was asked: only the newest answer is shown
  /** @param {() => object|null} wish the rule as the form has it; null where it cannot be sent */
  constructor(wish) {
    this.#button.addEventListener("click", () => this.#try(wish()));
  }
  /** Shows nothing: the rule is another one now. */
  clear() {
    this.#count += 1;
    this.#place.replaceChildren();
    this.#button.disabled = false;
  }
  async #try(rule) {
    if (rule === null) return;
    const asked2 = this.#count += 1;
    this.#button.disabled = true;
    this.#place.replaceChildren(el("p", { class: "quiet" }, "Trying\u2026"));
    let shown;
    try {
      shown = found(await tryRule(rule, DAYS, SHOWN));
    } catch (error) {
      shown = [el("p", { class: "form-error" }, error.message)];
    }
    if (asked2 !== this.#count) return;
    this.#place.replaceChildren(...shown);
    this.#place.scrollIntoView({ block: "nearest" });
    this.#button.disabled = false;
  }
};
function found({ count: count2, alerts, gaps, complete, since_ns: since2 }) {
  const number2 = `${count2?.toLocaleString()} ${count2 === 1 ? "alert" : "alerts"}`;
  const words = count2 === null ? "What this rule would have raised is not known." : `${complete ? `In the last ${DAYS} days` : "In what was looked at"} this would have raised ${count2 === 0 ? "no alerts" : number2}.`;
  const from = `Looked at what happened since ${new Date(since2 / 1e6).toLocaleString()}.`;
  const older = count2 > alerts.length ? el("p", { class: "quiet" }, `The newest ${alerts.length} are shown.`) : null;
  return [
    el("p", {}, el("strong", {}, words)),
    count2 === null ? null : el("p", { class: "quiet" }, from),
    ...gaps.map((gap) => el("p", { class: "quiet" }, gap)),
    alerts.length ? el("ol", { class: "tried", ...REACHABLE }, ...alerts.map(row)) : null,
    older
  ].filter(Boolean);
}
function row({ captured_at_ns: at, text: text2, picture_url: whole, snapshot_url: crop }) {
  const time2 = new Date(at / 1e6);
  const blank = el("span", { class: "event-blank tried-blank", "aria-hidden": "true" }, icon("bell"));
  const url = crop ?? whole;
  const image = url ? el("img", { class: "event-blank", src: url, alt: "", loading: "lazy" }) : blank;
  if (url) image.addEventListener("error", () => image.replaceWith(blank));
  return el(
    "li",
    {},
    image,
    el("span", {}, text2, el("br"), el("time", { class: "quiet", dateTime: time2.toISOString() }, time2.toLocaleString()))
  );
}

// rule-words.js
var list = (items, none = "") => items?.length ? items.join(", ").replace(/, ([^,]*)$/, " or $1") : none;
var each = ({ labels: labels2 }, word, model) => labels2?.map((label2) => word(label2, model));
var seconds = (value) => value > 0 ? ` for ${value} s` : "";
var where = ({ zone }) => zone ? ` in ${zone}` : "";
var rest = (when2) => `${where(when2)}${seconds(when2.for_s)}`;
function classified({ attribute, labels: labels2, ...when2 }) {
  if (!labels2?.length) return `Anything that ${attribute} has looked at${rest(when2)}`;
  if (labels2.every((label2) => hasWords(label2, attribute)))
    return `${list(each({ labels: labels2 }, oneOf, attribute))}${rest(when2)}, by ${attribute}`;
  return `Anything that ${attribute} calls ${list(each({ labels: labels2 }, labelName, attribute))}${rest(when2)}`;
}
function whoIn({ people = [], groups = [], strangers = false }) {
  const names = [...people.map((id) => personName(id)), ...groups.map((group) => `somebody of ${group}`)];
  const all = [...names, ...strangers ? ["a stranger"] : []];
  return all.length ? list(all) : null;
}
function seen(when2) {
  const who = whoIn(when2) ?? (when2.first_today ? "somebody enrolled" : null);
  const first = when2.first_today ? ", the first time that day" : "";
  if (!who) return `${when2.attribute ? classified(when2) : `${list(each(when2, oneOf), "Anything")}${rest(when2)}`}${first}`;
  const labels2 = list(when2.labels?.map((label2) => labelName(label2, when2.attribute)));
  return `${who}${labels2 && ` (${labels2})`}${rest(when2)}${first}`;
}
function absent({ people = [], groups = [], labels: labels2, ...when2 }) {
  const names = [...people.map((id) => personName(id)), ...groups.map((group) => `anybody of ${group}`)];
  const what = labels2?.length ? ` (${list(each({ labels: labels2 }, labelName))})` : "";
  const whom = names.length === 0 ? "Nobody" : names.length === 1 ? `Not ${names[0]}`.replace("Not anybody", "Nobody") : `Neither ${names.join(" nor ")}`;
  return `${whom}${what}${rest(when2)}`;
}
var SENTENCES = {
  seen,
  absent,
  count: (when2) => `More than ${when2.above} ${list(each(when2, manyOf), "objects")}${rest(when2)}`,
  event: (when2) => [
    list(when2.kinds.map((kind) => (KINDS[kind] ?? kind).toLowerCase())),
    when2.place && `at ${when2.place}`,
    when2.direction && `going ${when2.direction}`,
    when2.labels?.length && `by ${list(each(when2, oneOf))}`,
    whoIn(when2) && `by ${whoIn(when2)}`
  ].filter(Boolean).join(", "),
  stream_down: (when2) => `Camera down or silent${seconds(when2.for_s)}`,
  camera: (when2) => `Image ${list(when2.faults)}`,
  drift: (when2) => `Drift of ${list(when2.causes.map((cause) => DRIFT[cause] ?? cause))}`
};
var DRIFT = {
  picture: "image quality",
  population: "objects detected",
  model: "model confidence",
  unknown: "unknown cause"
};
var TYPES = {
  seen: "Object or person present",
  absent: "Nobody present",
  count: "Too many objects",
  event: "Event",
  stream_down: "Camera down",
  camera: "Camera image fault",
  drift: "Drift"
};
var sentence = ({ when: when2 }) => {
  return atStart(SENTENCES[when2.type]?.(when2) ?? when2.type);
};

// rule-dialog.js
var FAULTS = { frozen: "Frozen", black: "Black", covered: "Covered", moved: "Moved" };
var PARTS = {
  seen: ["labels", "zone", "for", "attribute"],
  absent: ["labels", "zone", "for"],
  count: ["labels", "zone", "for", "above"],
  event: ["labels", "kinds", "place", "direction"],
  stream_down: ["for"],
  camera: ["faults"],
  drift: ["causes"]
};
var ABSENT_S = 600;
var NEW = {
  name: "",
  when: { type: "seen", labels: [], for_s: 2 },
  streams: [],
  severity: "warning",
  cooldown_s: 60,
  clip: true,
  enabled: true,
  targets: null
};
var RuleDialog = class {
  #dialog = document.getElementById("rule-dialog");
  #form = document.getElementById("rule-form");
  #error = document.getElementById("rule-error");
  #rule = NEW;
  #known = { cards: [], places: [], zones: [] };
  #labels = new LabelChoice(this.#part("labels").querySelector(".choices"));
  #people = new RulePeople(this.#form);
  #trial = new RuleTrial(() => this.#checked());
  /** @param {() => object[]} streams the cameras, `{id, models}` @param {() => string[]} targets their names @param {() => void} onSaved */
  constructor(streams, targets, onSaved) {
    this.streams = streams;
    this.targets = targets;
    this.onSaved = onSaved;
    const { type, attribute } = this.#form.elements;
    type.append(...Object.entries(TYPES).map(([value, words]) => new Option(words, value)));
    type.addEventListener("change", () => {
      if (type.value === "absent" && this.#form.elements.for.value === String(NEW.when.for_s)) this.#form.elements.for.value = ABSENT_S;
      this.#showParts();
    });
    attribute.addEventListener("change", () => this.#offerLabels());
    this.#part("streams").addEventListener("change", () => this.#offerLabels());
    this.#form.addEventListener("input", () => this.#trial.clear());
    this.#fill(
      "kinds",
      Object.entries(KINDS).filter(([kind]) => !kind.startsWith("alert"))
    );
    this.#fill("faults", Object.entries(FAULTS));
    this.#fill("causes", Object.entries(DRIFT));
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }
  /** @param {object|null} rule the one to change; null for a new one */
  async open(rule = null) {
    this.#rule = rule ?? NEW;
    this.#say(null);
    this.#trial.clear();
    document.getElementById("rule-title").textContent = rule ? `Change \u201C${rule.name}\u201D` : "Add a rule";
    this.#form.reset();
    await this.#learn();
    this.#show();
    this.#dialog.showModal();
    (rule ? this.#form.elements.type : this.#form.elements.name).focus();
  }
  /** What there is to choose from; a rule can be made without knowing. */
  async #learn() {
    const asked2 = [listModels().catch(() => []), ifThere("/v1/zones").catch(() => null), this.#people.learn()];
    const [models, scenes] = await Promise.all(asked2);
    const zones = [...new Set((scenes?.scenes ?? []).flatMap((scene) => scene.zones.map(({ name }) => name)))].sort();
    const lines = [...new Set((scenes?.scenes ?? []).flatMap((scene) => scene.lines.map(({ name }) => name)))].sort();
    this.#known = { cards: models.map(({ name, card }) => ({ ...card, name })), zones, places: [...zones, ...lines] };
  }
  #show() {
    const { name, when: when2, streams, severity, cooldown_s: cooldown, clip, enabled } = this.#rule;
    const fields2 = this.#form.elements;
    fields2.name.value = name;
    fields2.name.disabled = this.#rule !== NEW;
    fields2.type.value = when2.type;
    fields2.above.value = when2.above ?? 10;
    fields2.for.value = when2.for_s ?? 2;
    fields2.severity.value = severity;
    fields2.cooldown.value = cooldown;
    fields2.clip.checked = clip;
    fields2.enabled.checked = enabled;
    this.#choose("zone", this.#known.zones, when2.zone, "Anywhere");
    this.#choose("place", this.#known.places, when2.place, "Any zone or line");
    this.#choose("direction", ["in", "out"], when2.direction, "Either direction");
    const classifiers = this.#known.cards.filter(({ task }) => task === "classify").map((card) => card.name);
    this.#choose("attribute", [...new Set(classifiers)], when2.attribute, "The detector");
    this.#check("kinds", when2.kinds ?? []);
    this.#check("faults", when2.faults ?? Object.keys(FAULTS));
    this.#check("causes", when2.causes ?? Object.keys(DRIFT));
    this.#fill(
      "streams",
      [.../* @__PURE__ */ new Set([...this.streams().map(({ id }) => id), ...streams])].sort().map((id) => [id, id]),
      streams
    );
    const targets = [.../* @__PURE__ */ new Set([...this.targets(), ...this.#rule.targets ?? []])].sort();
    this.#fill(
      "targets",
      targets.map((target) => [target, target]),
      this.#rule.targets ?? targets
    );
    this.#part("targets").hidden = targets.length === 0;
    this.#offerLabels(when2.labels ?? []);
    this.#showParts();
    this.#people.show(this.#rule);
  }
  #part(name) {
    return this.#form.querySelector(`[data-part="${name}"]`);
  }
  #showParts() {
    const wanted = PARTS[this.#form.elements.type.value];
    for (const name of new Set(Object.values(PARTS).flat())) this.#part(name).hidden = !wanted.includes(name);
    this.#people.setType(this.#form.elements.type.value);
  }
  #choose(name, values, value, none) {
    const all = [.../* @__PURE__ */ new Set([...values, ...value ? [value] : []])];
    this.#form.elements[name].replaceChildren(
      new Option(none, ""),
      ...all.map((each2) => new Option(each2, each2, false, each2 === value))
    );
  }
  #fill(name, entries, checked = []) {
    const boxes = entries.map(
      ([value, words]) => el("label", {}, el("input", { type: "checkbox", name, value, checked: checked.includes(value) }), words)
    );
    this.#part(name).querySelector(".choices").replaceChildren(...boxes);
  }
  #check(name, values) {
    for (const box of this.#part(name).querySelectorAll("input")) box.checked = values.includes(box.value);
  }
  /** The labels that the models of the chosen cameras have; of a classifier all of its own. */
  #offerLabels(chosen = this.#labels.chosen) {
    const attribute = this.#form.elements.attribute.value;
    const wanted = this.#all("streams");
    const cameras2 = this.streams().filter(({ id }) => wanted.length === 0 || wanted.includes(id));
    const models = new Set(cameras2.flatMap(({ models: names }) => names ?? []));
    const detectors = this.#known.cards.filter(({ task }) => task === "detect");
    const theirs = detectors.filter(({ name }) => models.has(name));
    const cards = attribute ? this.#known.cards.filter(({ name }) => name === attribute) : theirs.length ? theirs : detectors;
    this.#labels.offer([...new Set(cards.flatMap(({ classes }) => classes))], chosen);
  }
  #all(name) {
    return [...this.#part(name).querySelectorAll("input:checked")].map(({ value }) => value);
  }
  get #wish() {
    const fields2 = this.#form.elements;
    const parts = PARTS[fields2.type.value];
    const when2 = { type: fields2.type.value, ...this.#people.condition };
    if (parts.includes("labels")) when2.labels = this.#labels.chosen;
    for (const name of ["kinds", "faults", "causes"]) if (parts.includes(name)) when2[name] = this.#all(name);
    for (const name of ["zone", "place", "direction", "attribute"])
      if (parts.includes(name)) when2[name] = fields2[name].value || null;
    if (parts.includes("for")) when2.for_s = Number(fields2.for.value);
    if (parts.includes("above")) when2.above = Number(fields2.above.value);
    const targets = this.#all("targets");
    const everyTarget = targets.length === this.#part("targets").querySelectorAll("input").length;
    return {
      name: fields2.name.value.trim(),
      when: when2,
      streams: this.#all("streams"),
      severity: fields2.severity.value,
      cooldown_s: Number(fields2.cooldown.value),
      clip: fields2.clip.checked,
      enabled: fields2.enabled.checked,
      targets: everyTarget ? null : targets,
      name_wait_s: this.#people.waitS
    };
  }
  /** The rule as it can be sent; null, and words about it, where it cannot. A rule is tried without a name, too. */
  #checked(name = null) {
    const rule = this.#wish;
    const wrong = complaint2({ ...rule, name: name ?? (rule.name || "new rule") }) ?? this.#people.complaint;
    this.#say(wrong);
    return wrong ? null : rule;
  }
  async #submit() {
    const rule = this.#checked(this.#wish.name);
    if (rule === null) return;
    const save = this.#form.querySelector("[type=submit]");
    save.disabled = true;
    try {
      await putRule(rule);
      this.#dialog.close();
      this.onSaved(rule);
    } catch (error) {
      this.#say(error.message);
    } finally {
      save.disabled = false;
    }
  }
  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
  }
};
function complaint2({ name, when: when2, cooldown_s: cooldown }) {
  if (!NAME.test(name))
    return "Enter a name of letters, digits, spaces, \u201C.\u201D, \u201C_\u201D and \u201C-\u201D that starts with a letter or digit.";
  for (const part of ["kinds", "faults", "causes"])
    if (when2[part] && when2[part].length === 0) return "Select at least one option.";
  const amounts = [when2.for_s ?? 0, when2.above ?? 0, cooldown];
  if (amounts.some((value) => !(value >= 0))) return "Times and numbers must be 0 or more.";
  if (when2.above !== void 0 && !Number.isInteger(when2.above)) return "\u201CMore than\u201D must be a whole number.";
  return null;
}

// rule-list.js
var ORIGINS = { configuration: "set by the configuration", default: "built in", api: "" };
var RuleList = class {
  #form;
  /** @param {() => object[]} streams the cameras, `{id, models}` @param {() => string[]} targets their names */
  constructor(streams, targets) {
    this.#form = new RuleDialog(streams, targets, ({ name }) => {
      toast(`Rule ${name} was saved.`);
      this.load();
    });
    document.getElementById("rule-add").addEventListener("click", () => this.#form.open());
  }
  async load() {
    const place = document.getElementById("rule-list");
    try {
      const [answer] = await Promise.all([ifThere("/v1/rules"), wordsKnown(), peopleKnown()]);
      document.getElementById("rules").hidden = answer === null;
      place.replaceChildren(...(answer?.rules ?? []).map((entry) => this.#rule(entry)));
    } catch (error) {
      place.replaceChildren(el("li", { class: "quiet" }, `The rules could not be loaded: ${error.message}`));
    }
  }
  #rule(entry) {
    const { origin, ...rule } = entry;
    const { name, severity, enabled, streams } = rule;
    const fixed = origin === "configuration";
    const button2 = (words, what, act) => el(
      "button",
      {
        class: "button",
        type: "button",
        dataset: { needs: "rules" },
        "aria-label": `${words} ${name}`,
        on: { click: act }
      },
      icon(what),
      words
    );
    return el(
      "li",
      { class: "card rule", dataset: { rule: name } },
      el(
        "div",
        { class: "camera-head" },
        el("h3", {}, name),
        badge(enabled ? TONES[severity] : "idle", enabled ? SEVERITIES[severity] : "Off")
      ),
      el("p", {}, sentence(rule)),
      el(
        "p",
        { class: "quiet" },
        [streams.length ? streams.join(", ") : "All cameras", ORIGINS[origin]].filter(Boolean).join(", ")
      ),
      fixed ? null : el(
        "div",
        { class: "card-actions" },
        button2(
          enabled ? "Turn off" : "Turn on",
          enabled ? "pause" : "play",
          () => this.#put({ ...rule, enabled: !enabled })
        ),
        button2("Edit", "edit", () => this.#form.open(rule)),
        origin === "api" ? button2("Delete", "trash", () => this.#delete(name)) : null
      )
    );
  }
  async #put(rule) {
    try {
      await putRule(rule);
    } catch (error) {
      toast(`${rule.name} could not be changed: ${error.message}`, "bad");
    }
    this.load();
  }
  async #delete(name) {
    if (!await ask(`Delete the rule \u201C${name}\u201D?`, "Alerts it has raised remain.", "Delete")) return;
    try {
      await deleteRule(name);
    } catch (error) {
      toast(`${name} could not be deleted: ${error.message}`, "bad");
    }
    this.load();
  }
};

// target-list.js
var TargetList = class {
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
        "aria-label": `Send a test to ${target.name}`
      },
      "Send a test"
    );
    test.addEventListener("click", async () => {
      test.disabled = true;
      state.textContent = "Sending\u2026";
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
      test
    );
  }
};

// alerts-page.js
var EVERY_MS = 3e3;
var PAGE = 50;
var MOST_AT_ONCE = 1e3;
var AlertsPage = class {
  title = "Alerts";
  #watch;
  #streams;
  #timer = 0;
  #abort = null;
  #alerts = [];
  #next = null;
  #chosen = /* @__PURE__ */ new Set();
  // ids of alerts that nobody has seen
  #cards = /* @__PURE__ */ new Map();
  // id → {drawn, card}: one that is as it was stays where it is, with the keyboard in it
  #targets = new TargetList();
  #detail = new EventDialog();
  #rules;
  #tools = document.getElementById("alerts-tools");
  #bar = document.getElementById("alerts-choice");
  #all = document.getElementById("alerts-all");
  #list = document.getElementById("alert-list");
  #note = document.getElementById("alerts-note");
  #older = document.getElementById("alerts-older");
  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} watch */
  constructor(streams, watch) {
    this.#watch = watch;
    this.#streams = streams;
    this.#rules = new RuleList(
      () => streams.views,
      () => this.#targets.names
    );
    this.#tools.addEventListener("submit", (event) => event.preventDefault());
    this.#tools.addEventListener("change", () => {
      history.pushState(null, "", addressOf2(this.#choice));
      this.#again();
    });
    document.getElementById("alerts-reset").addEventListener("click", () => {
      history.pushState(null, "", "#/alerts");
      this.#read();
    });
    window.addEventListener("popstate", () => this.#shown && this.#read());
    window.addEventListener(DELETED, () => this.#shown && this.#load());
    window.addEventListener(PEOPLE_CHANGED, () => this.#shown && this.#offerPeople());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    this.#all.addEventListener("change", () => this.#chooseAll(this.#all.checked));
    document.getElementById("alerts-see").addEventListener("click", () => this.#seeChosen());
    document.getElementById("alerts-see-all").addEventListener("click", () => this.#seeMatching());
  }
  show() {
    this.#read();
    this.#rules.load();
    this.#targets.load();
  }
  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }
  get #shown() {
    return location.hash.startsWith("#/alerts");
  }
  get #choice() {
    return Object.fromEntries(FIELDS.map((name) => [name, this.#tools.elements[name].value]));
  }
  /** Shows what the address says. */
  async #read() {
    const chosen = chosenIn(location.hash);
    this.#offer("stream", [...this.#streams.views.map(({ id }) => id), chosen.stream]);
    this.#offer("rule", [chosen.rule]);
    this.#offer("person", [chosen.person, ...everybody().map(({ id }) => id)]);
    for (const name of FIELDS) this.#tools.elements[name].value = chosen[name];
    this.#again();
    const [rules] = await Promise.all([ifThere("/v1/rules").catch(() => null), peopleKnown()]);
    this.#offer("rule", rules?.rules.map(({ name }) => name) ?? []);
  }
  /** Anew: those who are there may be called otherwise. */
  #offerPeople() {
    const select = this.#tools.elements.person;
    const chosen = select.value;
    select.replaceChildren(select.options[0]);
    this.#offer("person", [chosen, ...everybody().map(({ id }) => id)]);
    select.value = chosen;
  }
  /** Has a select offer these, too. */
  #offer(name, values) {
    const select = this.#tools.elements[name];
    const [all, ...offered] = select.options;
    const known = new Set(offered.map(({ value }) => value));
    const fresh = [...new Set(values)].filter((value) => value && !known.has(value));
    if (fresh.length === 0) return;
    const chosen = select.value;
    const words = name === "person" ? personName : String;
    select.replaceChildren(all, ...[...known, ...fresh].sort().map((value) => new Option(words(value), value)));
    select.value = chosen;
    if ("offered" in select.dataset) select.hidden = false;
  }
  #again() {
    const custom = this.#tools.elements.range.value === "custom";
    for (const name of ["since", "until"]) this.#tools.elements[name].closest("label").hidden = !custom;
    this.#alerts = [];
    this.#chosen.clear();
    this.#load();
  }
  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = this.#abort = new AbortController();
    try {
      const answer = await listAlerts({ ...filtersOf(this.#choice), limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) this.#say("No alerts", "No process with the role monitor is running.");
      else this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Alerts could not be loaded", error.message);
    }
    this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
  }
  #wait() {
    if (document.hidden) this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
    else this.#load();
  }
  #take({ alerts, next }, older) {
    if (older || this.#alerts.length <= PAGE) this.#next = next;
    const rest2 = this.#alerts.length > PAGE || older ? this.#alerts.filter((old) => !alerts.some(({ id }) => id === old.id)) : [];
    this.#alerts = [...alerts, ...rest2].sort((a, b) => b.captured_at_ns - a.captured_at_ns);
    this.#older.hidden = this.#next === null;
    this.#offer("rule", alerts.map(({ rule }) => rule));
    this.#offer("stream", alerts.map(({ stream_id: id }) => id));
    const unseen = new Set(this.#unseen.map(({ id }) => id));
    for (const id of this.#chosen) if (!unseen.has(id)) this.#chosen.delete(id);
    if (this.#alerts.length) this.#note.hidden = true;
    else this.#say("No alerts", "No alert matches the filter.");
    this.#draw();
  }
  get #unseen() {
    return this.#alerts.filter(({ acknowledged_at_ns: seen2 }) => !seen2);
  }
  #draw() {
    const wanted = this.#alerts.map((alert) => this.#card(alert));
    this.#cards = new Map(wanted.map((entry) => [entry.card.dataset.id, entry]));
    const cards = wanted.map(({ card }) => card);
    for (const card of [...this.#list.children]) if (!cards.includes(card)) card.remove();
    cards.forEach((card, at) => {
      if (this.#list.children[at] !== card) this.#list.insertBefore(card, this.#list.children[at] ?? null);
    });
    this.#count();
  }
  #card(alert) {
    const { id } = alert;
    const drawn = JSON.stringify(alert);
    const known = this.#cards.get(id);
    if (known?.drawn === drawn) return known;
    const card = alertCard(alert, this.#chosen.has(id), {
      choose: (on) => this.#choose(id, on),
      details: () => this.#detail.open(eventOf(alert)),
      see: () => this.#see(id),
      tellAgain: (target) => this.#tellAgain(id, target)
    });
    return { drawn, card };
  }
  #choose(id, on) {
    if (on) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#count();
  }
  #chooseAll(on) {
    this.#chosen = new Set(on ? this.#unseen.map(({ id }) => id) : []);
    for (const box of this.#list.querySelectorAll(".alert-choice input"))
      box.checked = this.#chosen.has(box.closest(".alert").dataset.id);
    this.#count();
  }
  /** Says how many are chosen. */
  #count() {
    const [chosen, unseen] = [this.#chosen.size, this.#unseen.length];
    this.#bar.hidden = unseen === 0;
    this.#all.checked = chosen > 0 && chosen === unseen;
    this.#all.indeterminate = chosen > 0 && chosen < unseen;
    const see = document.getElementById("alerts-see");
    see.disabled = chosen === 0;
    see.textContent = chosen ? `Acknowledge ${chosen}` : "Acknowledge selected";
  }
  async #seeChosen() {
    const ids = [...this.#chosen];
    const bodies = [];
    while (ids.length) bodies.push({ ids: ids.splice(0, MOST_AT_ONCE) });
    await this.#seeMany(bodies);
  }
  async #seeMatching() {
    const text2 = "All that match the filter, also those that are not loaded yet.";
    if (!await ask("Acknowledge all alerts that match?", text2, "Acknowledge all", false)) return;
    await this.#seeMany([{ filter: filterBody(filtersOf(this.#choice), this.#alerts[0]?.captured_at_ns ?? 0) }]);
  }
  /** Asks again while there are more than one request may change. The keyboard goes on where the list begins. */
  async #seeMany(bodies) {
    let seen2 = 0;
    try {
      for (const body of bodies)
        for (let more = true; more; ) {
          const answer = await acknowledgeAlerts(body);
          seen2 += answer.acknowledged;
          more = answer.more && answer.acknowledged > 0;
        }
      toast(`${seen2} ${seen2 === 1 ? "alert was" : "alerts were"} acknowledged.`);
    } catch (error) {
      toast(`The alerts could not be acknowledged: ${error.message}`, "bad");
    }
    this.#watch.poll();
    document.getElementById("alerts-page-title").focus();
    this.#again();
  }
  async #see(id) {
    try {
      await acknowledgeAlert(id);
    } catch (error) {
      toast(`The alert could not be acknowledged: ${error.message}`, "bad");
    }
    this.#watch.poll();
    this.#load();
  }
  async #tellAgain(id, target) {
    try {
      await tellAgain(id, target);
      toast(`Sending the alert to ${target} again.`);
    } catch (error) {
      toast(`The alert could not be sent to ${target} again: ${error.message}`, "bad");
    }
    this.#load();
  }
  #say(title, text2) {
    this.#cards.clear();
    this.#list.replaceChildren();
    this.#older.hidden = true;
    this.#bar.hidden = true;
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text2;
  }
};
var eventOf = (alert) => ({ kind: "alert", ...alert.event ?? {}, ...alert });

// plan-words.js
var INTENTS = {
  count: "How many",
  who: "Who",
  when: "When",
  first: "The first time",
  last: "The last time",
  where: "Where",
  how_long: "How long",
  how_often: "How often",
  compare: "Compare",
  list: "List",
  exists: "Whether",
  busiest: "The busiest"
};
var SUBJECTS = {
  tracks: "somebody or something in view",
  entries: "entering a zone",
  leavings: "leaving a zone",
  crossings: "crossing a line",
  alerts: "alerts",
  outages: "cameras being away",
  events: "events"
};
var COUNTED = {
  seen: "in view in that time",
  came: "came in that time",
  left: "left in that time",
  now: "in view now"
};
var BY = {
  camera: "each camera",
  zone: "each zone",
  label: "each label",
  person: "each person",
  rule: "each rule",
  hour: "each hour",
  day: "each day"
};
var DIRECTIONS = { in: "going in", out: "going out" };
var VALUES = {
  label: (label2) => labelName(label2),
  person: (id) => personName(id),
  kind: (kind) => KINDS[kind] ?? kind,
  severity: (severity) => SEVERITIES[severity] ?? severity
};
var valueWords = (name, value) => VALUES[name]?.(value) ?? String(value);
var FILTERS = {
  camera: "Camera",
  zone: "Zone",
  line: "Line",
  label: "Label",
  person: "Person",
  group: "Group",
  rule: "Rule",
  severity: "Severity",
  kind: "Kind"
};
var clock = (time2) => time2.slice(0, 5);
var DAYS2 = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"];
var moment = (iso) => new Date(iso).toLocaleString();
function rangeWords({ since: since2, until, hours, weekdays = [], words }) {
  const span = [since2 && `from ${moment(since2)}`, until && `to ${moment(until)}`].filter(Boolean).join(" ");
  const narrower = [weekdays.length && weekdays.map((day) => DAYS2[day]).join(", "), hours && `${clock(hours[0])}\u2013${clock(hours[1])}`];
  return words || [span || "at any time", ...narrower.filter(Boolean)].join(", ");
}
function planParts(plan) {
  const fixed = (words) => ({ words, without: null });
  const parts = [fixed(plan.least ? "The quietest" : INTENTS[plan.intent]), fixed(SUBJECTS[plan.subject])];
  for (const [name, title] of Object.entries(FILTERS)) {
    if (!plan[name]?.length) continue;
    const values = plan[name].map((value) => valueWords(name, value)).join(" or ");
    const words = name === "label" && plan.means ? plan.means : values;
    const rest2 = name === "label" ? { means: "" } : {};
    parts.push({ words: `${title}: ${words}`, without: { ...plan, [name]: [], ...rest2 } });
  }
  const also = {
    direction: plan.direction && DIRECTIONS[plan.direction],
    named: plan.named === null || plan.named === void 0 ? null : plan.named ? "named" : "not named",
    min_duration_s: plan.min_duration_s && `at least ${plan.min_duration_s} s`,
    max_duration_s: plan.max_duration_s && `at most ${plan.max_duration_s} s`,
    min_confidence: plan.min_confidence && `at least ${Math.round(plan.min_confidence * 100)} % confident`
  };
  for (const [name, words] of Object.entries(also)) if (words) parts.push({ words, without: { ...plan, [name]: null } });
  parts.push(fixed(rangeWords(plan.range ?? {})));
  if (plan.against) parts.push(fixed(`against ${rangeWords(plan.against)}`));
  if (plan.by) parts.push({ words: BY[plan.by], without: plan.intent === "busiest" ? null : { ...plan, by: null } });
  return parts;
}

// ask-plan.js
var BETWEEN = "";
var CHOSEN = ["camera", "zone", "line", "label", "person", "group", "rule"];
function planEditor(plan, cameras2, again) {
  return el(
    "section",
    { class: "plan", "aria-label": "How the question was understood" },
    el("h3", {}, "Understood as"),
    el("ul", { class: "chips" }, ...planParts(plan).map((part) => chip(part, again))),
    fields(plan, cameras2, again)
  );
}
function chip({ words, without }, again) {
  if (without === null) return el("li", {}, words);
  const click = () => again(without);
  const button2 = el("button", { class: "chip", type: "button", "aria-label": `Leave out: ${words}`, on: { click } }, words, icon("close"));
  return el("li", { class: "bare" }, button2);
}
var field = (words, input) => el("label", { class: "field" }, el("span", {}, words), input);
var choice = (name, words, value) => el("select", { name }, ...Object.entries(words).map(([one, said]) => new Option(said, one, false, one === value)));
var localTime = (iso) => {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 6e4).toISOString().slice(0, 16);
};
var time = (name, iso) => el("input", { type: "datetime-local", name, value: localTime(iso) });
function several(name, values) {
  const value = values.join(BETWEEN);
  const words = values.map((one) => valueWords(name, one)).join(" or ");
  return el("select", { name }, new Option("Any", ""), value ? new Option(words, value, false, true) : "");
}
function fields(plan, cameras2, again) {
  const { range = {} } = plan;
  const known = { "": "Any", in: "In", out: "Out" };
  const form = el(
    "form",
    { class: "plan-form" },
    el(
      "div",
      { class: "plan-fields" },
      field("Question", choice("intent", INTENTS, plan.intent)),
      field("About", choice("subject", SUBJECTS, plan.subject)),
      ...CHOSEN.map((name) => field(FILTERS[name], several(name, plan[name] ?? []))),
      field("Direction", choice("direction", known, plan.direction ?? "")),
      field("From", time("since", range.since)),
      field("To", time("until", range.until)),
      field("Counted are those", choice("counted", COUNTED, plan.counted)),
      field("For", choice("by", { "": "all together", ...BY }, plan.by ?? ""))
    ),
    el("button", { class: "button primary", type: "submit" }, "Ask this")
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    again(changed(plan, form));
  });
  const details = el("details", { class: "more" }, el("summary", { class: "button" }, icon("edit"), "Change"), form);
  details.addEventListener("toggle", () => details.open && offer(form, cameras2), { once: true });
  return details;
}
function changed(plan, form) {
  const { elements } = form;
  const { range = {} } = plan;
  const at = (name) => elements[name].value ? new Date(elements[name].value).toISOString() : null;
  const same = ["since", "until"].every((name) => elements[name].value === localTime(range[name]));
  const lists = Object.fromEntries(CHOSEN.map((name) => [name, elements[name].value.split(BETWEEN).filter(Boolean)]));
  const others = lists.label.join() === (plan.label ?? []).join() ? {} : { means: "" };
  return {
    ...plan,
    ...lists,
    ...others,
    intent: elements.intent.value,
    subject: elements.subject.value,
    direction: elements.direction.value || null,
    counted: elements.counted.value,
    by: elements.by.value || null,
    range: same ? range : { ...range, since: at("since"), until: at("until"), words: "" }
  };
}
async function offer(form, cameras2) {
  const [streams, scenes, models, rules] = await Promise.all([
    listStreams().catch(() => []),
    ifThere("/v1/zones").catch(() => null),
    listModels().catch(() => []),
    ifThere("/v1/rules").catch(() => null)
  ]);
  const places = (kind) => scenes?.scenes.flatMap((scene) => scene[kind].map(({ name }) => name)) ?? [];
  const all = {
    camera: [...streams.map(({ id }) => id), ...cameras2],
    zone: places("zones"),
    line: places("lines"),
    label: models.flatMap(({ card }) => card.classes),
    person: everybody().map(({ id }) => id),
    group: everyGroup(),
    rule: rules?.rules.map(({ name }) => name) ?? []
  };
  for (const [name, values] of Object.entries(all)) {
    const select = form.elements[name];
    const there = new Set([...select.options].map(({ value }) => value));
    const fresh = [...new Set(values)].filter((value) => !there.has(value)).sort();
    select.append(...fresh.map((value) => new Option(valueWords(name, value), value)));
    select.closest(".field").hidden = select.options.length === 1;
  }
}

// track-words.js
var MOST_LABELS = 3;
var beganOf = ({ began_at_ns: at }) => at / 1e6;
function labelsOf({ labels: labels2, detector, person }) {
  const name = personName(person);
  if (name) return [name, ...labels2.slice(-1).map(({ label: label2 }) => labelName(label2, detector))].join(", ");
  const names = labels2.map(({ label: label2 }) => labelName(label2, detector)).filter((name2, at, all) => name2 !== all[at - 1]);
  if (!names.length) return "An object";
  if (names.length === 1) return atStart(oneOf(labels2[0].label, detector));
  return `${names.length > MOST_LABELS ? "\u2026 " : ""}${names.slice(-MOST_LABELS).join(" \u2192 ")}`;
}
function whoOfTrack({ confidence, track_id: number2 }) {
  const percent2 = typeof confidence === "number" ? `${Math.round(confidence * 100)} %` : null;
  return [percent2, `#${number2}`].filter(Boolean).join(" ");
}
var dayOf = (at) => at.toLocaleDateString();
function whenOf(track, now = /* @__PURE__ */ new Date()) {
  const began = new Date(beganOf(track));
  const date = dayOf(began) === dayOf(now) ? "" : `${dayOf(began)} `;
  if (track.ended_at_ns === null) return `since ${date}${began.toLocaleTimeString()}`;
  const ended = new Date(track.ended_at_ns / 1e6);
  const other = dayOf(ended) === dayOf(began) ? "" : `${dayOf(ended)} `;
  return `${date}${began.toLocaleTimeString()} \u2013 ${other}${ended.toLocaleTimeString()}`;
}
function stayOf({ duration_s: over, inside_since_ns: since2, visits }, now) {
  if (since2 !== null) return `in for ${durationOf(Math.max(0, (now - since2 / 1e6) / 1e3))}`;
  return `${durationOf(over)}${visits > 1 ? ` in ${visits} visits` : ""}`;
}
var zonesOf = ({ zones }, now = Date.now()) => zones.map((one) => `${one.zone} ${stayOf(one, now)}`);
var linesOf = ({ lines }) => lines.map(({ line, direction }) => `${line}${direction ? ` ${direction}` : ""}`);
var RANKS = ["info", "warning", "critical"];
function severityOf({ alerts }) {
  const ranks = alerts.map(({ severity }) => RANKS.indexOf(severity));
  return ranks.length ? RANKS[Math.max(0, ...ranks)] : null;
}

// event-rows.js
var noLonger = ({ currentTarget: row6 }) => row6.classList.remove("fresh");
function trackRow(track, open) {
  const places = [...zonesOf(track), ...linesOf(track)];
  const severity = severityOf(track);
  const count2 = track.alerts.length;
  const alerts = count2 === 1 ? SEVERITIES[severity] : `${count2} alerts`;
  const inView = track.ended_at_ns === null;
  return el(
    "li",
    { class: "event track", dataset: { id: track.id, stream: track.stream_id }, on: { animationend: noLonger } },
    el(
      "button",
      { class: "event-open", type: "button", on: { click: () => open(track) } },
      thumbnail(track.snapshot_url),
      el(
        "span",
        { class: "event-what" },
        el("strong", {}, dot(track.label), labelsOf(track)),
        el("span", { class: "event-who" }, whoOfTrack(track))
      ),
      el("span", { class: "track-places", title: places.join(", ") }, places.join(", ")),
      el(
        "span",
        { class: "track-badges" },
        inView ? badge("live", "In view") : null,
        severity ? badge(TONES[severity], alerts) : null
      ),
      el(
        "span",
        { class: "track-when" },
        el("time", { dateTime: new Date(beganOf(track)).toISOString() }, whenOf(track)),
        el("span", { class: "quiet" }, inView ? "" : durationOf(track.duration_s))
      )
    ),
    el("a", { href: `#/live/${track.stream_id}` }, track.stream_id)
  );
}
function eventRow(event, open) {
  const time2 = new Date(timeOf(event));
  return el(
    "li",
    { class: "event", dataset: { id: event.id, kind: event.kind }, on: { animationend: noLonger } },
    el(
      "button",
      { class: "event-open", type: "button", on: { click: () => open(event) } },
      thumbnail(event.snapshot_url),
      el(
        "span",
        { class: "event-what" },
        el("strong", {}, whatOf(event)),
        el("span", { class: "event-who" }, dot(event.label), whoOf(event))
      ),
      event.severity ? badge(TONES[event.severity], SEVERITIES[event.severity]) : null,
      event.clip_url ? el("span", { class: "badge" }, "Clip") : null
    ),
    el("time", { dateTime: time2.toISOString() }, time2.toLocaleString()),
    el("a", { href: `#/live/${event.stream_id}` }, event.stream_id)
  );
}
function thumbnail(source) {
  const blank = el("span", { class: "event-blank", "aria-hidden": "true" });
  if (!source) return blank;
  const image = el("img", { src: source, alt: "", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(blank));
  return image;
}
function dot(label2) {
  if (!label2) return null;
  const found2 = el("i", { class: "dot" });
  found2.style.setProperty("--dot", colourOf(label2));
  return found2;
}

// track-dialog.js
var TrackDialog = class {
  #dialog = document.getElementById("track-dialog");
  #title = document.getElementById("track-title");
  #body = document.getElementById("track-body");
  #event = new EventDialog();
  #opened = null;
  #track = null;
  constructor() {
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#opened = this.#track = null;
      this.#body.replaceChildren();
    });
    window.addEventListener(DELETED, ({ detail }) => this.#again(detail.ids));
  }
  /** One of its events was deleted in the dialog above: the track tells no more of it, or is gone with it. */
  #again(ids) {
    if (this.#track === null || !ids.length) return;
    if (ids.includes(this.#track.id)) this.#dialog.close();
    else this.open(this.#track);
  }
  /** What the list knows is there at once; the events follow. @param {object} track of `GET /v1/tracks` */
  async open(track) {
    this.#opened = track.id;
    this.#track = track;
    this.#show(track, [el("p", { class: "quiet" }, "Loading events\u2026")]);
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const whole = await getTrack(track.id);
      if (this.#opened !== track.id) return;
      if (whole === null) return this.#show(track, [el("p", { class: "quiet" }, "The track has been deleted.")]);
      this.#show(whole, [this.#events(whole)]);
    } catch (error) {
      if (this.#opened === track.id) this.#show(track, [el("p", { class: "form-error" }, error.message)]);
    }
  }
  #show(track, rest2) {
    this.#title.textContent = `${labelsOf(track)} ${whoOfTrack(track)}`;
    const path = track.events?.find(({ kind }) => kind === "track_ended")?.path;
    const words = `Image of the track: ${labelsOf(track)}`;
    const kinds = [...track.snapshot_url || track.picture_url ? ["images"] : [], "track"];
    const gone = (kind) => kind === "track" ? this.#dialog.close() : this.open(withoutImages(track));
    const deleting = deletionButtons(track, kinds, gone);
    const who = whoButtons(track, { track: track.id }, (person) => this.open({ ...track, person }));
    const parts = [imageOf({ ...track, path }, words), captionOf(track), factList(factsOf2(track)), who, ...rest2, deleting];
    this.#body.replaceChildren(...parts.filter(Boolean));
  }
  #events(track) {
    const all = new URLSearchParams({ view: "events", stream: track.stream_id, session: track.session });
    all.set("track", track.track_id);
    all.set("since", new Date(track.began_at_ns / 1e6 - 1e3).toISOString());
    const rows = track.events.map(
      (event) => el(
        "li",
        {},
        el(
          "button",
          { class: "track-event", type: "button", on: { click: () => this.#event.open(event) } },
          el("time", { dateTime: new Date(timeOf(event)).toISOString() }, new Date(timeOf(event)).toLocaleTimeString()),
          el("strong", {}, whatOf(event)),
          el("span", { class: "quiet" }, whoOf(event))
        )
      )
    );
    return el(
      "section",
      { "aria-label": "Events of the track" },
      el("h3", {}, track.events.length === 1 ? "1 event" : `${track.events.length} events`),
      el("ol", { class: "track-events" }, ...rows),
      el("a", { href: `#/events?${all}` }, "Show them in the list")
    );
  }
};
var withoutImages = (track) => ({ ...track, snapshot_url: null, picture_url: null });
function factsOf2(track) {
  return {
    When: whenOf(track),
    Duration: track.ended_at_ns === null ? "in view now" : durationOf(track.duration_s),
    Camera: el("a", { href: `#/live/${track.stream_id}` }, track.stream_id),
    Person: personLink(track.person),
    Labels: labelTimes(track),
    Zones: zonesOf(track).join(", "),
    Lines: linesOf(track).join(", "),
    Alerts: track.alerts.length ? el("a", { href: "#/alerts" }, track.alerts.map(({ rule }) => rule).join(", ")) : null,
    Reason: reasonOf(track),
    Model: track.detector
  };
}
function labelTimes({ labels: labels2, detector, ended_at_ns: ended }) {
  const until = (span) => span.until_ns ?? ended ?? Date.now() * 1e6;
  return labels2.map((span) => `${labelName(span.label, detector)} ${durationOf(Math.max(0, (until(span) - span.since_ns) / 1e9))}`).join(", ");
}

// ask-answer.js
var MOST_ROWS = 40;
function answerView(question, answer, act) {
  const abstained = answer.status === "abstained";
  const open = { track: new TrackDialog(), event: new EventDialog() };
  return el(
    "article",
    { class: "answer", "aria-label": question, dataset: { status: answer.status } },
    el("h2", { tabIndex: -1 }, question),
    el("p", { class: "answer-words" }, answer.answer),
    chips("Which one is meant?", answer.choices, act.follow),
    ...readAs(answer.read_as),
    answer.not_used.length ? el("p", { class: "answer-warning" }, unusedWords(answer.not_used, abstained)) : null,
    ...answer.coverage.map((gap) => el("p", { class: "answer-warning" }, gap)),
    facts(answer),
    figureRows(answer),
    chips("Ask on", answer.follow_ups, act.follow),
    answer.plan ? planEditor(answer.plan, camerasIn(answer), act.again) : null,
    pictures(answer, open),
    list2("Tracks", answer.tracks, (track) => trackRow(track, (one) => open.track.open(one))),
    list2("Events", answer.events, (event) => eventRow(event, (one) => open.event.open(one)))
  );
}
var quoted = (words) => words.map((word) => `\u201C${word}\u201D`).join(", ");
var unusedWords = (words, abstained) => abstained ? `Not understood: ${quoted(words)}. That could change the answer.` : `Not used: ${quoted(words)}.`;
var readAs = (words) => Object.entries(words).map(([said, meant]) => el("p", { class: "quiet" }, `\u201C${said}\u201D was read as \u201C${meant}\u201D.`));
var timeOf2 = (iso) => new Date(iso).toLocaleString();
var camerasIn = ({ tracks, events }) => [...new Set([...tracks, ...events].map(({ stream_id: id }) => id))];
function facts({ plan, figures }) {
  if (!figures) return null;
  const span = `${timeOf2(figures.since)} \u2013 ${timeOf2(figures.until)}`;
  const known = {
    Time: plan?.range?.words ? `${plan.range.words}: ${span}` : span,
    "Days and hours of": figures.tz,
    Counted: figures.counted === "tracks" ? "tracks: who comes back is counted again" : SUBJECTS[figures.counted] ?? figures.counted
  };
  return el("dl", { class: "facts" }, ...Object.entries(known).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}
function figureRows({ figures, plan }) {
  const rows = figures?.rows.filter(({ value }) => value !== null).slice(0, MOST_ROWS) ?? [];
  if (rows.length < 2) return null;
  const most = Math.max(...rows.map(({ value }) => value), 1e-9);
  const words = (value) => figures.unit === "s" ? durationOf(value) : value.toLocaleString();
  const shown = ({ name, person, value }) => el(
    "tr",
    {},
    el("th", { scope: "row" }, nameOfRow(name, person, plan)),
    el("td", { class: "figure" }, words(value)),
    el("td", { class: "figure-bar" }, el("meter", { min: 0, max: most, value, "aria-hidden": "true" }))
  );
  return el(
    "div",
    { class: "table", tabIndex: 0, role: "region", "aria-label": "The figures" },
    el("table", { class: "answer-rows" }, el("tbody", {}, ...rows.map(shown)))
  );
}
function nameOfRow(name, person, plan) {
  if (person) return el("a", { href: `#/people/${person}` }, valueWords("person", person));
  if (plan?.by === "hour" || plan?.by === "day") {
    const at = new Date(name);
    if (Number.isNaN(at.valueOf())) return name;
    return plan.by === "day" ? at.toLocaleDateString() : at.toLocaleString(void 0, { dateStyle: "short", timeStyle: "short" });
  }
  return valueWords(plan?.by, name ?? "\u2013");
}
function chips(label2, questions, ask2) {
  if (!questions.length) return null;
  const chip2 = (question) => el("button", { class: "chip", type: "button", on: { click: () => ask2(question) } }, question);
  return el("div", { class: "chips", role: "group", "aria-label": label2 }, ...questions.map(chip2));
}
function pictures({ snapshots, tracks, events }, open) {
  if (!snapshots.length || !may("pictures")) return null;
  const shown = snapshots.map((url) => {
    const isOf = (one) => [one.snapshot_url, one.picture_url].includes(url);
    const track = tracks.find(isOf);
    const of2 = track ?? events.find(isOf);
    const image = el("img", { src: url, alt: "", loading: "lazy" });
    if (!of2) return el("li", {}, image);
    const at = new Date((track ? track.began_at_ns : of2.captured_at_ns) / 1e6).toLocaleString();
    const click = () => (track ? open.track : open.event).open(of2);
    const item = el("li", {}, el("button", { type: "button", on: { click } }, image, el("span", {}, `${of2.stream_id}, ${at}`)));
    image.addEventListener("error", () => item.remove());
    return item;
  });
  return section("Pictures", el("ul", { class: "answer-pictures" }, ...shown));
}
var section = (title, what) => el("section", { "aria-label": title }, el("h3", {}, title), what);
var list2 = (title, items, rowOf) => items.length ? section(title, el("ol", { class: "events" }, ...items.map(rowOf))) : null;

// ask-page.js
var IDEAS = [
  "How many people came today?",
  "Who was seen today?",
  "Which camera was the busiest this week?",
  "How long was the longest track today?",
  "Was a camera offline this week?"
];
var WAIT_MS = 3e4;
var tz = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
var addressOf3 = (question) => `#/ask?${new URLSearchParams({ q: question })}`;
var saidIn2 = (hash) => new URLSearchParams(hash.split("?")[1] ?? "").get("q") ?? "";
var AskPage = class {
  title = "Ask";
  #form = document.getElementById("ask-form");
  #place = document.getElementById("ask-answer");
  #ideas = document.getElementById("ask-ideas");
  #history = document.getElementById("ask-history");
  #list = document.getElementById("ask-asked");
  #plan = null;
  // of the newest answer: "and yesterday?" goes on from that
  #abort = null;
  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go(this.#form.elements.question.value.trim());
    });
    document.getElementById("ask-forget").addEventListener("click", () => {
      forget();
      this.#showHistory();
      this.#form.elements.question.focus();
    });
    this.#ideas.append(chips("For example", IDEAS, (question) => this.#go(question)));
    window.addEventListener("popstate", () => this.#shown && this.#read());
  }
  get #shown() {
    return /^#\/ask\b/.test(location.hash);
  }
  show() {
    this.#showHistory();
    this.#read();
    if (matchMedia("(hover: hover)").matches) this.#form.elements.question.focus();
  }
  hide() {
    this.#abort?.abort();
  }
  /** What the address says is answered: from what was asked before, else anew. */
  #read() {
    const question = saidIn2(location.hash);
    this.#form.elements.question.value = question;
    if (!question) return this.#place.replaceChildren();
    const known = asked().find((one) => one.question === question);
    if (known) this.#show(question, known.answer);
    else this.#ask(question, { question });
  }
  /** Asks, be it what was asked before: the answer may be another now. */
  #go(question) {
    if (!question) return;
    if (saidIn2(location.hash) !== question) history.pushState(null, "", addressOf3(question));
    this.#form.elements.question.value = question;
    this.#ask(question, { question });
  }
  async #ask(question, body) {
    this.#abort?.abort();
    const { signal } = this.#abort = new AbortController();
    this.#place.replaceChildren(el("p", { class: "plain" }, "Looking it up\u2026"));
    try {
      const goesOn = body.question && this.#plan ? { context: this.#plan } : {};
      const options = { ...asJson("POST", { ...body, ...goesOn, tz: tz() }), timeoutMs: WAIT_MS, signal };
      const [answer] = await Promise.all([json("/v1/ask", options), wordsKnown(), peopleKnown()]);
      if (signal.aborted) return;
      remember(question, answer);
      this.#show(question, answer);
      this.#showHistory();
    } catch (error) {
      if (signal.aborted) return;
      const words = error.status === 404 ? "Nothing is recorded: no process with the role monitor is running." : error.message;
      this.#place.replaceChildren(el("p", { class: "form-error", role: "alert" }, words));
    }
  }
  #show(question, answer) {
    this.#plan = answer.plan ?? this.#plan;
    this.#place.replaceChildren(
      answerView(question, answer, {
        again: (plan) => this.#ask(question, { plan }),
        follow: (next) => this.#go(next)
      })
    );
  }
  #showHistory() {
    const all = asked();
    this.#history.hidden = all.length === 0;
    this.#ideas.hidden = all.length > 0;
    this.#list.replaceChildren(
      ...all.map(
        ({ question, answer, at }) => el(
          "li",
          {},
          el(
            "button",
            { type: "button", on: { click: () => this.#again(question, answer) } },
            question,
            el("small", { class: "quiet" }, `${answer.answer} (${ago(at)})`)
          )
        )
      )
    );
  }
  /** As it was answered then. */
  #again(question, answer) {
    if (saidIn2(location.hash) !== question) history.pushState(null, "", addressOf3(question));
    this.#form.elements.question.value = question;
    this.#show(question, answer);
    this.#place.querySelector("h2").focus();
    this.#place.scrollIntoView({ block: "nearest" });
  }
};

// audit-page.js
var WORDS = {
  live: "watched live",
  picture: "fetched the picture",
  snapshot: "opened a snapshot",
  clip: "opened a clip",
  download: "took away",
  search: "looked for a person",
  change: "changed",
  "sign-in": "signed in",
  "sign-in-failed": "failed to sign in",
  "sign-out": "signed out",
  refused: "was refused",
  lost: "entries that could not be kept"
};
var AuditPage = class {
  title = "Audit";
  #form = document.getElementById("audit-tools");
  #rows = document.getElementById("audit-rows");
  #older = document.getElementById("audit-older");
  #note = document.getElementById("audit-note");
  #verdict = document.getElementById("audit-verdict");
  #next = null;
  constructor() {
    const what = this.#form.elements.what;
    what.append(...Object.entries(WORDS).map(([value, words]) => el("option", { value }, words)));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#load();
    });
    what.addEventListener("change", () => this.#load());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    document.getElementById("audit-verify").addEventListener("click", () => this.#verify());
  }
  show() {
    this.#verdict.hidden = true;
    this.#load();
  }
  hide() {
  }
  /** `before`: older ones, added to those shown; without it the newest, in their place. */
  async #load(before = null) {
    try {
      const { what, principal, stream } = Object.fromEntries(new FormData(this.#form));
      const page = await listAudit({ what, principal: principal.trim(), stream: stream.trim(), before });
      const rows = page.entries.map(row2);
      if (before === null) this.#rows.replaceChildren(...rows);
      else this.#rows.append(...rows);
      this.#next = page.next;
      this.#older.hidden = page.next === null;
      this.#tell(this.#rows.childElementCount ? null : "No entries.");
    } catch (error) {
      this.#tell(`The trail could not be loaded: ${error.message}`);
    }
  }
  async #verify() {
    this.#verdict.hidden = false;
    this.#verdict.dataset.state = "";
    this.#verdict.textContent = "Checking every entry \u2026";
    try {
      const { entries, faults } = await verifyAudit();
      this.#verdict.dataset.state = faults.length ? "bad" : "good";
      this.#verdict.textContent = faults.length ? faults.map(({ chain, text: text2 }) => `${chain}: ${text2}`).join("; ") : `${entries} entries; nothing was removed, changed or reordered.`;
    } catch (error) {
      this.#verdict.dataset.state = "bad";
      this.#verdict.textContent = `The trail could not be checked: ${error.message}`;
    }
  }
  #tell(words) {
    this.#note.hidden = words === null;
    this.#note.textContent = words ?? "";
  }
};
function row2(entry) {
  const at = new Date(entry.at_ns / 1e6);
  const outcome = entry.outcome === "ok" ? "" : ` (${entry.outcome})`;
  return el(
    "tr",
    { dataset: { what: entry.what } },
    el("td", {}, el("time", { dateTime: at.toISOString() }, at.toLocaleString())),
    el("td", { title: entry.credential || null }, entry.principal),
    el("td", {}, `${WORDS[entry.what] ?? entry.what}${outcome}${entry.count > 1 ? `, ${entry.count} times` : ""}`),
    el("td", {}, entry.stream ?? ""),
    el("td", { class: "quiet" }, `${entry.method} ${entry.target}`.trim()),
    el("td", { class: "quiet" }, entry.address)
  );
}

// model-choice.js
var MOST_LABELS2 = 6;
var FIRST = "mask";
function labelWords(labels2, model) {
  const more = labels2.length - MOST_LABELS2;
  return labels2.slice(0, MOST_LABELS2).map((label2) => labelName(label2, model)).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
var ModelChoice = class {
  #detectors;
  #classifiers;
  #cards = /* @__PURE__ */ new Map();
  // name → card of the version that cameras get
  #asked = 0;
  // answers to older questions are thrown away
  #wanted = /* @__PURE__ */ new Set();
  // classifiers, whether they apply now or not
  /** @param {HTMLFieldSetElement} detectors @param {HTMLFieldSetElement} classifiers hidden while there are none */
  constructor(detectors, classifiers) {
    this.#detectors = detectors;
    this.#classifiers = classifiers;
    detectors.addEventListener("change", () => this.#judge());
    classifiers.addEventListener("change", ({ target }) => {
      if (target.checked) this.#wanted.add(target.value);
      else this.#wanted.delete(target.value);
    });
  }
  /**
   * Lists what there is. @param {string[]|null} chosen the camera's models; null: a new camera's
   * @returns {Promise<boolean>} whether there is any @throws {ApiError}
   */
  async fill(chosen) {
    const asked2 = ++this.#asked;
    for (const fieldset of [this.#detectors, this.#classifiers]) fieldset.querySelector(".choices").replaceChildren();
    const models = await listModels();
    if (asked2 !== this.#asked) return true;
    this.#cards = new Map(models.map(({ name, card }) => [name, card]));
    for (const { name, card, chosen: current } of models) if (current) this.#cards.set(name, card);
    const ofTask = (task) => [...this.#cards].filter(([, card]) => card.task === task).map(([name]) => name);
    const classifiers = ofTask("classify");
    const known = ofTask("detect");
    const unknown = (chosen ?? []).filter((name) => !classifiers.includes(name));
    const detectors = [.../* @__PURE__ */ new Set([...known, ...unknown])];
    const ticked = chosen ?? [detectors.includes(FIRST) ? FIRST : detectors[0]];
    this.#wanted = new Set(classifiers.filter((name) => ticked.includes(name)));
    this.#put(this.#detectors, detectors, (name) => ticked.includes(name));
    this.#put(this.#classifiers, classifiers, (name) => this.#wanted.has(name));
    this.#classifiers.hidden = classifiers.length === 0;
    this.#judge();
    return detectors.length + classifiers.length > 0;
  }
  /** The names of those chosen, detectors first. */
  get names() {
    return [...this.#boxes(this.#detectors), ...this.#boxes(this.#classifiers)].filter(({ checked }) => checked).map(({ value }) => value);
  }
  #boxes(fieldset) {
    return [...fieldset.querySelectorAll("input")];
  }
  #put(fieldset, names, isTicked) {
    fieldset.querySelector(".choices").replaceChildren(
      ...names.map((name) => {
        const id = `${fieldset.id}-${name}`;
        const box = el("input", { type: "checkbox", value: name, checked: isTicked(name) });
        box.setAttribute("aria-describedby", id);
        const card = this.#cards.get(name);
        const words = el("small", { id }, card ? labelWords(card.classes, name) : "");
        return el("div", { class: "choice" }, el("label", {}, box, name), words);
      })
    );
  }
  /** A classifier of boxes needs a detector with one of its labels; without, it cannot be chosen, and is told why. */
  #judge() {
    const ticked = this.#boxes(this.#detectors).filter(({ checked }) => checked);
    const found2 = new Set(ticked.flatMap(({ value }) => this.#cards.get(value)?.classes ?? []));
    for (const box of this.#boxes(this.#classifiers)) {
      const { applies_to: applies, classes } = this.#cards.get(box.value);
      const fits = applies === "image" || applies.some((label2) => found2.has(label2));
      box.disabled = !fits;
      box.checked = fits && this.#wanted.has(box.value);
      const words = this.#classifiers.querySelector(`#${box.getAttribute("aria-describedby")}`);
      if (!fits) words.textContent = `Needs a detector of ${labelWords(applies)}.`;
      else words.textContent = `${labelWords(classes, box.value)}: ${applies === "image" ? "of the whole picture" : `of ${labelWords(applies)}`}`;
    }
  }
};

// camera-form.js
var ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
var MOST_FPS = 240;
var SCHEMES = /^(rtsps?|https?):\/\//i;
function guessId(url, taken) {
  let host = "";
  try {
    host = new URL(url).hostname;
  } catch {
    return "";
  }
  const stem = host.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50);
  if (!stem) return "";
  const base = /^\d/.test(stem) ? `camera-${stem.split("-").at(-1)}` : stem;
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(id)) return id;
  }
}
function complaint3({ id, url, models, max_fps: fps }, editing) {
  if (!url && !editing) return "Enter the camera's URL.";
  if (url && !/^[a-z][a-z0-9+.-]*:/i.test(url))
    return "The URL must start with rtsp://, rtsps://, http:// or https://.";
  if (!ID.test(id)) return "The name may contain lower-case letters, digits, \u201C-\u201D and \u201C_\u201D, and must start with a letter or digit.";
  if (fps !== null && !(fps > 0 && fps <= MOST_FPS))
    return `Enter a number above 0 and at most ${MOST_FPS}, or leave it empty for no limit.`;
  if (models.length === 0) return "Select at least one model.";
  return null;
}
var sameNames = (one, other) => [...one].sort().join() === [...other].sort().join();
var CameraForm = class {
  #dialog = document.getElementById("add-dialog");
  #form = document.getElementById("add-form");
  #error = document.getElementById("add-error");
  #models = new ModelChoice(document.getElementById("add-models"), document.getElementById("add-classifiers"));
  #image = document.getElementById("add-preview");
  #tested = document.getElementById("add-tested");
  #test = document.getElementById("add-test");
  #save = this.#form.querySelector("[type=submit]");
  #editing = null;
  // the view of the camera that is changed
  #before = null;
  // its address
  #guessed = "";
  #testing = null;
  // AbortController
  /** @param {() => Set<string>} takenIds @param {(view: object, added: boolean) => void} onSaved */
  constructor(takenIds, onSaved) {
    this.takenIds = takenIds;
    this.onSaved = onSaved;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#forgetTest());
    this.#test.addEventListener("click", () => this.#tryOut());
    const { url, id } = this.#form.elements;
    url.addEventListener("input", () => {
      this.#forgetTest();
      if (this.#editing || id.value !== this.#guessed) return;
      id.value = this.#guessed = guessId(url.value.trim(), this.takenIds());
    });
  }
  /** @param {object|null} view the camera to change; null for a new one */
  open(view = null) {
    this.#editing = view;
    this.#form.reset();
    this.#guessed = "";
    this.#say(null);
    this.#forgetTest();
    const { url, id } = this.#form.elements;
    id.disabled = view !== null;
    if (view) id.value = view.id;
    this.#form.elements.blur.checked = view?.blur === true;
    this.#form.elements.identity.checked = view?.identity === true;
    this.#form.elements.max_fps.value = view?.max_fps ?? "";
    url.required = view === null;
    document.getElementById("add-title").textContent = view ? `Change \u201C${view.id}\u201D` : "Add a camera";
    this.#before = null;
    this.#hint("add-url-hint", view ? `Currently ${view.url ?? "unknown"}. Leave empty to keep it.` : "");
    this.#hint("add-password-hint", "");
    if (view) this.#showAddress(view.id);
    this.#save.textContent = this.#saveWords;
    this.#dialog.showModal();
    url.focus();
    this.#fillModels();
  }
  /** The whole address of the camera that is changed, and its user; its password is known to the server only. */
  async #showAddress(id) {
    try {
      const address = await streamAddress(id);
      if (this.#editing?.id !== id) return;
      this.#before = address;
      if (address.url) this.#hint("add-url-hint", `Currently ${address.url}. Leave empty to keep it.`);
      if (this.#form.elements.user.value === "") this.#form.elements.user.value = address.user ?? "";
      this.#hint("add-password-hint", address.has_password ? "Leave empty to keep it; enter it again for another address." : "");
    } catch {
    }
  }
  #hint(id, words) {
    const hint = document.getElementById(id);
    hint.textContent = words;
    hint.hidden = !words;
  }
  /** User and password as they were entered; nothing where nothing was. */
  #credentials() {
    const { user, password } = this.#form.elements;
    return { ...user.value && { user: user.value }, ...password.value && { password: password.value } };
  }
  get #saveWords() {
    return this.#editing ? "Save changes" : "Add camera";
  }
  async #fillModels() {
    try {
      if (!await this.#models.fill(this.#editing?.models ?? null)) this.#say("The server has no models.");
    } catch (error) {
      this.#say(`The models could not be listed: ${error.message}`);
    }
  }
  async #tryOut() {
    const url = this.#form.elements.url.value.trim();
    if (!SCHEMES.test(url)) return this.#say("Enter a URL that starts with rtsp://, rtsps://, http:// or https://.");
    this.#forgetTest();
    this.#say(null);
    const testing = this.#testing = new AbortController();
    this.#test.disabled = true;
    this.#tested.textContent = "Opening the camera\u2026";
    try {
      const blob = await testStream({ url, ...this.#credentials() }, testing.signal);
      const bitmap = await createImageBitmap(blob);
      if (testing.signal.aborted) return bitmap.close();
      this.#image.width = bitmap.width;
      this.#image.height = bitmap.height;
      this.#image.getContext("2d").drawImage(bitmap, 0, 0);
      this.#image.hidden = false;
      this.#tested.textContent = `It works: received a frame of ${bitmap.width} \xD7 ${bitmap.height}.`;
      bitmap.close();
    } catch (error) {
      if (testing.signal.aborted) return;
      this.#tested.textContent = "";
      this.#say(error.message, error.suggestion);
    } finally {
      this.#test.disabled = false;
    }
  }
  #forgetTest() {
    this.#testing?.abort();
    this.#testing = null;
    this.#test.disabled = false;
    this.#tested.textContent = "";
    this.#image.hidden = true;
    this.#image.width = this.#image.height = 0;
  }
  async #submit() {
    const { url, id, blur, identity, max_fps: fps } = this.#form.elements;
    const config = {
      id: id.value.trim(),
      url: url.value.trim(),
      blur: blur.checked,
      identity: identity.checked,
      max_fps: fps.value === "" && !fps.validity.badInput ? null : fps.valueAsNumber,
      models: this.#models.names
    };
    const wrong = complaint3(config, this.#editing !== null);
    if (wrong) return this.#say(wrong);
    this.#say(null);
    this.#save.disabled = true;
    this.#save.textContent = this.#editing ? "Saving\u2026" : "Adding\u2026";
    try {
      const view = this.#editing ? await this.#change(config) : await addStream({ ...config, ...this.#credentials() });
      this.#dialog.close();
      this.onSaved(view, this.#editing === null);
    } catch (error) {
      this.#say(error.message, error.suggestion);
    } finally {
      this.#save.disabled = false;
      this.#save.textContent = this.#saveWords;
    }
  }
  #change({ id, url, blur, identity, models, max_fps }) {
    const before = this.#editing;
    const { user, password } = this.#credentials();
    const changes = {
      ...url && { url },
      ...(user ?? null) !== (this.#before?.user ?? null) && { user: user ?? null },
      ...url && user && { user },
      ...password && { password, ...user && { user } },
      ...!sameNames(models, before.models) && { models },
      ...blur !== (before.blur === true) && { blur },
      ...identity !== (before.identity === true) && { identity },
      ...max_fps !== (before.max_fps ?? null) && { max_fps }
    };
    return Object.keys(changes).length ? changeStream(id, changes) : before;
  }
  /** suggestion: the URL as it was probably meant, well encoded; offered, never put in by itself */
  #say(words, suggestion = null) {
    this.#error.hidden = !words;
    this.#error.replaceChildren(words ?? "");
    if (!suggestion) return;
    const take = el("button", { type: "button", className: "button" }, "Use the encoded form");
    take.addEventListener("click", () => {
      this.#form.elements.url.value = suggestion;
      this.#say(null);
    });
    this.#error.append(" ", take);
  }
};

// scene-canvas.js
var NEAR = 14;
var STEP = 5e-3;
var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
var SceneCanvas = class extends EventTarget {
  shapes = [];
  selected = null;
  // one of shapes
  drawing = null;
  // {kind, points} while one is drawn
  #svg;
  #pointer = null;
  // where it is, while drawing
  #held = null;
  // {shape, at, from, points} while something is dragged
  /** @param {SVGSVGElement} svg laid exactly over the image */
  constructor(svg2) {
    super();
    this.#svg = svg2;
    svg2.addEventListener("pointerdown", (event) => this.#down(event));
    svg2.addEventListener("pointermove", (event) => this.#move(event));
    svg2.addEventListener("pointerup", () => this.#held = null);
    svg2.addEventListener("pointercancel", () => this.#held = null);
    svg2.addEventListener("dblclick", () => this.finish());
    svg2.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.render()).observe(svg2);
  }
  open(shapes) {
    this.shapes = shapes;
    this.selected = this.drawing = this.#held = null;
    this.render();
  }
  select(shape) {
    if (this.selected === shape) return;
    this.selected = shape;
    this.render();
    this.#tell("select");
  }
  /** Begins to draw: the next clicks are its corners. */
  draw(kind) {
    this.drawing = { kind, points: [] };
    this.#pointer = null;
    this.select(null);
    this.render();
    this.#tell("drawing");
  }
  cancel() {
    if (!this.drawing) return;
    this.drawing = null;
    this.render();
    this.#tell("drawing");
  }
  /** Ends drawing with what is there; what is too little is forgotten. */
  finish() {
    if (!this.drawing) return;
    const { kind, points } = this.drawing;
    const apart = points.filter((point, at) => String(point) !== String(points[at - 1]));
    this.drawing = null;
    if (apart.length >= (kind === "zone" ? 3 : 2)) this.#add(kind, apart);
    this.render();
    this.#tell("drawing");
  }
  /** One that is there at once, to be moved by keys. */
  place(kind) {
    this.drawing = null;
    this.#add(kind, ready(kind));
    this.#tell("drawing");
    this.#svg.querySelector(".scene-handle")?.focus();
  }
  remove(shape) {
    this.shapes = this.shapes.filter((other) => other !== shape);
    this.selected = null;
    this.render();
    this.#tell("change");
    this.#tell("select");
  }
  #add(kind, points) {
    const shape = { kind, name: freeName(kind, this.shapes), points, labels: [], anchor: "foot", stay_s: null };
    this.shapes = [...this.shapes, shape];
    this.selected = null;
    this.select(shape);
    this.#tell("change");
  }
  // pointer
  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return inside([(clientX - left) / width, (clientY - top) / height]);
  }
  #down(event) {
    if (event.button !== 0) return;
    const at = this.#at(event);
    if (this.drawing) return this.#corner(at, event);
    const { shape: number2, handle, between: between2 } = event.target.closest("[data-shape]")?.dataset ?? {};
    const shape = this.shapes[number2];
    if (!shape) return this.select(null);
    this.select(shape);
    let index = handle === void 0 ? null : Number(handle);
    if (between2 !== void 0) {
      index = Number(between2) + 1;
      shape.points.splice(index, 0, at);
      this.#tell("change");
    }
    this.#held = { shape, index, from: at, points: shape.points.map((point) => [...point]) };
    this.#svg.setPointerCapture(event.pointerId);
    this.render();
  }
  #corner(at, event) {
    const { kind, points } = this.drawing;
    event.preventDefault();
    if (kind === "zone" && points.length >= 3 && this.#near(points[0], at)) return this.finish();
    points.push(at);
    if (kind === "line" && points.length === 2 || points.length === MOST_POINTS) return this.finish();
    this.render();
  }
  #near(a, b) {
    const { width, height } = this.#svg.getBoundingClientRect();
    return Math.hypot((a[0] - b[0]) * width, (a[1] - b[1]) * height) <= NEAR;
  }
  #move(event) {
    if (this.drawing) {
      this.#pointer = this.#at(event);
      return this.render();
    }
    if (!this.#held) return;
    const { shape, index, from, points } = this.#held;
    const at = this.#at(event);
    if (index !== null) shape.points[index] = at;
    else shape.points = shifted(points, at[0] - from[0], at[1] - from[1]);
    this.render();
    this.#tell("change");
  }
  // keys
  #key(event) {
    if (this.drawing && (event.key === "Enter" || event.key === "Escape")) {
      if (event.key === "Enter") this.finish();
      else this.cancel();
      event.preventDefault();
      return;
    }
    const { shape: number2, handle } = event.target.dataset;
    const shape = this.shapes[number2];
    if (!shape) return;
    if (event.key === "Enter" || event.key === " ") this.select(shape);
    else if (ARROWS[event.key]) this.#nudge(shape, handle, ARROWS[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#delete(shape, handle);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  #nudge(shape, handle, [dx, dy], times) {
    const [x, y] = [dx * STEP * times, dy * STEP * times];
    if (handle === void 0) shape.points = shifted(shape.points, x, y);
    else shape.points[handle] = inside([shape.points[handle][0] + x, shape.points[handle][1] + y]);
    this.render();
    this.#tell("change");
  }
  #delete(shape, handle) {
    if (handle === void 0 || shape.kind === "line" || shape.points.length <= 3) return this.remove(shape);
    shape.points.splice(Number(handle), 1);
    this.render();
    this.#tell("change");
  }
  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
  // drawing
  render() {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!width) return;
    const focused = this.#svg.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = ([x, y]) => [x * width, y * height];
    const parts = this.shapes.map((shape, number2) => this.#shape(shape, number2, scale));
    if (this.drawing) parts.push(this.#draft(scale));
    this.#svg.replaceChildren(...parts);
    this.#svg.classList.toggle("drawing", this.drawing !== null);
    if (!focused?.shape) return;
    const handle = focused.handle === void 0 ? ":not([data-handle])" : `[data-handle="${focused.handle}"]`;
    this.#svg.querySelector(`[tabindex][data-shape="${focused.shape}"]${handle}`)?.focus();
  }
  #shape(shape, number2, scale) {
    const chosen = shape === this.selected;
    const points = shape.points.map(scale);
    const group = svg("g", { class: `scene-shape ${shape.kind}${chosen ? " chosen" : ""}` });
    const outline = points.map((point) => point.join()).join(" ");
    const words = `${shape.name}, ${shape.kind} with ${points.length} points`;
    const area = svg(shape.kind === "zone" ? "polygon" : "polyline", {
      points: outline,
      class: "scene-area",
      "data-shape": number2,
      tabindex: 0,
      role: "button",
      "aria-label": words,
      "aria-pressed": chosen
    });
    if (shape.kind === "line") {
      group.append(svg("polyline", { points: outline, class: "scene-catch", "data-shape": number2 }));
      group.append(svg("path", { class: "scene-arrow", d: arrowPath(inward(points, 30)) }));
    }
    group.append(area, label(shape, points));
    if (chosen) group.append(...this.#handles(shape, number2, points));
    return group;
  }
  #handles(shape, number2, points) {
    const handles = [];
    if (shape.kind === "zone" && shape.points.length < MOST_POINTS)
      points.forEach((point, at) => {
        const [x, y] = [0, 1].map((axis) => (point[axis] + points[(at + 1) % points.length][axis]) / 2);
        handles.push(
          svg("circle", { cx: x, cy: y, r: 5, class: "scene-between", "data-shape": number2, "data-between": at })
        );
      });
    points.forEach(([x, y], at) => {
      const [shareX, shareY] = shape.points[at].map((value) => Math.round(value * 100));
      const words = `${shape.name}, point ${at + 1}: ${shareX} % from the left, ${shareY} % from the top; arrow keys move it`;
      handles.push(
        svg("circle", {
          cx: x,
          cy: y,
          r: 8,
          class: "scene-handle",
          "data-shape": number2,
          "data-handle": at,
          tabindex: 0,
          role: "button",
          "aria-label": words
        })
      );
    });
    return handles;
  }
  #draft(scale) {
    const points = [...this.drawing.points, ...this.#pointer ? [this.#pointer] : []].map(scale);
    const group = svg("g", { class: `scene-shape ${this.drawing.kind} draft` });
    group.append(svg("polyline", { points: points.map((point) => point.join()).join(" "), class: "scene-area" }));
    for (const [x, y] of this.drawing.points.map(scale))
      group.append(svg("circle", { cx: x, cy: y, r: 6, class: "scene-handle" }));
    return group;
  }
};
function label(shape, points) {
  const [x, y] = shape.kind === "zone" ? centre(points) : middleOf(points);
  const words = svg("text", { x, y, class: "scene-name" });
  words.append(shape.name);
  return words;
}
var middleOf = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2 - 10];

// scene-dialog.js
var HINTS = {
  none: "Draw a zone or a line. Select one to move it or its points.",
  zone: "Click the corners in turn; click the first one again or press Enter to finish.",
  line: "Click the start, then the end. Crossing towards the arrow counts as in."
};
var SceneDialog = class {
  #dialog = document.getElementById("scene-dialog");
  #canvas = new SceneCanvas(document.getElementById("scene-canvas"));
  #image = document.getElementById("scene-image");
  #form = document.getElementById("scene-form");
  #error = document.getElementById("scene-error");
  #hint = document.getElementById("scene-hint");
  #list = document.getElementById("scene-list");
  #save = document.getElementById("scene-save");
  #shape = document.getElementById("scene-shape");
  #labels = new LabelChoice(document.querySelector("#scene-labels .choices"));
  #id = null;
  #was = "";
  // what the server has
  #url = null;
  #classes = [];
  constructor() {
    const canvas = this.#canvas;
    for (const button2 of this.#dialog.querySelectorAll("[data-draw]"))
      button2.addEventListener("click", (event) => {
        if (event.detail === 0) canvas.place(button2.dataset.draw);
        else if (canvas.drawing?.kind === button2.dataset.draw) canvas.cancel();
        else canvas.draw(button2.dataset.draw);
      });
    canvas.addEventListener("change", () => this.#changed());
    canvas.addEventListener("select", () => this.#showShape());
    canvas.addEventListener("drawing", () => this.#showTools());
    this.#shape.addEventListener("input", () => this.#take());
    document.getElementById("scene-flip").addEventListener("click", () => this.#flip());
    document.getElementById("scene-remove").addEventListener("click", () => canvas.remove(canvas.selected));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#leave());
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (canvas.drawing) canvas.cancel();
      else this.#leave();
    });
    this.#dialog.addEventListener("close", () => this.#forget());
  }
  /** @param {object} view of the stream */
  async open({ id, models, size_wh: size }) {
    this.#id = id;
    document.getElementById("scene-title").textContent = `Zones and lines of \u201C${id}\u201D`;
    this.#say(null);
    this.#canvas.open([]);
    this.#dialog.showModal();
    await Promise.all([this.#loadImage(id, size !== null), this.#loadScene(id), this.#loadLabels(models)]);
    this.#showTools();
    this.#showShape();
  }
  async #loadImage(id, seen2) {
    const blank = document.getElementById("scene-blank");
    blank.hidden = false;
    blank.textContent = "Loading an image\u2026";
    this.#image.hidden = true;
    try {
      const blob = seen2 ? await snapshot(id) : null;
      if (this.#id !== id) return;
      blank.textContent = "The camera has no image now. You can still draw: positions are relative to the image.";
      if (!blob) return;
      this.#image.src = this.#url = URL.createObjectURL(blob);
      await this.#image.decode();
      this.#image.hidden = false;
      blank.hidden = true;
      this.#canvas.render();
    } catch (error) {
      blank.textContent = `The image could not be loaded: ${error.message}`;
    }
  }
  async #loadScene(id) {
    this.#save.disabled = true;
    try {
      const scene = await ifThere(`/v1/zones/${encodeURIComponent(id)}`) ?? {};
      if (this.#id !== id) return;
      const fixed = scene.origin === "configuration";
      this.#dialog.classList.toggle("fixed", fixed);
      if (fixed) this.#say("The configuration (monitoring.scenes) defines these; change them there.");
      for (const element of this.#dialog.querySelectorAll("[data-draw], #scene-shape")) element.disabled = fixed;
      this.#save.disabled = fixed;
      this.#canvas.open(shapesOf(scene.scene ?? scene));
      this.#was = JSON.stringify(sceneOf(this.#canvas.shapes));
      this.#showList();
    } catch (error) {
      this.#say(`The zones could not be loaded: ${error.message}`);
    }
  }
  async #loadLabels(models) {
    try {
      const cards = (await listModels()).filter(({ name }) => models.includes(name)).map(({ card }) => card);
      this.#classes = [...new Set(cards.filter(({ task }) => task === "detect").flatMap(({ classes }) => classes))];
    } catch {
      this.#classes = [];
    }
  }
  #changed() {
    this.#say(null);
    this.#showList();
  }
  #showTools() {
    const { drawing } = this.#canvas;
    for (const button2 of this.#dialog.querySelectorAll("[data-draw]"))
      button2.setAttribute("aria-pressed", drawing?.kind === button2.dataset.draw);
    this.#hint.textContent = HINTS[drawing?.kind ?? "none"];
  }
  #showList() {
    const { shapes, selected } = this.#canvas;
    this.#list.replaceChildren(
      ...shapes.map(
        (shape) => el(
          "li",
          {},
          el(
            "button",
            {
              class: "button",
              type: "button",
              "aria-pressed": shape === selected,
              on: { click: () => this.#canvas.select(shape) }
            },
            shape.name,
            el("span", { class: "quiet" }, shape.kind)
          )
        )
      )
    );
    document.getElementById("scene-none").hidden = shapes.length > 0;
  }
  #showShape() {
    this.#showList();
    const shape = this.#canvas.selected;
    this.#shape.hidden = !shape;
    if (!shape) return;
    const { name, anchor, stay } = this.#form.elements;
    name.value = shape.name;
    anchor.value = shape.anchor;
    stay.value = shape.stay_s ?? "";
    document.getElementById("scene-stay").hidden = shape.kind !== "zone";
    document.getElementById("scene-flip").hidden = shape.kind !== "line";
    this.#labels.offer(this.#classes, shape.labels);
  }
  /** What the form says of the chosen one. */
  #take() {
    const shape = this.#canvas.selected;
    if (!shape) return;
    const { name, anchor, stay } = this.#form.elements;
    shape.name = name.value.trim();
    shape.anchor = anchor.value;
    shape.labels = this.#labels.chosen;
    shape.stay_s = shape.kind === "zone" && stay.value !== "" ? Number(stay.value) : null;
    this.#canvas.render();
    this.#changed();
  }
  #flip() {
    const shape = this.#canvas.selected;
    shape.points = [shape.points[1], shape.points[0]];
    this.#canvas.render();
    this.#changed();
  }
  async #submit() {
    this.#canvas.finish();
    const { shapes } = this.#canvas;
    const wrong = complaint(shapes);
    if (wrong) return this.#say(wrong);
    this.#save.disabled = true;
    try {
      if (shapes.length) await putScene(this.#id, sceneOf(shapes));
      else if (this.#was !== JSON.stringify(sceneOf([]))) await deleteScene(this.#id);
      toast(`Zones and lines of ${this.#id} were saved.`);
      this.#dialog.close();
    } catch (error) {
      this.#say(error.message);
    } finally {
      this.#save.disabled = false;
    }
  }
  async #leave() {
    const changed2 = JSON.stringify(sceneOf(this.#canvas.shapes)) !== this.#was;
    if (changed2 && !this.#save.disabled && !await ask("Leave without saving?", "Your changes will be lost.", "Leave"))
      return;
    this.#dialog.close();
  }
  #forget() {
    this.#canvas.open([]);
    this.#image.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#id = this.#url = null;
  }
  #say(words) {
    this.#error.hidden = !words;
    this.#error.textContent = words ?? "";
  }
};

// tag-dialog.js
var AGAIN_MS = 2e3;
var EXPLAINED = "Say of about twenty images, at different times, whether they show it. What is learnt is tested at once on images that it was not learnt from. No image is kept, only key points and coarse colours.";
var many = (count2, one, more) => `${count2} ${count2 === 1 ? one : more}`;
var percent = (share2) => `${Math.round(share2 * 100)} %`;
function standing({ present, absent: absent2, test, served, why }) {
  const examples = `${many(present.frames, "image shows", "images show")} it, ${many(absent2.frames, "does", "do")} not`;
  if (test === null) return `${examples}: ${why}.`;
  const figures = `F1 ${test.f1.toFixed(2)}: right in ${percent(test.precision)} of what it says, finds ${percent(test.recall)}`;
  return served ? `${examples}. In use (${figures}).` : `${examples}. Not in use: ${why} (${figures}).`;
}
function openTagDialog(id) {
  let timer = null;
  let url = null;
  let closed = false;
  const name = el("input", { name: "tag", type: "text", autocomplete: "off", maxLength: 63, required: true, pattern: "[A-Za-z0-9][A-Za-z0-9 _\\-]*", placeholder: "gate open" });
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const said = el("p", { class: "quiet", role: "status" });
  const image = el("img", { class: "tag-image", alt: `The newest image of ${id}` });
  const list3 = el("ul", { class: "tag-list" });
  const example = (present, label2) => el("button", { class: "button primary", type: "button", on: { click: () => teach(present) } }, label2);
  const buttons = [example(true, "Shows it"), example(false, "Does not")];
  const form = el(
    "form",
    { on: { submit: (event) => event.preventDefault() } },
    el("h2", { id: "tag-title" }, `Tags of \u201C${id}\u201D`),
    el("p", { class: "quiet" }, EXPLAINED),
    image,
    el("label", { class: "field" }, el("span", {}, "What an image may show"), name),
    el("div", { class: "card-actions" }, ...buttons),
    error,
    said,
    list3,
    el("div", { class: "sheet-actions" }, el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close"))
  );
  const dialog = el("dialog", { class: "sheet", "aria-labelledby": "tag-title", on: { close: leave } }, form);
  function leave() {
    closed = true;
    clearTimeout(timer);
    if (url) URL.revokeObjectURL(url);
    dialog.remove();
  }
  async function look() {
    try {
      const blob = await snapshot(id);
      if (closed) return;
      if (url) URL.revokeObjectURL(url);
      url = blob === null ? null : URL.createObjectURL(blob);
      image.hidden = url === null;
      if (url) image.src = url;
    } catch (problem) {
      complain(problem);
    }
    if (!closed) timer = setTimeout(look, AGAIN_MS);
  }
  function complain(problem) {
    error.textContent = problem?.message ?? "";
    error.hidden = !problem;
  }
  async function teach(present) {
    complain(null);
    if (!form.reportValidity()) return;
    for (const button2 of buttons) button2.disabled = true;
    try {
      const tag = await teachTag(id, name.value.trim(), present);
      said.textContent = `${tag.name}: ${standing(tag)}`;
      await show();
    } catch (problem) {
      complain(problem);
    }
    for (const button2 of buttons) button2.disabled = false;
  }
  async function show() {
    const tags = await listTags(id);
    list3.replaceChildren(...tags.map(rowOf));
  }
  function rowOf(tag) {
    const pick = el("button", { class: "button", type: "button", on: { click: () => choose(tag.name) } }, "Teach");
    const drop = el("button", { class: "button", type: "button", on: { click: () => forget2(tag.name) } }, "Forget");
    pick.setAttribute("aria-label", `Teach ${tag.name}`);
    drop.setAttribute("aria-label", `Forget ${tag.name}`);
    return el("li", {}, el("strong", {}, tag.name), el("p", { class: "quiet" }, standing(tag)), el("div", { class: "card-actions" }, pick, drop));
  }
  function choose(tag) {
    name.value = tag;
    name.focus();
  }
  async function forget2(tag) {
    if (!await ask(`Forget \u201C${tag}\u201D?`, "Its examples go, too: it must be taught anew to come back.", "Forget")) return;
    try {
      await forgetTag(id, tag);
      toast(`${tag} was forgotten.`);
      await show();
    } catch (problem) {
      complain(problem);
    }
  }
  document.body.append(dialog);
  dialog.showModal();
  look();
  show().catch(complain);
}

// cameras-page.js
var WORDS2 = {
  failed: "The camera cannot be used.",
  reconnecting: "Connection lost; trying again.",
  stalled: "The camera has stopped sending frames."
};
var limitWords = ({ max_fps: fps }) => fps ? `, limit ${fps}` : "";
var CamerasPage = class {
  title = "Cameras";
  #streams;
  #form;
  #scenes = new SceneDialog();
  #rows = /* @__PURE__ */ new Map();
  // id → {element, text}
  #busy = /* @__PURE__ */ new Set();
  #shown = false;
  /** @param {import("./streams.js").Streams} streams */
  constructor(streams) {
    this.#streams = streams;
    const taken = () => new Set(streams.views.map(({ id }) => id));
    this.#form = new CameraForm(taken, (view, added) => {
      toast(`${view.id} was ${added ? "added" : "changed"}.`);
      streams.poll();
    });
    streams.addEventListener("change", () => this.#shown && this.#show());
  }
  show() {
    this.#shown = true;
    this.#show();
  }
  hide() {
    this.#shown = false;
  }
  add() {
    this.#form.open();
  }
  #show() {
    const list3 = document.getElementById("camera-list");
    const { views, known } = this.#streams;
    document.getElementById("cameras-none").hidden = !known || views.length > 0;
    const ids = new Set(views.map(({ id }) => id));
    for (const [id, row6] of this.#rows)
      if (!ids.has(id)) {
        row6.element.remove();
        this.#rows.delete(id);
      }
    for (const view of views) this.#showOne(list3, view);
  }
  #showOne(list3, view) {
    let row6 = this.#rows.get(view.id);
    if (!row6) {
      row6 = this.#make(view.id);
      this.#rows.set(view.id, row6);
      list3.append(row6.element);
    }
    const { state, last_error: error, enabled, ephemeral } = view;
    row6.view = view;
    row6.state.replaceChildren(badge(state, nameOfState(state)));
    const well = state === "live" || state === "disabled";
    row6.trouble.textContent = well ? view.identity_problem ?? "" : error || WORDS2[state] || "";
    row6.trouble.hidden = row6.trouble.textContent === "";
    row6.url.textContent = view.url ?? (view.kind === "whip" ? "pushed by a browser (WHIP)" : `pushed (${view.kind})`);
    row6.facts.replaceChildren(
      fact("Video", videoWords(view)),
      fact("Models", `${view.models.join(", ")}${view.blur ? ", blurred" : ""}${view.identity ? ", says who is seen" : ""}`),
      fact("Received / analysed", `${rateWords(view.fps)} / ${rateWords(view.analysed_fps)} fps${limitWords(view)}`),
      fact("Latency", view.latency_ms === null ? "\u2013" : `${number(view.latency_ms)} ms`),
      fact("Dropped", short(view.dropped)),
      fact("Reconnects", String(view.reconnects)),
      fact("Viewers", String(view.viewers ?? 0)),
      fact("Node", view.node)
    );
    row6.pause.replaceChildren(icon(enabled ? "pause" : "play"), enabled ? "Pause" : "Resume");
    row6.pause.hidden = row6.edit.hidden = ephemeral || view.url === null || !mayOn("cameras", view.id);
    row6.remove.hidden = !mayOn("cameras", view.id);
    row6.zones.hidden = row6.tags.hidden = !mayOn("zones", view.id);
    for (const button2 of [row6.pause, row6.edit, row6.remove]) button2.disabled = this.#busy.has(view.id);
  }
  #make(id) {
    const row6 = { view: null };
    const button2 = (label2, name, act, needs = "cameras") => el("button", { class: "button", type: "button", dataset: { needs }, on: { click: act } }, icon(name), label2);
    Object.assign(row6, {
      state: el("span"),
      url: el("p", { class: "camera-url quiet" }),
      trouble: el("p", { class: "camera-trouble" }),
      facts: el("dl", { class: "facts" }),
      pause: button2("Pause", "pause", () => this.#toggle(row6.view)),
      zones: button2("Zones", "zone", () => this.#scenes.open(row6.view), "zones"),
      tags: button2("Tags", "tag", () => openTagDialog(id), "zones"),
      edit: button2("Edit", "edit", () => this.#form.open(row6.view)),
      remove: button2("Remove", "trash", () => this.#remove(id))
    });
    for (const [name, what] of [[row6.zones, "Zones of"], [row6.tags, "Tags of"], [row6.edit, "Edit"], [row6.remove, "Remove"]]) name.setAttribute("aria-label", `${what} ${id}`);
    row6.element = el(
      "li",
      { class: "card camera", dataset: { stream: id } },
      el("div", { class: "camera-head" }, el("h2", {}, el("a", { href: `#/live/${id}` }, id)), row6.state),
      row6.url,
      row6.trouble,
      row6.facts,
      el("div", { class: "card-actions" }, row6.pause, row6.zones, row6.tags, row6.edit, row6.remove)
    );
    return row6;
  }
  async #toggle({ id, enabled }) {
    await this.#work(id, enabled ? "paused" : "resumed", () => changeStream(id, { enabled: !enabled }));
  }
  async #remove(id) {
    if (await askRemoval(id)) await this.#work(id, "removed", () => removeStream(id));
  }
  async #work(id, done, work) {
    this.#busy.add(id);
    this.#show();
    try {
      await work();
      toast(`${id} was ${done}.`);
    } catch (error) {
      toast(`${id} could not be ${done}: ${error.message}`, "bad");
    }
    this.#busy.delete(id);
    await this.#streams.poll();
  }
};
var fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

// event-filters.js
var BETWEEN2 = "";
var isHere = () => /^#\/events\b/.test(location.hash);
var localTime2 = (iso) => {
  const at = new Date(iso);
  return Number.isNaN(at.valueOf()) ? "" : new Date(at - at.getTimezoneOffset() * 6e4).toISOString().slice(0, 16);
};
var WORDS3 = { label: (label2) => labelName(label2), person: (id) => personName(id) };
var EventFilters = class extends EventTarget {
  #form = document.getElementById("events-tools");
  #more = document.getElementById("events-more");
  #said = new URLSearchParams();
  constructor() {
    super();
    this.#form.elements.kind.append(...Object.entries(KINDS).map(([value, words]) => new Option(words, value)));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", (event) => this.#changed(event.target.name));
    document.getElementById("events-reset").addEventListener("click", () => {
      this.#go(new URLSearchParams(this.view === "events" ? { view: "events" } : {}));
    });
    for (const kind of ["hashchange", "popstate"]) window.addEventListener(kind, () => isHere() && this.#follow());
  }
  /** @returns {URLSearchParams} */
  get said() {
    return this.#said;
  }
  get view() {
    return viewOf(this.#said);
  }
  set hidden(hidden) {
    this.#form.hidden = hidden;
  }
  /** Takes over what the address says; nobody is told. */
  read() {
    this.#said = saidIn(location.hash);
    this.#fillIn();
  }
  /** What there is to choose from. @param {string[]} streams */
  async offer(streams) {
    this.offerStreams(streams);
    const [scenes, rules, models] = await Promise.all([
      ifThere("/v1/zones").catch(() => null),
      ifThere("/v1/rules").catch(() => null),
      listModels().catch(() => [])
    ]);
    const places = (which) => scenes?.scenes.flatMap((scene) => scene[which].map(({ name }) => name)) ?? [];
    this.#offer("zone", places("zones"));
    this.#offer("line", places("lines"));
    this.#offer("rule", rules?.rules.map(({ name }) => name) ?? []);
    this.#offer(
      "label",
      models.flatMap(({ card }) => card.classes)
    );
    this.#fillIn();
  }
  offerStreams(ids) {
    this.#offer("stream", ids);
    this.#fillIn();
  }
  /** Those who are enrolled, as far as this page may know. */
  offerPeople() {
    this.#offer("person", everybody().map(({ id }) => id));
    this.#fillIn();
  }
  #offer(name, values) {
    const select = this.#form.elements[name];
    const words = WORDS3[name] ?? String;
    const known = [...new Set(values)].sort().map((value) => [value, words(value)]);
    if (known.join() === [...select.options].slice(1).map(({ value, text: text2 }) => [value, text2]).join()) return;
    select.replaceChildren(select.options[0], ...known.map(([value, text2]) => new Option(text2, value)));
  }
  #follow() {
    const said = saidIn(location.hash);
    if (said.toString() === this.#said.toString()) return;
    this.#said = said;
    this.#fillIn();
    this.dispatchEvent(new Event("change"));
  }
  #changed(name) {
    const { elements } = this.#form;
    const given = new URLSearchParams(new FormData(this.#form).get("view") === "events" ? { view: "events" } : {});
    const custom = elements.range.value === "custom";
    for (const each2 of namesOf(viewOf(given))) {
      const { value } = elements[each2];
      if (!value || ["since", "until"].includes(each2) && !custom) continue;
      if (["since", "until"].includes(each2)) given.set(each2, new Date(value).toISOString());
      else for (const one of value.split(BETWEEN2)) given.append(each2, one);
    }
    this.#showTimes(custom);
    if (name === "range" && custom) return elements.since.focus();
    this.#go(narrowed(given, viewOf(given)));
  }
  #go(said) {
    history.pushState(null, "", addressOf(said));
    this.#follow();
  }
  #fillIn() {
    const { elements } = this.#form;
    const view = this.view;
    for (const radio of elements.view) radio.checked = radio.value === view;
    const here = new Set(namesOf(view));
    let more = false;
    for (const name of /* @__PURE__ */ new Set([...namesOf("tracks"), ...namesOf("events")])) {
      const field3 = elements[name];
      const values = this.#said.getAll(name);
      if (name === "range") field3.value = this.#custom ? "custom" : values[0] ?? "24h";
      else if (["since", "until"].includes(name)) field3.value = values[0] ? localTime2(values[0]) : "";
      else this.#choose(field3, values, here.has(name));
      more ||= values.length > 0 && this.#more.contains(field3);
    }
    this.#showTimes(this.#custom);
    if (more) this.#more.open = true;
  }
  /** Sets a field; a choice that is not offered (a camera that is gone, several labels) is added. */
  #choose(field3, values, applies) {
    const value = values.join(BETWEEN2);
    if (field3.options) {
      for (const option of [...field3.options])
        if ("added" in option.dataset && option.value !== value) option.remove();
      if (![...field3.options].some((option) => option.value === value)) {
        const option = new Option(values.map(WORDS3[field3.name] ?? String).join(", "), value);
        option.dataset.added = "";
        field3.add(option);
      }
    }
    field3.value = value;
    const nothing = field3.options?.length === 1 && "offered" in field3.dataset;
    (field3.closest("label.inline") ?? field3).hidden = !applies || nothing;
  }
  get #custom() {
    return Boolean(this.#said.get("since") || this.#said.get("until"));
  }
  #showTimes(custom) {
    for (const name of ["since", "until"]) this.#form.elements[name].closest("label").hidden = !custom;
  }
};

// time-ticks.js
var MINUTE = 6e4;
var HOUR = 60 * MINUTE;
var DAY = 24 * HOUR;
var STEPS2 = [
  ...[1, 5, 10, 15, 30].map((count2) => count2 * MINUTE),
  ...[1, 2, 3, 6, 12].map((count2) => count2 * HOUR),
  ...[1, 2, 7, 14, 30, 90].map((count2) => count2 * DAY)
];
function timeTicks(min, max, most) {
  const step = STEPS2.find((ms) => (max - min) / ms <= most) ?? STEPS2.at(-1);
  return (step < DAY ? evenTimes(min, max, step) : midnights(min, max, step / DAY)).map((value) => ({
    value,
    label: labelOf(value, step)
  }));
}
function evenTimes(min, max, step) {
  const offset = new Date(min).getTimezoneOffset() * MINUTE;
  const times = [];
  for (let at = Math.ceil((min - offset) / step) * step + offset; at <= max; at += step) times.push(at);
  return times;
}
function midnights(min, max, days) {
  const times = [];
  const at = new Date(min);
  for (at.setHours(24, 0, 0, 0); at <= max; at.setDate(at.getDate() + days)) times.push(at.getTime());
  return times;
}
function labelOf(value, step) {
  const at = new Date(value);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (step >= DAY || isMidnight) return at.toLocaleDateString(void 0, { month: "short", day: "numeric" });
  return at.toLocaleTimeString(void 0, { hour: "2-digit", minute: "2-digit" });
}

// chart.js
var LIBRARY = "/static/vendor/chart.umd.min.js";
var COLOURS = ["#0b8f81", "#4f7fe0", "#b0589f", "#c98f2b", "#7c6ad6", "#4f9d4a", "#c25b4e", "#6f7f8f"];
var FILL_ALPHA = "bf";
var loading = null;
function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Chart);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("The chart library could not be loaded. Reload the page."));
    };
    document.head.append(script);
  });
  return loading;
}
var Chart = class {
  #place;
  #chart = null;
  #drawing = Promise.resolve();
  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }
  /**
   * @param {Series[]} series
   * @param {{x?: Axis, y?: Axis, height?: number, horizontal?: boolean, stacked?: boolean, barWidth?: number,
   *   formatTitle?: (index: number, x: number) => string, formatValue?: (y: number) => string}} look horizontal: y has the
   *   labels; barWidth: in the x axis' unit; formatTitle and formatValue: what the tooltip says of a point
   */
  draw(series, look) {
    this.#drawing = this.#drawing.then(() => this.#draw(series, look)).catch((error) => {
      this.#chart?.destroy();
      this.#chart = null;
      this.#place.textContent = error.message;
    });
    return this.#drawing;
  }
  async #draw(series, look) {
    const Library = await library();
    if (!this.#place.clientWidth) return;
    this.#place.style.height = `${look.height ?? 240}px`;
    const config = configOf(series, look);
    if (this.#chart === null) {
      const canvas = document.createElement("canvas");
      this.#place.replaceChildren(canvas);
      this.#chart = new Library(canvas, { ...config, plugins: [barWidths] });
    } else {
      Object.assign(this.#chart, { options: config.options });
      Object.assign(this.#chart.data, config.data);
      this.#chart.update("none");
    }
  }
};
var barWidths = {
  id: "barWidths",
  beforeDatasetsUpdate({ scales, data, options }) {
    if (!options.barWidth) return;
    const width = scales.x.getPixelForValue(scales.x.min + options.barWidth) - scales.x.getPixelForValue(scales.x.min);
    for (const dataset of data.datasets) dataset.barThickness = Math.max(1, width * 0.9);
  }
};
function configOf(series, look) {
  const { x = {}, y = {}, horizontal = false, stacked = false, barWidth = null } = look;
  const style = getComputedStyle(document.body);
  const [text2, line] = ["--quiet", "--line"].map((name) => resolved(style.getPropertyValue(name)));
  const font = { family: style.fontFamily, size: 12 };
  const theme = { text: text2, line, font, stacked };
  return {
    type: series[0]?.shape === "bar" ? "bar" : "line",
    data: { labels: (horizontal ? y : x).labels, datasets: series.map(datasetOf) },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: horizontal ? "y" : "x",
      barWidth,
      interaction: { mode: "index", intersect: false, axis: horizontal ? "y" : "x" },
      scales: {
        x: axisOf(x, { ...theme, fromZero: horizontal }),
        y: axisOf(y, { ...theme, fromZero: !horizontal })
      },
      plugins: { legend: legendOf(series, theme), tooltip: tooltipOf(look, horizontal ? x : y) }
    }
  };
}
function datasetOf({ name, points, shape = "line", colour, dotted = false, filled = false }, index) {
  const drawn = colour ?? COLOURS[index % COLOURS.length];
  return {
    type: shape === "bar" ? "bar" : "line",
    label: name,
    data: points,
    borderColor: drawn,
    backgroundColor: shape === "bar" ? drawn : drawn + FILL_ALPHA,
    borderWidth: shape === "bar" ? 0 : filled ? 1 : 2.5,
    borderDash: dotted ? [2, 3] : [],
    pointRadius: 0,
    pointHoverRadius: shape === "step" ? 0 : 3,
    stepped: shape === "step" ? "before" : false,
    fill: filled ? "origin" : false,
    order: filled ? 1 : 0
    // filled ones behind lines
  };
}
function axisOf(axis, { text: text2, line, font, stacked, fromZero }) {
  const { min, max, labels: labels2, unit = "", title, grid = true, ticks: most = 6, time: time2 = false } = axis;
  return {
    type: labels2 ? "category" : "linear",
    min,
    max,
    stacked,
    beginAtZero: fromZero,
    border: { display: false },
    grid: { display: grid && !labels2, color: line },
    title: { display: Boolean(title), text: title, color: text2, font },
    ticks: {
      color: text2,
      font,
      maxRotation: 0,
      autoSkip: !labels2,
      maxTicksLimit: labels2?.length ?? most,
      ...!labels2 && !time2 && { callback: (value) => `${value.toLocaleString()}${unit}` },
      ...time2 && { callback: (value, index, { [index]: tick }) => tick.label }
    },
    ...time2 && {
      afterBuildTicks: (scale) => {
        scale.ticks = timeTicks(scale.min, scale.max, most);
      }
    }
  };
}
function legendOf(series, { text: text2, font }) {
  const labels2 = { color: text2, font, boxWidth: 14, boxHeight: 2, padding: 8 };
  return { display: series.length > 1, align: "start", labels: labels2 };
}
function tooltipOf({ formatTitle, formatValue }, { unit = "", title = "" }) {
  const spoken = formatValue ?? ((value) => `${Number(value.toFixed(1)).toLocaleString()}${unit || ` ${title}`}`);
  const callbacks = {
    label: ({ dataset, parsed, chart }) => `${dataset.label}: ${spoken(chart.options.indexAxis === "y" ? parsed.x : parsed.y)}`,
    ...formatTitle && { title: ([item]) => item ? formatTitle(item.dataIndex, item.parsed.x) : "" }
  };
  return { animation: false, callbacks, filter: ({ parsed }) => parsed.x !== null && parsed.y !== null };
}
function resolved(colour) {
  const probe = document.createElement("i");
  probe.style.color = colour;
  document.body.append(probe);
  const plain = getComputedStyle(probe).color;
  probe.remove();
  return plain;
}

// event-timeline.js
var BUCKETS_MS = { minute: 6e4, hour: 36e5, day: 864e5 };
var EventTimeline = class {
  #chart = null;
  #figure = document.getElementById("events-timeline");
  #total = document.getElementById("events-total");
  hide() {
    this.#figure.hidden = true;
  }
  /** Events know nothing of what only tracks have: filtered by that, nothing is counted. */
  async show(said, signal) {
    if (hasTracksOnly(said)) return this.hide();
    try {
      const answer = await eventCounts(countQueryOf(said), signal);
      if (signal?.aborted || answer === null) return;
      this.#figure.hidden = false;
      this.#draw(answer, rangeOf(said));
    } catch {
      if (!signal?.aborted) this.hide();
    }
  }
  #draw({ counts, total, bucket }, range) {
    this.#total.textContent = `${total.toLocaleString()} ${total === 1 ? "event" : "events"}, by ${bucket}`;
    this.#chart ??= new Chart(document.getElementById("chart-events"));
    const barWidth = BUCKETS_MS[bucket];
    const starts = [...new Set(counts.map(({ start }) => start))];
    const bars = (name, colour, wanted) => {
      const sums = new Map(starts.map((start) => [start, 0]));
      for (const { start, count: count2, value } of counts) if (wanted(value)) sums.set(start, sums.get(start) + count2);
      const points = [...sums].map(([start, y]) => ({ x: Date.parse(start) + barWidth / 2, y }));
      return { name, colour, shape: "bar", points };
    };
    const isAlert = (kind) => kind === "alert";
    const series = [bars("events", "#0b8f81", (kind) => !isAlert(kind)), bars("alerts", "#d64550", isAlert)];
    const narrow = matchMedia("(max-width: 699px)").matches;
    const times = starts.map((start) => Date.parse(start));
    const [min, max] = [Math.min(range[0], ...times), Math.max(range[1], ...times.map((time2) => time2 + barWidth))];
    this.#chart.draw(series, {
      x: { min, max, time: true, ticks: narrow ? 3 : 6, grid: false },
      y: { ticks: 5 },
      height: 150,
      stacked: true,
      barWidth,
      formatTitle: (index) => new Date(starts[index]).toLocaleString()
    });
  }
};

// live-list.js
var MOST = 500;
var TOP_PX = 8;
var LiveList = class {
  #list;
  #button;
  #rowOf;
  #timeOf;
  #items = [];
  // newest first
  #waiting = /* @__PURE__ */ new Set();
  // ids of what came and is not shown
  #gap = false;
  // more came than is known of
  /**
   * @param {{list: HTMLElement, button: HTMLButtonElement}} elements
   * @param {(item: object) => HTMLElement} rowOf with `data-id`
   * @param {(item: object) => number} timeOf what the list is in the order of
   */
  constructor({ list: list3, button: button2 }, rowOf, timeOf3) {
    this.#list = list3;
    this.#button = button2;
    this.#rowOf = rowOf;
    this.#timeOf = timeOf3;
  }
  get size() {
    return this.#items.length;
  }
  /** Whether the reader is where the page begins. On phones the document scrolls, elsewhere the page does. */
  get atTop() {
    const page = this.#list.closest(".page");
    return Math.max(page.scrollTop, document.scrollingElement.scrollTop) <= TOP_PX;
  }
  clear() {
    this.replace([]);
  }
  /** These and no others. */
  replace(items) {
    this.#items = [...items];
    this.#waiting.clear();
    this.#gap = false;
    this.#draw(/* @__PURE__ */ new Set());
    this.#tell();
  }
  /** Older ones, at the end. */
  append(items) {
    const known = new Set(this.#items.map(({ id }) => id));
    this.#items = this.#sorted([...this.#items, ...items.filter(({ id }) => !known.has(id))]);
    this.#draw(/* @__PURE__ */ new Set());
  }
  /**
   * The newest, or some of them: what is shown is changed, what is new is put in or told of.
   * @param {object[]} items @param {{whole?: boolean}} [how] whole: the newest page, so that it may follow a gap
   * @returns {boolean} whether they took the place of all that was shown
   */
  take(items, { whole = false } = {}) {
    const known = new Map(this.#items.map((item) => [item.id, item]));
    const fresh = items.filter((item) => !known.has(item.id) && this.#belongs(item));
    const { atTop } = this;
    const joins = ({ id }) => known.has(id) || !atTop && this.#waiting.has(id);
    const apart = whole && items.length > 0 && known.size > 0 && !items.some(joins);
    if (atTop) {
      if (apart) {
        this.replace(items);
        return true;
      }
      for (const item of [...items.filter(({ id }) => known.has(id)), ...fresh]) known.set(item.id, item);
      this.#items = this.#sorted([...known.values()]).slice(0, MOST);
      for (const { id } of this.#items) this.#waiting.delete(id);
      if (whole) {
        this.#waiting.clear();
        this.#gap = false;
      }
      this.#draw(new Set(fresh.map(({ id }) => id)));
    } else {
      for (const item of items) if (known.has(item.id)) known.set(item.id, item);
      this.#items = [...known.values()];
      for (const { id } of fresh) this.#waiting.add(id);
      this.#gap ||= apart;
      this.#draw(/* @__PURE__ */ new Set());
    }
    this.#tell();
    return false;
  }
  /** These are deleted. @param {string[]} ids */
  drop(ids) {
    const gone = new Set(ids);
    for (const id of ids) this.#waiting.delete(id);
    if (this.#items.some(({ id }) => gone.has(id))) {
      this.#items = this.#items.filter(({ id }) => !gone.has(id));
      this.#draw(/* @__PURE__ */ new Set());
    }
    this.#tell();
  }
  /** Every row anew: what is said of them has other words now. */
  redraw() {
    for (const row6 of this.#list.children) row6.said = null;
    this.#draw(/* @__PURE__ */ new Set());
  }
  /** Nobody knows how many came: the live feed was too slow. */
  missed() {
    this.#gap = true;
  }
  /** Whether it is newer than the end of the list: what is older, and changed, comes by "Load older". */
  #belongs(item) {
    const last = this.#items.at(-1);
    return last === void 0 || this.#timeOf(item) > this.#timeOf(last);
  }
  #sorted(items) {
    return items.sort((a, b) => this.#timeOf(b) - this.#timeOf(a));
  }
  #tell() {
    const count2 = this.#waiting.size;
    this.#button.hidden = count2 === 0;
    if (count2) this.#button.lastElementChild.textContent = `${count2}${this.#gap ? "+" : ""} new`;
  }
  /** Rows that are there and as they were stay, so that nobody loses the one they are at. */
  #draw(fresh) {
    const rows = new Map([...this.#list.children].map((row6) => [row6.dataset.id, row6]));
    const shown = this.#items.map((item) => {
      const said = JSON.stringify(item);
      let row6 = rows.get(item.id);
      if (row6?.said !== said) row6 = Object.assign(this.#rowOf(item), { said });
      if (fresh.has(item.id)) row6.classList.add("fresh");
      return row6;
    });
    const focused = document.activeElement?.closest?.("[data-id]");
    const kept = new Set(shown);
    const replaced = new Map(shown.map((row6) => [row6.dataset.id, row6]));
    for (const row6 of [...this.#list.children]) {
      if (kept.has(row6)) continue;
      const other = replaced.get(row6.dataset.id);
      if (other) row6.replaceWith(other);
      else row6.remove();
    }
    shown.forEach((row6, at) => {
      if (this.#list.children[at] !== row6) this.#list.insertBefore(row6, this.#list.children[at] ?? null);
    });
    if (focused && !focused.isConnected)
      replaced.get(focused.dataset.id)?.querySelector("button").focus({ preventScroll: true });
  }
};

// events-page.js
var EVERY_MS2 = 5e3;
var SOON_MS = 500;
var COUNTS_MS = 1e4;
var PAGE2 = 50;
var VIEWS = {
  tracks: { list: listTracks, itemsIn: ({ tracks }) => tracks, live: "/v1/tracks/live", one: "track" },
  events: { list: listEvents, itemsIn: ({ events }) => events, live: "/v1/events/live", one: "event" }
};
var EventsPage = class {
  title = "Events";
  #streams;
  #filters = new EventFilters();
  #timeline = new EventTimeline();
  #timer = 0;
  #soon = 0;
  #abort = null;
  #live = null;
  // EventSource: tells what happened
  #heard = /* @__PURE__ */ new Map();
  // what it told since the list was drawn, by id
  #next = null;
  // cursor of the older ones
  #countedAt = 0;
  #rows = null;
  // LiveList, of the view that is shown
  #reveals = false;
  // the reader has asked for what is new: the next page of the newest takes the place of all
  #dialogs = { track: new TrackDialog(), event: new EventDialog() };
  #note = document.getElementById("events-note");
  #list = document.getElementById("events-list");
  #newer = document.getElementById("events-new");
  #older = document.getElementById("events-older");
  #csv = document.getElementById("events-csv");
  constructor(streams) {
    this.#streams = streams;
    this.#filters.addEventListener("change", () => this.#shown && this.#again());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    this.#newer.addEventListener("click", () => this.#reveal());
    document.addEventListener("themechange", () => this.#shown && this.#count());
    window.addEventListener(DELETED, ({ detail }) => this.#shown && this.#deleted(detail.ids));
    window.addEventListener(PEOPLE_CHANGED, ({ detail }) => this.#shown && this.#renamed(detail?.tracks));
    streams.addEventListener("change", () => this.#shown && this.#filters.offerStreams(this.#streamIds));
  }
  get #shown() {
    return this.#abort !== null;
  }
  get #streamIds() {
    return this.#streams.views.map(({ id }) => id);
  }
  async show() {
    this.#filters.read();
    this.#again();
    this.#filters.offerPeople();
    await this.#filters.offer(this.#streamIds);
  }
  hide() {
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    this.#abort?.abort();
    this.#abort = null;
    this.#live?.close();
    this.#live = null;
    this.#newer.hidden = true;
  }
  /** Another question: everything anew. */
  #again() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    const { one } = VIEWS[this.#filters.view];
    const [rowOf, at] = one === "track" ? [trackRow, beganOf] : [eventRow, timeOf];
    const elements = { list: this.#list, button: this.#newer };
    this.#list.replaceChildren();
    this.#rows = new LiveList(elements, (item) => rowOf(item, (opened) => this.#dialogs[one].open(opened)), at);
    this.#rows.clear();
    this.#next = null;
    this.#reveals = false;
    this.#load();
    this.#count();
    this.#listen();
  }
  /** What fits comes at once; without that (a proxy that keeps it back) every few seconds. */
  #listen() {
    this.#live?.close();
    clearTimeout(this.#soon);
    this.#soon = 0;
    this.#heard.clear();
    const { said, view } = this.#filters;
    if (said.get("until")) return;
    const rows = this.#rows;
    const inView = said.get("in_view");
    this.#live = new EventSource(`${VIEWS[view].live}?${new URLSearchParams(liveQueryOf(said))}`);
    this.#live.addEventListener("missed", () => rows.missed());
    this.#live.addEventListener("deleted", ({ data }) => this.#drop(JSON.parse(data).ids));
    this.#live.addEventListener("message", ({ data }) => {
      const item = JSON.parse(data);
      if (view === "tracks" && inView && inView === "true" !== (item.ended_at_ns === null)) return;
      this.#heard.set(item.id, item);
      this.#soon ||= setTimeout(() => this.#hear(), SOON_MS);
    });
  }
  /** Who is at the top sees the newest page, with images; who is not is told how much is new. */
  #hear() {
    this.#soon = 0;
    const heard = [...this.#heard.values()];
    this.#heard.clear();
    if (this.#rows.atTop) this.#load();
    else this.#rows.take(heard);
  }
  /** Somebody is called otherwise, or by a name now: rows say so though what they are of is the same. */
  #renamed(tracks) {
    this.#filters.offerPeople();
    this.#rows.redraw();
    if (tracks) this.#load();
  }
  /** In a dialog here. */
  #deleted(ids) {
    this.#drop(ids);
    this.#load();
    this.#count();
  }
  #drop(ids) {
    for (const id of ids) this.#heard.delete(id);
    this.#rows.drop(ids);
  }
  #reveal() {
    this.#reveals = true;
    this.#load();
  }
  /** A page: of older ones with a cursor, else the newest. */
  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = this.#abort = new AbortController();
    const { list: list3, itemsIn } = VIEWS[this.#filters.view];
    try {
      const page = [["limit", PAGE2], ...cursor ? [["cursor", cursor]] : []];
      const asked2 = list3([...queryOf(this.#filters.said), ...page], signal);
      const [answer] = await Promise.all([asked2, wordsKnown(), peopleKnown()]);
      if (signal.aborted) return;
      if (answer === null) return this.#absent();
      this.#take(itemsIn(answer), answer.next, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Events could not be loaded", error.message);
    }
    if (performance.now() - this.#countedAt > COUNTS_MS && this.#rows.atTop) this.#count();
    this.#wait();
  }
  #wait() {
    this.#timer = setTimeout(() => document.hidden ? this.#wait() : this.#load(), EVERY_MS2);
  }
  #absent() {
    this.#filters.hidden = this.#older.hidden = this.#csv.hidden = true;
    this.#timeline.hide();
    this.#rows.clear();
    const text2 = "No process with the role monitor is running. Live results are still available.";
    this.#say("Events are not stored", text2);
    this.#wait();
  }
  #take(items, next, older) {
    if (older) {
      this.#rows.append(items);
      this.#next = next;
    } else if (this.#reveals || this.#rows.size === 0) {
      this.#rows.replace(items);
      this.#next = next;
      if (this.#reveals) this.#goToTop();
      this.#reveals = false;
    } else if (this.#rows.take(items, { whole: true })) this.#next = next;
    this.#filters.hidden = this.#csv.hidden = false;
    this.#csv.href = `/v1/events.csv?${new URLSearchParams(eventQueryOf(this.#filters.said))}`;
    this.#older.hidden = this.#next === null;
    if (this.#rows.size) this.#note.hidden = true;
    else if (this.#filters.view === "tracks")
      this.#say("Nothing came into view", "No track matches the filter. New ones appear here as they come.");
    else this.#say("No events", "No event matches the filter. New events appear here as they happen.");
  }
  #goToTop() {
    document.scrollingElement.scrollTop = this.#list.closest(".page").scrollTop = 0;
    this.#list.querySelector("button")?.focus({ preventScroll: true });
  }
  #count() {
    this.#countedAt = performance.now();
    return this.#timeline.show(this.#filters.said, this.#abort?.signal);
  }
  #say(title, text2) {
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text2;
  }
};

// metrics.js
var LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)$/;
var LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
function parseMetrics(text2) {
  const samples = /* @__PURE__ */ new Map();
  for (const line of text2.split("\n")) {
    const found2 = line.startsWith("#") ? null : LINE.exec(line.trim());
    if (!found2) continue;
    const labels2 = Object.fromEntries([...(found2[2] ?? "").matchAll(LABEL)].map(([, key, value]) => [key, value]));
    if (!samples.has(found2[1])) samples.set(found2[1], []);
    samples.get(found2[1]).push({ labels: labels2, value: Number(found2[3]) });
  }
  return samples;
}
function byLabel(samples, name, label2, unlike = {}) {
  const values = /* @__PURE__ */ new Map();
  for (const { labels: labels2, value } of samples.get(name) ?? []) {
    if (Object.entries(unlike).some(([key, unwanted]) => labels2[key] === unwanted)) continue;
    values.set(labels2[label2], (values.get(labels2[label2]) ?? 0) + value);
  }
  return values;
}
function rates(before, after, seconds2) {
  const grown = [...after].filter(([key, value]) => before.has(key) && value >= before.get(key));
  return new Map(grown.map(([key, value]) => [key, (value - before.get(key)) / seconds2]));
}
function buckets(samples, name, match = {}) {
  const sums = /* @__PURE__ */ new Map();
  for (const { labels: labels2, value } of samples.get(`${name}_bucket`) ?? []) {
    if (Object.entries(match).some(([key, wanted]) => labels2[key] !== wanted)) continue;
    const bound = labels2.le === "+Inf" ? Infinity : Number(labels2.le);
    sums.set(bound, (sums.get(bound) ?? 0) + value);
  }
  return [...sums].sort(([a], [b]) => a - b);
}
function quantile(before, after, share2) {
  const known = new Map(before);
  const grown = after.map(([bound, count2]) => [bound, count2 - (known.get(bound) ?? 0)]);
  const total = grown.at(-1)?.[1] ?? 0;
  if (!(total > 0) || grown.some(([, count2]) => count2 < 0)) return null;
  const rank = share2 * total;
  let [low, below] = [0, 0];
  for (const [bound, count2] of grown) {
    if (count2 >= rank) return bound === Infinity ? low : low + (bound - low) * (rank - below) / (count2 - below || 1);
    [low, below] = [bound, count2];
  }
  return low;
}

// storage-card.js
var EVERY_MS3 = 6e4;
var NAMES2 = { events: "Events", media_bytes: "Images and clips" };
var DAY_S = 86400;
var SPANS = [
  [2 * DAY_S, DAY_S, "day"],
  [3600, 3600, "hour"],
  [60, 60, "minute"]
];
var SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];
var StorageCard = class {
  #timer = 0;
  #abort = null;
  show() {
    this.#load();
  }
  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }
  async #load() {
    clearTimeout(this.#timer);
    const { signal } = this.#abort = new AbortController();
    if (!document.hidden) {
      const found2 = await retention(signal).catch(() => null);
      if (signal.aborted) return;
      this.#draw(found2);
    }
    this.#timer = setTimeout(() => this.#load(), EVERY_MS3);
  }
  #draw(found2) {
    const limits = found2?.limits ?? [];
    const rows = limits.map(({ limit, most, per_day: perDay, kept_s: kept, set_s: set }) => {
      const amount = limit === "events" ? (number2) => Math.round(number2).toLocaleString() : sizeWords;
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, NAMES2[limit]),
        el("td", { class: "figure" }, amount(perDay)),
        el("td", { class: "figure" }, amount(most)),
        el("td", {}, spanWords(kept)),
        el("td", {}, spanWords(set))
      );
    });
    document.getElementById("storage-rows").replaceChildren(...rows);
    document.getElementById("storage-table").hidden = !rows.length;
    document.getElementById("storage-notes").replaceChildren(...(found2?.notes ?? []).map((note) => el("li", {}, note)));
    const free = found2?.disk ? `${sizeWords(found2.disk.free_bytes)} are free on the disk.` : "";
    document.getElementById("storage-said").textContent = found2 === null ? NONE : rows.length ? free : EARLY;
  }
};
var NONE = "No process with the role monitor is running.";
var EARLY = "How long things will be kept is known a quarter of an hour after the first of them.";
function spanWords(seconds2) {
  for (const [least, unit, name] of SPANS) {
    if (seconds2 < least) continue;
    const number2 = Math.round(seconds2 / unit);
    return `${number2} ${name}${number2 === 1 ? "" : "s"}`;
  }
  return "less than a minute";
}
function sizeWords(bytes) {
  const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${SIZES[power]}`;
}

// health-page.js
var EVERY_MS4 = 2e3;
var FIRST_MS = 700;
var KEPT = 150;
var STAGES = ["decode", "wait", "convert", "inference", "track", "classify", "publish"];
var UNWANTED = { reason: "max_fps" };
var STATES2 = { ready: ["live", "Healthy"], degraded: ["stalled", "Degraded"], down: ["failed", "Not ready"] };
var HealthPage = class {
  title = "Health";
  #streams;
  #watch;
  #alerts;
  #timer = 0;
  #abort = null;
  #last = null;
  // the reading before: {at, samples}
  #points = [];
  // {at, p50, p95, rates, dropped}
  #charts = null;
  #shown = false;
  #storage = new StorageCard();
  /** @param {import("./streams.js").Streams} streams @param {import("./status.js").HealthWatch} watch
   *  @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams, watch, alerts) {
    this.#streams = streams;
    this.#watch = watch;
    this.#alerts = alerts;
    alerts.addEventListener("change", () => this.#shown && this.#showAlerts());
    watch.addEventListener("change", () => this.#shown && this.#showHealth());
    streams.addEventListener("change", () => this.#shown && this.#showNodes());
    document.addEventListener("themechange", () => this.#shown && may("metrics") && this.#draw());
  }
  show() {
    this.#shown = true;
    this.#charts ??= {
      latency: new Chart(document.getElementById("chart-latency")),
      rate: new Chart(document.getElementById("chart-rate")),
      stages: new Chart(document.getElementById("chart-stages"))
    };
    this.#showHealth();
    this.#showNodes();
    if (may("metrics")) this.#read();
    if (may("events")) this.#storage.show();
    this.#showAlerts();
  }
  hide() {
    this.#shown = false;
    this.#storage.hide();
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#last = null;
  }
  async #read() {
    clearTimeout(this.#timer);
    const { signal } = this.#abort = new AbortController();
    if (!document.hidden) {
      try {
        const samples = parseMetrics(await metricsText(signal));
        if (signal.aborted) return;
        this.#note(samples, performance.now());
        this.#draw();
      } catch (error) {
        if (signal.aborted) return;
        this.#last = null;
      }
    }
    this.#timer = setTimeout(() => this.#read(), this.#points.length < 3 ? FIRST_MS : EVERY_MS4);
  }
  #note(samples, at) {
    const before = this.#last;
    this.#last = { at, samples };
    this.#showStages(samples);
    if (!before) return;
    const seconds2 = (at - before.at) / 1e3;
    const latency = (share2) => {
      const value = quantile(...[before.samples, samples].map((each2) => buckets(each2, "livesight_latency_seconds")), share2);
      return value === null ? null : value * 1e3;
    };
    const rate = (name, unlike) => rates(...[before.samples, samples].map((each2) => byLabel(each2, name, "stream", unlike)), seconds2);
    this.#points.push({
      at,
      p50: latency(0.5),
      p95: latency(0.95),
      analysed: rate("livesight_frames_analysed_total"),
      dropped: [...rate("livesight_frames_dropped_total", UNWANTED).values()].reduce((sum, value) => sum + value, 0)
    });
    if (this.#points.length > KEPT) this.#points.shift();
  }
  #draw() {
    const now = this.#last?.at ?? performance.now();
    const x = this.#points.map(({ at }) => (at - now) / 1e3);
    const past = { min: Math.min(-30, x[0] ?? 0), max: 0, unit: " s", grid: false };
    const look = (unit) => ({ x: past, y: { title: unit, ticks: 5 }, formatTitle: (index, at) => `${Math.round(at)} s` });
    const line = (name, values, dotted = false) => ({
      name,
      dotted,
      points: values.map((y, index) => ({ x: x[index], y }))
    });
    this.#charts.latency.draw(
      [
        line("median", this.#points.map(({ p50 }) => p50)),
        line("95th percentile", this.#points.map(({ p95 }) => p95), true)
      ],
      look("ms")
    );
    const ids = this.#charted();
    this.#charts.rate.draw(
      [
        ...ids.map((id) => line(id, this.#points.map(({ analysed }) => analysed.get(id) ?? null))),
        line("dropped, all", this.#points.map(({ dropped }) => dropped), true)
      ],
      look("frames/s")
    );
  }
  /** The cameras that there are, and those that were analysed in the time shown: others count nothing any more. */
  #charted() {
    const ids = new Set(this.#streams.views.map(({ id }) => id));
    for (const { analysed } of this.#points) for (const [id, rate] of analysed) if (rate > 0) ids.add(id);
    return [...ids].sort();
  }
  #showStages(samples) {
    const sums = byLabel(samples, "livesight_stage_seconds_sum", "stage");
    const counts = byLabel(samples, "livesight_stage_seconds_count", "stage");
    const stages = [...STAGES.filter((stage) => counts.get(stage) > 0)];
    const mean = stages.map((stage) => sums.get(stage) / counts.get(stage) * 1e3);
    this.#charts.stages.draw([{ name: "mean", shape: "bar", points: mean }], {
      x: { title: "ms per frame" },
      y: { labels: stages },
      horizontal: true,
      formatValue: (ms) => `${ms.toFixed(2)} ms`
    });
  }
  #showHealth() {
    const { state, reasons } = this.#watch.health ?? { state: null, reasons: [] };
    const [tone, words] = STATES2[state] ?? ["connecting", "Checking"];
    document.getElementById("health-state").replaceChildren(badge(tone, words));
    const said = reasons.length ? reasons : state === "ready" ? ["All models are loaded and results are published."] : [];
    document.getElementById("health-said").replaceChildren(...said.map((reason) => el("li", {}, reason)));
  }
  #showNodes() {
    const rows = this.#streams.views.map(
      (view) => el(
        "tr",
        {},
        el("th", { scope: "row" }, view.node),
        el("td", {}, el("a", { href: `#/live/${view.id}` }, view.id)),
        el("td", {}, badge(view.state, nameOfState(view.state))),
        el("td", { class: "figure" }, `${rateWords(view.fps)} / ${rateWords(view.analysed_fps)}`)
      )
    );
    rows.sort((a, b) => a.textContent.localeCompare(b.textContent));
    document.getElementById("node-rows").replaceChildren(...rows);
    document.getElementById("nodes-none").hidden = rows.length > 0;
  }
  #showAlerts() {
    const { open } = this.#alerts;
    const none = open === null ? "No process with the role monitor is running." : "No alert is open.";
    const items = (open ?? []).map(
      ({ stream_id: stream, text: text2, rule, severity }) => el("li", {}, `${SEVERITIES[severity]}: ${text2 ?? `${rule} (${stream})`}`)
      // texts begin with the camera
    );
    document.getElementById("alerts-list").replaceChildren(...items.length ? items : [el("li", { class: "quiet" }, none)]);
  }
};

// grant-fields.js
var ROLES = {
  viewer: "Viewer: sees pictures and events",
  reviewer: "Reviewer: also acknowledges alerts and names people",
  operator: "Operator: also zones, rules, own cameras",
  admin: "Admin: everything",
  metrics: "Metrics only"
};
var VIEWER = ["pictures", "results", "events", "predict"];
var REVIEWER = [...VIEWER, "acknowledge", "people"];
var OPERATOR = [...REVIEWER, "push", "zones", "rules", "drift", "enrol"];
var ACTIONS = {
  viewer: VIEWER,
  reviewer: REVIEWER,
  operator: OPERATOR,
  admin: [...OPERATOR, "delete", "erase", "cameras", "models", "targets", "accounts", "audit", "metrics"]
};
function grantFields(grants) {
  const rows = el("div", { class: "grants" });
  const add = (grant) => rows.append(row3(grant));
  grants.filter(({ actions: actions2 }) => !actions2 || actions2.length).forEach(add);
  const more = () => add({ role: "viewer", streams: ["*"] });
  return el(
    "fieldset",
    { class: "field" },
    el("legend", {}, "Access"),
    rows,
    el("small", {}, "Cameras by id, separated by commas; * stands for any characters, and alone for all cameras."),
    el("button", { class: "button", type: "button", on: { click: more } }, icon("plus"), "Add access")
  );
}
var grantsOf = (form) => [...form.querySelectorAll(".grant")].map((one) => {
  const chosen = chosenIn2(one);
  return {
    role: one.querySelector("select").value,
    streams: one.querySelector('input[type="text"]').value.split(",").map((pattern) => pattern.trim()).filter(Boolean),
    ...chosen.length ? { actions: chosen } : {}
  };
});
var chosenIn2 = (one) => [...one.querySelectorAll("input:checked")].map(({ value }) => value);
function row3({ role, streams, actions: actions2 }) {
  const choices = Object.entries({ ...role in ROLES ? {} : { [role]: role }, ...ROLES });
  const summary = el("summary");
  const boxes = el("div", { class: "choices", role: "group", "aria-label": "Only these actions; none selected means all" });
  const one = el(
    "div",
    { class: "grant", on: { change: ({ target }) => target.matches("select") ? offer2(chosenIn2(one)) : tell() } },
    el("select", { "aria-label": "Role" }, ...choices.map(([value, words]) => el("option", { value }, words))),
    el("input", { type: "text", value: streams.join(", "), required: true, "aria-label": "Cameras" }),
    el(
      "button",
      { class: "button square", type: "button", "aria-label": "Remove this access", on: { click: () => one.remove() } },
      icon("trash")
    ),
    el("details", {}, summary, boxes)
  );
  const select = one.querySelector("select");
  const tell = () => {
    const chosen = chosenIn2(one);
    summary.textContent = chosen.length ? `Only ${chosen.join(", ")}` : "All that the role allows";
  };
  const offer2 = (chosen) => {
    const offered = ACTIONS[select.value] ?? [];
    boxes.replaceChildren(
      ...offered.map(
        (value) => el("label", {}, el("input", { type: "checkbox", value, checked: chosen.includes(value) }), value)
      )
    );
    one.querySelector("details").hidden = offered.length === 0;
    tell();
  };
  select.value = role;
  offer2(actions2 ?? []);
  return one;
}

// secret-dialog.js
function showSecret({ title, words, secret }) {
  const field3 = el("textarea", { readOnly: true, value: secret, rows: 2, "aria-label": "Key", spellcheck: false });
  const said = el("p", { class: "quiet", role: "status" });
  const copy = el("button", { class: "button primary", type: "button", on: { click: copied } }, "Copy");
  const done = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Done");
  const dialog = el(
    "dialog",
    {
      class: "sheet",
      "aria-labelledby": "secret-title",
      "aria-describedby": "secret-words",
      on: { cancel: (event) => event.preventDefault(), close: () => dialog.remove() }
    },
    el(
      "form",
      { class: "secret", on: { submit: (event) => event.preventDefault() } },
      el("h2", { id: "secret-title" }, title),
      el("p", { class: "quiet", id: "secret-words" }, words),
      field3,
      said,
      el("div", { class: "sheet-actions" }, done, copy)
    )
  );
  async function copied() {
    try {
      await navigator.clipboard.writeText(secret);
      said.textContent = "Copied.";
    } catch {
      field3.select();
      said.textContent = "The browser does not let this page copy: press Ctrl+C, or \u2318C.";
    }
  }
  document.body.append(dialog);
  dialog.showModal();
  field3.select();
}

// keys-page.js
var STATES3 = { active: ["live", "Active"], expired: ["disabled", "Expired"], revoked: ["disabled", "Revoked"] };
var KeysPage = class {
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
  hide() {
  }
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
        badge(disabled ? "failed" : "live", disabled ? "Disabled" : "Enabled")
      ),
      el("p", {}, accessWords(grants)),
      keys.length ? el("ul", { class: "keys", "aria-label": `Keys of ${name}` }, ...order.map((key) => this.#key(account, key))) : el("p", { class: "quiet" }, "No keys yet."),
      el(
        "div",
        { class: "card-actions" },
        this.#button("Add a key", name, () => this.#addKey(account)),
        this.#button("Access", name, () => this.#access(account)),
        this.#button(disabled ? "Enable" : "Disable", name, () => this.#switch(account)),
        this.#button("Remove", name, () => this.#remove(account))
      )
    );
  }
  #key(account, key) {
    const [state, words] = STATES3[key.state];
    const revoke = () => this.#revoke(account, key);
    return el(
      "li",
      { class: "key", dataset: { key: key.name, state: key.state } },
      el("div", { class: "key-name" }, el("strong", {}, key.name), el("code", { class: "quiet" }, `${key.prefix}\u2026`)),
      badge(state, words),
      el("p", { class: "quiet" }, lifeWords(key)),
      key.state === "active" ? this.#button("Revoke", `${key.name} of ${account.name}`, revoke) : null
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
      }
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
          el("small", {}, "Empty: as the service is set (auth.key_days). 0: never, where auth.key_days_max allows it.")
        )
      ],
      submit: async (data) => {
        const days = data.get("days");
        const made = await addKey(id, { name: data.get("name"), days: days === "" ? null : Number(days) });
        await this.#load();
        return () => showSecret({
          title: `The key \u201C${made.name}\u201D of ${name}`,
          words: "Copy it now: it is not shown again. A program sends it as X-API-Key or Authorization: Bearer.",
          secret: made.key
        });
      }
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
      }
    });
  }
  async #switch({ id, name, disabled }) {
    const words = "Its keys are refused until it is enabled again.";
    if (disabled || await ask(`Disable ${name}?`, words, "Disable"))
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
};
function lifeWords({ state, expires_at: ends, revoked_at: revoked, last_used_at: used }) {
  const end = ends === null ? "Never ends" : `${state === "expired" ? "Ended" : "Ends"} ${new Date(ends).toLocaleDateString()}`;
  const life = revoked === null ? end : `Revoked ${new Date(revoked).toLocaleDateString()}`;
  return `${life}; ${used === null ? "never used" : `last used ${new Date(used).toLocaleString()}`}`;
}
var nameField = (example) => el(
  "label",
  { class: "field" },
  el("span", {}, "Name"),
  el("input", { type: "text", name: "name", autocomplete: "off", required: true, maxLength: 64, placeholder: example })
);

// model-figures.js
var share = (value) => `${Number((100 * value).toPrecision(3))} %`;
var percentOff = (value) => `${Number((100 * value).toFixed(1))} %`;
var milliseconds = (value) => `${Number(value.toPrecision(3))} ms`;
var FIVE = {
  detect: [
    ["mAP50", ["map50"], share, "Overall mark from 0 to 100 %: how well the right boxes come first over all labels, when a box counts that covers at least half of the true one. Compare versions by it; higher is better."],
    ["Found", ["at_thresholds", "recall"], share, "Recall: of 100 things that were there, so many were found at the thresholds in use. What is missing was overlooked; higher is better."],
    ["Right", ["at_thresholds", "precision"], share, "Precision: of 100 boxes that were reported, so many were really there. What is missing were false finds; higher is better."],
    ["Small ones", ["by_size", "small", "map50"], share, "The overall mark (mAP50), for small things alone: less than 32 \xD7 32 pixels, such as faces far away. If your cameras look from afar this counts most."],
    ["Time per frame", ["latency_ms", "total", "p50"], milliseconds, "How long one frame takes, half of them less, on the machine that measured it. Yours differs; the order of two versions is mostly the same. Lower is better."]
  ],
  classify: [
    ["Accuracy", ["accuracy"], share, "Of 100 crops, so many got the right label. Higher is better."],
    ["F1", ["f1"], share, "Like accuracy, but each label counts the same, however rare. Much lower than accuracy: rare labels are confused."],
    ["Ranking", ["auc"], share, "AUC: how often the right label gets the higher confidence of a right and a wrong example. 50 % would be guessing."],
    ["Confidence off by", ["calibration", "ece"], percentOff, "How far stated confidence is from how often it is right, on average. Small: \u201C90 %\u201D means right nine times of ten."],
    ["Tested on", ["images"], (value) => `${value} crops`, "How many crops all of this was measured on. With few, the figures could be luck."]
  ]
};
function measured({ metrics }, backend) {
  const int8 = backend?.endsWith("int8") ? metrics?.int8 : null;
  return int8 ?? metrics?.full ?? metrics ?? {};
}
function fiveFigures(card, backend) {
  const from = measured(card, backend);
  return (FIVE[card.task] ?? []).flatMap(([name, path, show, words]) => {
    const value = path.reduce((inner, key) => inner?.[key], from);
    return typeof value === "number" ? [{ name, shown: show(value), words }] : [];
  });
}
function figureList(card, backend) {
  const five = fiveFigures(card, backend);
  if (five.length === 0) return el("p", { class: "quiet" }, "Its card has no figures: nobody has measured it.");
  return el(
    "div",
    { class: "key-figures" },
    ...five.map(
      ({ name, shown, words }) => el(
        "details",
        { class: "key-figure" },
        el("summary", { title: words }, el("span", { class: "quiet" }, name), el("strong", {}, shown)),
        el("p", {}, words)
      )
    )
  );
}
function folded(title, value) {
  const rows = flat(value);
  if (rows.length === 0) return null;
  return el(
    "details",
    {},
    el("summary", {}, title),
    el(
      "table",
      {},
      el("tbody", {}, ...rows.map(([key, shown]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, shown))))
    )
  );
}
function flat(value, prefix = "") {
  if (value === null || value === void 0 || value === "") return [];
  if (Array.isArray(value) && value.every((each2) => typeof each2 !== "object")) return [[prefix, value.join(", ")]];
  if (typeof value !== "object") return [[prefix, typeof value === "number" ? figure(value) : String(value)]];
  return Object.entries(value).flatMap(
    ([key, inner]) => flat(inner, `${prefix}${prefix ? " \xB7 " : ""}${key.replaceAll("_", " ")}`)
  );
}
var figure = (value) => Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));

// model-card.js
function modelCard(versions, many2, state, acts) {
  const shown = versions.find(({ chosen }) => chosen) ?? versions[0];
  const { name, version, previous } = shown;
  const others = versions.filter((each2) => each2 !== shown);
  const element = el("li", { class: "card model", dataset: { model: name, version: String(version) } });
  element.append(
    el(
      "div",
      { class: "camera-head" },
      el("h3", { tabIndex: -1 }, name, el("span", { class: "quiet" }, ` version ${version}`)),
      shown.in_service ? badge("live", "In service") : badge("idle", "Not in use")
    ),
    facts2({
      [shown.in_service ? "In service since" : "Promoted"]: since(shown),
      Cameras: cameras(shown.streams),
      "Runs on": shown.backend,
      Nodes: many2 ? shown.nodes.join(", ") || "none" : null,
      Labels: labels(shown.card)
    }),
    figureList(shown.card, shown.backend),
    ...told2(state)
  );
  if (previous !== null) {
    const words = [`Roll back to version ${previous}`, `Roll back ${name} to version ${previous}`];
    element.append(el("div", { class: "card-actions" }, button(words, state, "rollback", () => acts.rollBack(previous))));
  }
  if (others.length)
    element.append(
      el(
        "section",
        { class: "other-versions", "aria-label": `Other versions of ${name}` },
        el("h4", {}, "Other versions"),
        el("ul", {}, ...others.map((other) => otherVersion(other, state, acts)))
      )
    );
  element.append(allOf(shown));
  return element;
}
function otherVersion({ name, version, card, nodes, streams }, state, acts) {
  const five = fiveFigures(card, null).map(({ name: what, shown }) => `${what} ${shown}`);
  return el(
    "li",
    { dataset: { version: String(version) } },
    el(
      "div",
      {},
      el("strong", {}, `Version ${version}`),
      nodes.length ? el("p", {}, `In service on ${nodes.join(", ")}; cameras: `, cameras(streams)) : null,
      el("p", { class: "quiet" }, five.join(" \xB7 ") || "Nobody has measured it.")
    ),
    button(["Promote", `Promote ${name} version ${version}`], state, `promote-${version}`, () => acts.promote(version))
  );
}
var button = ([words, label2], { running }, act, click) => {
  const made = el("button", { class: "button", type: "button", dataset: { needs: "models", act }, on: { click } }, words);
  made.setAttribute("aria-label", label2);
  made.disabled = running !== null;
  return made;
};
function told2({ running, refused }) {
  const found2 = [];
  if (running)
    found2.push(el("div", { class: "promotion" }, el("progress", { "aria-label": running }), el("p", {}, running)));
  if (refused)
    found2.push(
      el(
        "div",
        { class: "camera-trouble" },
        el("strong", {}, refused.title),
        refused.why ? el("p", {}, refused.why) : null,
        el("p", { class: refused.why ? "technical" : "" }, refused.detail)
      )
    );
  return found2;
}
function since({ in_service: serves, in_service_since_ns: at }) {
  if (at === null) return serves ? "the service started; as installed, never promoted" : null;
  return new Date(at / 1e6).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
function cameras(streams) {
  if (streams.length === 0) return "none";
  return el("span", {}, ...streams.flatMap((id, n) => [n ? ", " : "", el("a", { href: `#/live/${id}` }, id)]));
}
var MOST_LABELS3 = 12;
function labels({ name, classes, task, applies_to: applies }) {
  const more = classes.length - MOST_LABELS3;
  const list3 = classes.slice(0, MOST_LABELS3).map((label2) => labelName(label2, name)).join(", ") + (more > 0 ? ` and ${more} more` : "");
  if (task !== "classify") return list3;
  return `${list3}; of ${applies === "image" ? "the whole picture" : `boxes labelled ${applies.map((label2) => labelName(label2)).join(", ")}`}`;
}
var facts2 = (values) => el(
  "dl",
  { class: "facts wide" },
  ...Object.entries(values).filter(([, value]) => value).map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value)))
);
var allOf = ({ name, card: { classes, thresholds, shapes_wh: shapes, licence, metrics, data } }) => folded("All figures and facts", {
  licence,
  classes: classes.map((label2) => labelName(label2, name)),
  thresholds,
  "input sizes": shapes.map((size) => size.join(" \xD7 ")),
  metrics,
  data
});

// promotion.js
var EVERY_MS5 = 700;
var PATIENCE_MS = 3e4;
var ON_THE_WAY = ["about:blank", "urn:livesight:problem:node-away", "urn:livesight:problem:overloaded"];
var unanswered = ({ status, type }) => status === 0 || status === 502 || status === 503 && ON_THE_WAY.includes(type);
var later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function changeVersion(name, version) {
  const begun = await beginPromotion(name, version);
  if (begun.where === null) return begun.done;
  for (let answeredAt = Date.now(); ; await later(EVERY_MS5)) {
    let status;
    try {
      status = await promotionStatus(begun.where);
    } catch (error) {
      if (!unanswered(error) || Date.now() - answeredAt > PATIENCE_MS) throw error;
      continue;
    }
    answeredAt = Date.now();
    if (status.state === "done") return status.promotion;
    if (status.state === "refused") {
      const { detail, title, status: code, type } = status.problem ?? {};
      throw new ApiError(detail ?? title ?? "The service ended before it was done.", code, type);
    }
  }
}

// models-page.js
var TASKS = {
  detect: ["Detectors", "Find what is in a frame, and where: they draw the boxes."],
  classify: ["Classifiers", "Look at each thing that was found, or at the whole picture, and say more about it."],
  embed: ["Recognition", "Turn a face into figures, so that the same person is known again."],
  caption: ["Captions", "Say in a sentence what a picture shows."]
};
var REFUSALS = {
  "model-damaged": "One of its files is not what its card says: it was changed or cut off. Put the version there again.",
  "engine-unavailable": "It cannot be loaded on this machine, or what it computes is nonsense.",
  "model-unknown": "The version is not on this node: versions are not copied from one to another."
};
var EVERY_MS6 = 1e4;
var TICK_MS = 1e3;
var ModelsPage = class {
  title = "Models";
  #list = document.getElementById("model-list");
  #note = document.getElementById("models-note");
  #said = document.getElementById("models-said");
  #models = [];
  #running = /* @__PURE__ */ new Map();
  // name → {words, since}
  #refused = /* @__PURE__ */ new Map();
  // name → {title, why, detail, unless}: not so where that version is in service
  #drawn = "";
  #timer = 0;
  #ticks = 0;
  show() {
    this.#load();
    this.#timer = setInterval(() => this.#load(), EVERY_MS6);
  }
  hide() {
    clearInterval(this.#timer);
  }
  async #load() {
    try {
      this.#models = await listModels();
    } catch (error) {
      this.#note.hidden = false;
      this.#note.textContent = `The models could not be loaded: ${error.message}`;
      return;
    }
    for (const { name, version, chosen } of this.#models)
      if (chosen && this.#refused.get(name)?.unless === version) this.#refused.delete(name);
    this.#note.hidden = this.#models.length > 0;
    this.#note.textContent = "The server has no models.";
    this.#show();
  }
  /** Anew only when something has changed: what the reader has opened stays open, and the focus where it was. */
  #show() {
    const state = JSON.stringify([this.#models, [...this.#running.keys()], [...this.#refused]]);
    if (state !== this.#drawn) {
      this.#drawn = state;
      this.#draw();
    }
    for (const [name, { words, since: since2 }] of this.#running) {
      const line = this.#list.querySelector(`[data-model="${name}"] .promotion p`);
      const elapsed = Math.round((Date.now() - since2) / 1e3);
      if (line) line.textContent = `${words} ${elapsed} s so far.`;
    }
  }
  #draw() {
    const kept = keep(this.#list);
    const byName = grouped(this.#models, ({ name }) => name);
    const groups = [...byName.values()].map((versions) => versions.sort((a, b) => b.version - a.version));
    const used = (versions) => versions.some(({ nodes, streams }) => nodes.length + streams.length > 0);
    groups.sort((a, b) => used(b) - used(a) || a[0].name.localeCompare(b[0].name));
    const byTask = grouped(groups, ([{ card }]) => card.task);
    const many2 = new Set(this.#models.flatMap(({ nodes }) => nodes)).size > 1;
    const order = [.../* @__PURE__ */ new Set([...Object.keys(TASKS), ...byTask.keys()])].filter((task) => byTask.has(task));
    this.#list.replaceChildren(
      ...order.map(
        (task) => el(
          "section",
          { class: "task", dataset: { task }, "aria-labelledby": `task-${task}` },
          el("h2", { id: `task-${task}` }, TASKS[task]?.[0] ?? task),
          el("p", { class: "quiet" }, TASKS[task]?.[1] ?? ""),
          el("ul", { class: "cards models" }, ...byTask.get(task).map((versions) => this.#card(versions, many2)))
        )
      )
    );
    kept();
  }
  #card(versions, many2) {
    const [{ name }] = versions;
    const state = { running: this.#running.get(name)?.words ?? null, refused: this.#refused.get(name) ?? null };
    return modelCard(versions, many2, state, {
      promote: (version) => this.#change(versions, version, false),
      rollBack: (version) => this.#change(versions, version, true)
    });
  }
  /** Asks, does it, and tells what came of it. */
  async #change(versions, version, back) {
    const now = versions.find(({ chosen }) => chosen);
    const name = versions[0].name;
    const verb = back ? "Roll back" : "Promote";
    const streams = now?.streams ?? [];
    const count2 = streams.length === 1 ? "1 camera changes" : `${streams.length || "No"} cameras change`;
    const text2 = `${count2} to version ${version}; their video goes on. The files are checked and the model tried first: if anything is wrong, ${now ? `version ${now.version}` : "the present version"} stays.`;
    if (!await ask(`${verb} ${name} to version ${version}?`, text2, verb, false)) return;
    const words = `Putting version ${version} in service: checking its files, loading and trying it.`;
    this.#running.set(name, { words, since: Date.now() });
    this.#refused.delete(name);
    this.#said.textContent = words;
    this.#tick();
    this.#show();
    this.#keepFocus(name);
    try {
      const done = await changeVersion(name, back ? null : version);
      const told3 = `${name}: version ${done.version} is now in service; it replaced ${done.before}.`;
      this.#said.textContent = "";
      toast(told3);
    } catch (error) {
      const refused = `Version ${version} was not put in service${now ? `; version ${now.version} stays` : ""}.`;
      const title = unanswered(error) ? `It is not known whether version ${version} is being put in service.` : refused;
      const why = REFUSALS[error.type?.split(":").at(-1)];
      this.#refused.set(name, { title, why, detail: error.message, unless: unanswered(error) ? version : null });
      this.#said.textContent = [title, why, error.message].filter(Boolean).join(" ");
    }
    this.#running.delete(name);
    this.#tick();
    await this.#load();
    this.#show();
    this.#keepFocus(name);
  }
  /** The button that was pressed is off or gone: the keyboard goes on from the model's name. */
  #keepFocus(name) {
    if (document.activeElement === document.body) this.#list.querySelector(`[data-model="${name}"] h3`)?.focus();
  }
  /** Every second while something is under way. */
  #tick() {
    clearInterval(this.#ticks);
    if (this.#running.size) this.#ticks = setInterval(() => this.#show(), TICK_MS);
  }
};
function grouped(list3, keyOf2) {
  const groups = /* @__PURE__ */ new Map();
  for (const each2 of list3) {
    const key = keyOf2(each2);
    if (groups.has(key)) groups.get(key).push(each2);
    else groups.set(key, [each2]);
  }
  return groups;
}
function keep(list3) {
  const place = (element) => {
    const card = element.closest("[data-model]");
    return card && [card.dataset.model, [...card.querySelectorAll(element.localName)].indexOf(element)];
  };
  const open = [...list3.querySelectorAll("details[open]")].map(place);
  const active = list3.contains(document.activeElement) ? document.activeElement : null;
  const at = active?.closest("[data-model]")?.dataset.model;
  const focused = active?.dataset.act ? `[data-act="${active.dataset.act}"]` : null;
  const summary = active?.localName === "summary" ? place(active) : null;
  return () => {
    const cardOf2 = (name) => list3.querySelector(`[data-model="${name}"]`);
    for (const [name, index] of open) {
      const details = cardOf2(name)?.querySelectorAll("details")[index];
      if (details) details.open = true;
    }
    if (summary) cardOf2(summary[0])?.querySelectorAll("summary")[summary[1]]?.focus();
    else if (focused) cardOf2(at)?.querySelector(`${focused}:not(:disabled)`)?.focus();
  };
}

// drift-words.js
var GROUPS = {
  model: "Model confidence",
  population: "Objects detected",
  picture: "Image quality"
};
var FEATURES = {
  brightness: "Brightness",
  contrast: "Contrast",
  sharpness: "Sharpness",
  focus: "Focus",
  blockiness: "Blockiness (compression)",
  saturation: "Colour",
  detail: "Detail",
  scene: "Scene (share of changed hash bits)",
  boxes: "Objects per frame",
  label: "Labels",
  box_side: "Box size",
  aspect: "Box aspect ratio (width to height)",
  confidence: "Confidence",
  distance: "Distance between faces"
};
var nameOf = (feature) => FEATURES[feature] ?? feature.replaceAll("_", " ");
function stateOf({ state, drifted, cause, commissioned_share: share2, faults }) {
  if (faults?.length) return ["failed", faults.map(({ kind }) => kind).join(", ")];
  if (drifted) return ["failed", `Drift: ${cause}`];
  if (state === "watching") return ["live", "No drift"];
  if (state === "commissioning") return ["stalled", `Learning, ${Math.round(share2 * 100)} %`];
  return ["idle", "Not enough data yet"];
}
var probability = (p) => p < 1e-4 ? "p < 0.0001" : `p ${p.toPrecision(2)}`;
function verdict({ score, p_value: p, samples, effective_samples: worth, reference, window: window2 }) {
  const against = reference === "card" ? "from the model\u2019s card" : "from its own first days";
  const which = window2 === "long" ? "long" : "recent";
  const worthOf = `${samples} samples (${Math.round(worth)} independent)`;
  return `${score.toFixed(2)} away ${against} (${which} window), ${probability(p)}, ${worthOf}`;
}
function grouped2(features) {
  const rank = (feature) => (feature.drifted ? 10 : 0) + feature.score;
  return Object.keys(GROUPS).map((group) => [group, features.filter((feature) => feature.group === group).sort((a, b) => rank(b) - rank(a))]).filter(([, found2]) => found2.length);
}
function seriesOf({ edges, labels: labels2, shares, reference_shares: reference }) {
  const now = { name: "now", colour: "#0b8f81" };
  const before = { name: "reference", colour: "#8793a1" };
  const percent2 = (values) => values.map((value) => value * 100);
  if (labels2)
    return [
      { ...before, shape: "bar", points: percent2(reference) },
      { ...now, shape: "bar", points: percent2(shares) }
    ];
  const steps = (values) => edges.map((x, index) => ({ x, y: percent2(values)[Math.min(index, values.length - 1)] }));
  return [
    { ...now, shape: "step", filled: true, points: steps(shares) },
    { ...before, shape: "step", points: steps(reference) }
  ];
}

// drift-view.js
var keyOf = ({ stream_id: stream, model }) => `${stream}/${model}`;
var DriftView = class {
  #place;
  #reports = [];
  #chosen = null;
  #shown = "";
  #list = el("ul", { class: "cards" });
  #title = el("h3");
  #facts = el("p", { class: "quiet" });
  #groups = el("div");
  #charts = /* @__PURE__ */ new Map();
  // feature → {card, chart, verdict}
  #words = el("p", { class: "quiet", role: "status" });
  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    const detail = el("section", { class: "drift-detail", "aria-live": "off" }, this.#title, this.#facts, this.#groups);
    place.append(this.#words, this.#list, detail);
    this.say("Loading \u2026");
  }
  /** @param {{reports: object[]}|null} answer of `GET /v1/drift` */
  show(answer) {
    if (answer === null) return this.say("No process with the role monitor is running.");
    this.#reports = answer.reports;
    if (!this.#reports.length) return this.say("No reports yet; they start with the first frames.");
    this.#words.hidden = true;
    this.#list.hidden = this.#title.parentNode.hidden = false;
    if (!this.#reports.some((report) => keyOf(report) === this.#chosen))
      this.#chosen = keyOf(this.#reports.find(({ drifted }) => drifted) ?? this.#reports[0]);
    this.#showList();
    this.draw();
  }
  say(words) {
    this.#words.hidden = false;
    this.#words.textContent = words;
    this.#list.hidden = this.#title.parentNode.hidden = true;
  }
  #showList() {
    const drawn = JSON.stringify([this.#reports, this.#chosen]);
    if (drawn === this.#shown) return;
    this.#shown = drawn;
    const focused = document.activeElement?.dataset.drift;
    this.#list.replaceChildren(...this.#reports.map((report) => this.#card(report)));
    if (focused) this.#list.querySelector(`[data-drift="${focused}"]`)?.focus();
  }
  #card(report) {
    const key = keyOf(report);
    const choose = () => {
      this.#chosen = key;
      this.#showList();
      this.draw();
    };
    return el(
      "li",
      { class: "card drift", dataset: { drifted: report.drifted } },
      el(
        "div",
        { class: "camera-head" },
        el("h3", {}, report.stream_id, el("span", { class: "quiet" }, ` ${report.model} ${report.version}`)),
        badge(...stateOf(report))
      ),
      report.text || report.faults.length ? el("p", {}, [report.text, ...report.faults.map(({ text: text2 }) => text2)].filter(Boolean).join(" ")) : null,
      el(
        "p",
        { class: "quiet" },
        report.features.length ? `Largest difference: ${worst(report)}` : "No feature has been compared yet."
      ),
      el(
        "div",
        { class: "card-actions" },
        el(
          "button",
          {
            class: "button",
            type: "button",
            "aria-pressed": key === this.#chosen,
            dataset: { drift: key },
            "aria-label": `Features of ${report.stream_id}, ${report.model}`,
            on: { click: choose }
          },
          "Features"
        ),
        el(
          "button",
          {
            class: "button",
            type: "button",
            dataset: { needs: "drift" },
            "aria-label": `Reset reference of ${report.stream_id}`,
            on: { click: () => learnAnew(report.stream_id) }
          },
          "Reset reference"
        )
      )
    );
  }
  /** The chosen one's features; cards stay while they are the same ones, so that charts do not flicker. */
  draw() {
    const report = this.#reports.find((each2) => keyOf(each2) === this.#chosen);
    if (!report) return;
    this.#title.textContent = `${report.stream_id}, ${report.model} ${report.version}: current values and reference`;
    this.#facts.textContent = factsOf3(report);
    const names = report.features.map(({ feature }) => feature);
    if (names.join() !== [...this.#charts.keys()].join()) this.#arrange(report);
    for (const feature of report.features) {
      const { card, chart, words } = this.#charts.get(feature.feature);
      card.dataset.drifted = feature.drifted;
      words.textContent = verdict(feature);
      const { labels: labels2, edges } = feature;
      const figure2 = (value) => Number(value.toPrecision(3)).toLocaleString();
      chart.draw(seriesOf(feature), {
        x: labels2 ? { labels: labels2.map((label2) => labelName(label2, report.model)) } : { min: edges[0], max: edges.at(-1), grid: false },
        y: { unit: " %", ticks: 5 },
        height: 170,
        ...!labels2 && { formatTitle: (index) => edges.slice(index, index + 2).map(figure2).join(" to ") }
      });
    }
  }
  #arrange({ features }) {
    this.#charts = new Map(features.map(({ feature }) => [feature, null]));
    const make = ({ feature }) => {
      const id = `drift-${feature}`;
      const place = el("div", { class: "chart short", role: "img", "aria-labelledby": id });
      const words = el("p", { class: "verdict" });
      const card = el("section", { class: "card drift" }, el("h4", { id }, nameOf(feature)), place, words);
      this.#charts.set(feature, { card, chart: new Chart(place), words });
      return card;
    };
    this.#groups.replaceChildren(
      ...grouped2(features).flatMap(([group, found2]) => [
        el("h3", { class: "drift-group" }, GROUPS[group]),
        el("div", { class: "cards charts small" }, ...found2.map(make))
      ])
    );
  }
};
function worst({ features }) {
  const [feature] = [...features].sort((a, b) => b.score - a.score);
  return `${nameOf(feature.feature).toLowerCase()}, ${feature.score.toFixed(2)} of 1`;
}
function factsOf3({ features, captured_at_ns: at, unlike_card: unlike }) {
  if (features.length === 0) return "Not enough frames and tracks yet to compare.";
  const card = " The video differs from the model's training data; that alone raises no alert.";
  return `As of ${new Date(at / 1e6).toLocaleTimeString()}.${unlike ? card : ""}`;
}
async function learnAnew(stream) {
  const text2 = "Livesight learns a new reference from now on. Until it is complete, this camera raises no drift alerts.";
  if (!await ask(`Reset the reference of \u201C${stream}\u201D?`, text2, "Reset reference")) return;
  try {
    await commission(stream);
    toast(`Livesight learns a new reference for ${stream}.`);
  } catch (error) {
    toast(`The reference of ${stream} could not be reset: ${error.message}`, "bad");
  }
}

// monitoring-page.js
var EVERY_MS7 = 1e4;
var MonitoringPage = class {
  title = "Monitoring";
  #streams;
  #alerts;
  #timer = 0;
  #abort = null;
  #drift = new DriftView(document.getElementById("drift-view"));
  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams, alerts) {
    this.#streams = streams;
    this.#alerts = alerts;
    document.addEventListener("themechange", () => this.#abort && this.#drift.draw());
  }
  show() {
    this.#load();
    this.#showRuns();
  }
  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }
  async #load() {
    clearTimeout(this.#timer);
    const { signal } = this.#abort = new AbortController();
    if (!document.hidden) {
      await Promise.all([this.#showHealth(signal), this.#showModels(signal), this.#showDrift(signal)]);
      if (signal.aborted) return;
    }
    this.#timer = setTimeout(() => this.#load(), EVERY_MS7);
  }
  async #showHealth(signal) {
    const metrics = may("metrics") ? metricsText(signal).catch(() => null) : null;
    const [health, text2] = await Promise.all([readiness(signal), metrics]);
    if (signal.aborted) return;
    const samples = parseMetrics(text2 ?? "");
    const sum = (name, label2) => [...byLabel(samples, name, label2).values()].reduce((total, value) => total + value, 0);
    const { views } = this.#streams;
    const open = this.#alerts.open;
    const facts3 = {
      Service: { ready: "Healthy", degraded: "Degraded", down: "Not ready" }[health.state],
      "Cameras live": `${views.filter(({ state }) => state === "live").length} of ${views.length}`,
      "Frames per second": views.reduce((total, { analysed_fps: fps }) => total + (fps ?? 0), 0).toFixed(0),
      "Highest latency": delay(views),
      ...text2 !== null && {
        "Waiting for Kafka": samples.has("livesight_bus_spooled_messages") ? sum("livesight_bus_spooled_messages").toLocaleString() : "no Kafka"
      },
      "Open alerts": open === null ? "\u2013" : String(open.length)
    };
    const place = document.getElementById("monitoring-facts");
    place.replaceChildren(
      ...Object.entries(facts3).map(
        ([name, value]) => el("div", { class: "card fact" }, el("dt", {}, name), el("dd", {}, value))
      )
    );
  }
  async #showModels(signal) {
    const place = document.getElementById("performance-rows");
    try {
      const models = (await listModels()).filter(({ in_service: serving }) => serving);
      if (signal.aborted) return;
      place.replaceChildren(...models.map(row4));
    } catch (error) {
      if (!signal.aborted)
        place.replaceChildren(
          el("tr", {}, el("td", { colSpan: 5 }, `The models could not be loaded: ${error.message}`))
        );
    }
  }
  async #showDrift(signal) {
    try {
      const answer = await ifThere("/v1/drift", signal);
      if (!signal.aborted) this.#drift.show(answer);
    } catch (error) {
      if (!signal.aborted) this.#drift.say(`Drift reports could not be loaded: ${error.message}`);
    }
  }
  async #showRuns() {
    const place = document.getElementById("run-rows");
    const note = document.getElementById("runs-note");
    const answer = await ifThere("/v1/report/runs").catch((error) => ({ runs: [], why: error.message }));
    document.getElementById("report-link").hidden = answer === null;
    const runs = answer?.runs ?? [];
    place.replaceChildren(...runs.map(runRow));
    document.getElementById("runs-table").hidden = runs.length === 0;
    note.hidden = runs.length > 0;
    note.textContent = answer === null ? "No process with the role monitor is running." : answer.why ?? "The server has no runs.";
  }
};
var delay = (views) => {
  const known = views.map(({ latency_ms: ms }) => ms).filter((ms) => typeof ms === "number");
  return known.length ? `${Math.max(...known).toFixed(0)} ms` : "\u2013";
};
function row4({ name, version, backend, card }) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", {}, String(version)),
    el("td", {}, backend ?? "not loaded"),
    el("td", {}, headline(card.metrics ?? {})),
    el("td", {}, el("a", { href: "#/models" }, "model card"))
  );
}
function headline(metrics, prefix = "") {
  const found2 = [];
  for (const [key, value] of Object.entries(metrics)) {
    if (typeof value === "number" && /^(map50|map50_95|map|accuracy|f1|recall|precision)$/i.test(key.replace("-", "_")))
      found2.push(`${prefix}${key.replace("_", "-")} ${value.toFixed(3)}`);
    else if (typeof value === "object" && value !== null && !Array.isArray(value) && !prefix)
      found2.push(
        ...headline(value, `${key.replaceAll("_", " ")} `).split(", ").filter(Boolean)
      );
  }
  return found2.slice(0, 4).join(", ");
}
function runRow({ name, experiment, status, started_ms: started, metrics, url }) {
  const figures = Object.entries(metrics).slice(0, 4).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`);
  const label2 = url ? el("a", { href: url, target: "_blank", rel: "noopener" }, name) : name;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, label2),
    el("td", {}, experiment),
    el("td", {}, status.toLowerCase()),
    el("td", {}, started ? new Date(started).toLocaleString() : "\u2013"),
    el("td", {}, figures.join(", "))
  );
}

// people-search.js
var WORDS4 = "Who is enrolled and looks like the face in this picture. The picture is not kept; that you searched is written down.";
function searchForm() {
  const picture = pictureField("Picture with one face");
  const error = el("p", { class: "form-error", role: "alert", hidden: true });
  const found2 = el("div", { class: "found", role: "status" });
  const button2 = el("button", { class: "button primary", type: "submit" }, "Search");
  const close = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close");
  const form = el(
    "form",
    { on: { submit: (event) => search(event) } },
    el("h2", { id: "people-search-title" }, "Search by a picture"),
    el("p", { class: "quiet" }, WORDS4),
    picture.element,
    error,
    found2,
    el("div", { class: "sheet-actions" }, close, button2)
  );
  const attributes = { class: "sheet", "aria-labelledby": "people-search-title", on: { close: () => dialog.remove() } };
  const dialog = el("dialog", attributes, form);
  async function search(event) {
    event.preventDefault();
    button2.disabled = true;
    error.hidden = true;
    found2.replaceChildren(el("p", { class: "quiet" }, "Searching\u2026"));
    try {
      found2.replaceChildren(...resultOf(await searchPeople(picture.files()[0])));
    } catch (problem) {
      found2.replaceChildren();
      error.textContent = problem.message;
      error.hidden = false;
    }
    button2.disabled = false;
  }
  document.body.append(dialog);
  dialog.showModal();
}
function resultOf({ people, tracks = [] }) {
  const named = people.filter((one) => one.named);
  const title = named.length ? `This is ${named[0].name}, as far as can be told.` : "Nobody who is enrolled.";
  const dialog = new TrackDialog();
  return [
    el("p", {}, el("strong", {}, title)),
    el("ul", { class: "alike" }, ...people.map(row5)),
    tracks.length ? el("h3", {}, "Seen lately") : "",
    el("ol", { class: "events" }, ...tracks.map((track) => trackRow(track, (one) => dialog.open(one))))
  ];
}
function row5({ person, name, similarity, threshold, named, image_url: url }) {
  const words = `${similarityWords(similarity)} alike, ${similarityWords(threshold)} needed`;
  return el(
    "li",
    {},
    face(url),
    el(
      "span",
      {},
      el("a", { href: `#/people/${person}` }, named ? el("strong", {}, name) : name),
      el("meter", { min: 0, max: 1, low: threshold, optimum: 1, value: Math.max(0, similarity), "aria-hidden": "true" }),
      el("small", { class: "quiet" }, named ? words : `${words}: not named`)
    )
  );
}

// person-form.js
var MOST_NAME = 100;
var field2 = (words, input, hint = null) => el("label", { class: "field" }, el("span", {}, words), input, hint ? el("small", {}, hint) : null);
var text = (name, value, more) => el("input", { type: "text", name, value, autocomplete: "off", maxLength: MOST_NAME, ...more });
var nameField2 = (value = "") => field2("Name", text("name", value, { required: true }));
function groupField(groups = []) {
  const known = everyGroup();
  const hint = `Separate several by commas.${known.length ? ` There are: ${known.join(", ")}.` : ""}`;
  return field2("Groups", text("groups", groups.join(", "), { maxLength: 400, placeholder: "staff, night shift" }), hint);
}
var noteField = (note) => field2("Note", text("note", note ?? "", { maxLength: 500 }));
var wishOf = (data) => ({
  name: data.get("name").trim(),
  groups: groupsIn(data.get("groups")),
  note: data.get("note").trim()
});
var filesOf = (pictures2) => pictures2.files().map((file) => ({ file }));
function addForm(done) {
  const pictures2 = pictureField("Pictures, each with this face alone", { multiple: true });
  formDialog({
    title: "Add a person",
    words: "Three pictures from different sides name somebody more surely than one. A face needs 64 px at least.",
    yes: "Add",
    fields: [nameField2(), groupField(), noteField(), pictures2.element],
    submit: async (data) => {
      const { id, refused } = await addWithPictures(wishOf(data), filesOf(pictures2));
      return () => done(id, refused);
    }
  });
}
function picturesForm(person, done) {
  const pictures2 = pictureField("Pictures, each with this face alone", { multiple: true });
  formDialog({
    title: `Add pictures of ${person.name}`,
    words: "A face needs 64 px at least, sharp and not turned away.",
    yes: "Add",
    fields: [pictures2.element],
    submit: async () => {
      const { taken, refused } = await enrolAll(person, filesOf(pictures2));
      if (taken.size === 0) throw new Error(refused.join(" "));
      return () => done(refused);
    }
  });
}
function changeForm(person, done) {
  const strict = el("input", { type: "checkbox", name: "strict", checked: person.strict === true });
  const words = "Strict: fewer strangers get this name, and some looks of this person go unnamed";
  formDialog({
    title: `Change ${person.name}`,
    yes: "Save",
    fields: [
      nameField2(person.name),
      groupField(person.groups),
      noteField(person.note),
      el("label", { class: "check" }, strict, el("span", {}, words))
    ],
    submit: async (data) => {
      await changePerson(person.id, { ...wishOf(data), strict: data.has("strict") });
      return done;
    }
  });
}
function mergeForm(person, done) {
  const others = everybody().filter(({ id }) => id !== person.id);
  const select = el("select", { name: "other", required: true }, ...others.map(({ id, name }) => new Option(name, id)));
  formDialog({
    title: `Merge somebody into ${person.name}`,
    words: `Their pictures and sightings become those of ${person.name}. This can be undone.`,
    yes: "Merge",
    fields: [field2("Who is the same person", select)],
    submit: async (data) => {
      await mergePeople(person.id, data.get("other"));
      return done;
    }
  });
}
function splitForm(person, looks, done) {
  formDialog({
    title: `${picturesOf(looks.length)} of somebody else`,
    words: `A new person gets what was chosen; the rest stays with ${person.name}. This can be undone.`,
    yes: "Split",
    fields: [nameField2()],
    submit: async (data) => {
      const fresh = await splitPerson(person.id, looks, data.get("name").trim());
      return () => done(fresh);
    }
  });
}

// sightings-timeline.js
var ROW = 26;
var AXIS = 22;
var LEAST = 3;
var NARROW = 520;
function sightingsTimeline(tracks, [from, to], width) {
  const cameras2 = [...new Set(tracks.map(({ stream_id: id }) => id))].sort();
  const names = width < NARROW ? 0 : 130;
  const rowHeight = names ? ROW : ROW + 14;
  const room = Math.max(1, width - names);
  const height = cameras2.length * rowHeight + AXIS;
  const at = (ms) => names + (Math.min(Math.max(ms, from), to) - from) * (room / (to - from));
  const rows = cameras2.flatMap((camera, row6) => {
    const top = row6 * rowHeight;
    const middle = top + rowHeight - ROW / 2;
    const label2 = svg("text", { x: 0, y: names ? middle + 4 : top + 12, class: "sight-camera" }, short2(camera, names));
    const line = svg("line", { x1: names, x2: width, y1: middle, y2: middle, class: "sight-line" });
    return [label2, line, ...tracks.filter(({ stream_id: id }) => id === camera).map((track) => bar(track, at, middle, to))];
  });
  const ticks = timeTicks(from, to, Math.max(2, Math.floor(room / 90))).flatMap(({ value, label: label2 }) => [
    svg("line", { x1: at(value), x2: at(value), y1: 0, y2: height - AXIS, class: "sight-tick" }),
    svg("text", { x: at(value), y: height - 6, class: "sight-time" }, label2)
  ]);
  return svg(
    "svg",
    { class: "sightings", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": wordsOf(tracks, cameras2) },
    ...ticks,
    ...rows
  );
}
function bar(track, at, middle, now) {
  const began = at(track.began_at_ns / 1e6);
  const right = Math.max(at(track.ended_at_ns === null ? now : track.ended_at_ns / 1e6), at(0) + LEAST);
  const left = Math.min(began, right - LEAST);
  const attributes = { x: left, y: middle - 7, width: right - left, height: 14, rx: 2, class: "sight" };
  return svg("rect", attributes, svg("title", {}, `${track.stream_id}: ${whenOf(track)}`));
}
var short2 = (camera, names) => names && camera.length > 16 ? `${camera.slice(0, 15)}\u2026` : camera;
function wordsOf(tracks, cameras2) {
  const times = (camera) => tracks.filter(({ stream_id: id }) => id === camera).length;
  const words = (count2) => count2 === 1 ? "once" : `${count2} times`;
  return `Seen ${cameras2.map((camera) => `${words(times(camera))} at ${camera}`).join(", ")}`;
}

// person-sightings.js
var OFFERED = { "24h": "Last day", "7d": "Last week", "30d": "Last month" };
var MOST2 = 500;
var ROWS = 20;
var PersonSightings = class {
  #person = null;
  #range = "7d";
  #asked = [0, 0];
  // the time that the tracks are of, milliseconds since 1970
  #tracks = null;
  #more = false;
  #width = 0;
  #abort = null;
  #dialog = new TrackDialog();
  #place = el("div", { class: "sightings-place" });
  constructor() {
    const choose = ({ currentTarget }) => {
      this.#range = currentTarget.value;
      this.#load();
    };
    const options = Object.entries(OFFERED).map(([value, words]) => new Option(words, value, false, value === this.#range));
    const range = el("select", { class: "select", "aria-label": "Time", on: { change: choose } }, ...options);
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "sightings-title" },
      el("div", { class: "camera-head" }, el("h2", { id: "sightings-title" }, "Seen"), range),
      this.#place
    );
    new ResizeObserver(() => this.#place.clientWidth !== this.#width && this.#draw()).observe(this.#place);
  }
  show(person) {
    if (person.id !== this.#person?.id) {
      this.#tracks = null;
      this.#place.replaceChildren(el("p", { class: "quiet" }, "Loading\u2026"));
    }
    this.#person = person;
    this.#load();
  }
  hide() {
    this.#abort?.abort();
    this.#person = null;
  }
  async #load() {
    this.#abort?.abort();
    const { signal } = this.#abort = new AbortController();
    const now = Date.now();
    const since2 = now - RANGES[this.#range];
    try {
      const filters = { since: new Date(since2).toISOString(), limit: MOST2 };
      const answer = await sightings(this.#person.id, filters, signal);
      if (signal.aborted) return;
      this.#asked = [since2, now];
      this.#tracks = answer?.tracks ?? [];
      this.#more = Boolean(answer?.next);
      this.#draw();
    } catch (error) {
      if (!signal.aborted) this.#place.replaceChildren(el("p", { class: "form-error" }, error.message));
    }
  }
  #draw() {
    const tracks = this.#tracks;
    this.#width = this.#place.clientWidth;
    if (!this.#person || !tracks || !this.#width) return;
    if (!tracks.length) return this.#place.replaceChildren(el("p", { class: "quiet" }, "Not seen in this time."));
    const open = (track) => this.#dialog.open(track);
    const all = `#/events?${new URLSearchParams({ range: this.#range, person: this.#person.id })}`;
    this.#place.replaceChildren(
      sightingsTimeline(tracks, this.#asked, this.#width),
      this.#more ? el("p", { class: "quiet" }, `Only the newest ${tracks.length} are shown.`) : "",
      el("ol", { class: "events" }, ...tracks.slice(0, ROWS).map((track) => trackRow(track, open))),
      el("a", { href: all }, "Show all on the Events page")
    );
  }
};

// person-view.js
var PersonView = class {
  #place;
  #changed;
  #person = null;
  #chosen = /* @__PURE__ */ new Set();
  // numbers of pictures
  #sightings = new PersonSightings();
  #looks = el("section", { class: "card", "aria-labelledby": "looks-title" });
  /** @param {HTMLElement} place @param {(anew?: boolean) => void} changed something of the person, or of others */
  constructor(place, changed2) {
    this.#place = place;
    this.#changed = changed2;
  }
  hide() {
    this.#sightings.hide();
    this.#person = null;
    this.#chosen.clear();
    this.#place.hidden = true;
  }
  /** @param {object} person of `GET /v1/people/{id}` */
  show(person) {
    if (person.id !== this.#person?.id) this.#chosen.clear();
    this.#person = person;
    this.#place.hidden = false;
    this.#drawLooks();
    this.#place.replaceChildren(this.#head(), this.#recognised(), this.#looks, this.#sightings.element);
    this.#sightings.show(person);
  }
  #head() {
    const person = this.#person;
    const button2 = (words, what, click, needs) => el("button", { class: "button", type: "button", dataset: { needs }, on: { click } }, icon(what), words);
    return el(
      "header",
      { class: "person-head" },
      face(person.image_url),
      el(
        "div",
        { class: "person-who" },
        el("h2", { tabIndex: -1 }, person.name),
        el("ul", { class: "chips" }, ...person.groups.map((group) => el("li", {}, group))),
        person.note ? el("p", { class: "quiet" }, person.note) : null
      ),
      el(
        "div",
        { class: "card-actions" },
        button2("Change", "edit", () => changeForm(person, () => this.#changed()), "people"),
        everybody().length > 1 ? button2("Merge", "people", () => mergeForm(person, () => this.#changed()), "people") : null,
        button2("Erase", "trash", () => this.#erase(), "erase")
      )
    );
  }
  #recognised() {
    const { alike = [], counter_examples: counters = 0 } = this.#person;
    return el(
      "section",
      { class: "card", "aria-labelledby": "recognised-title" },
      el("h2", { id: "recognised-title" }, "Recognition"),
      el("p", {}, thresholdWords(this.#person)),
      this.#person.strict ? el("p", { class: "quiet" }, "Strict: fewer strangers get this name.") : null,
      alike.length ? el("p", { class: "quiet" }, `Looks like ${alike.map(({ name, similarity }) => `${name} (${similarityWords(similarity)})`).join(", ")}. That raises the threshold.`) : null,
      counters ? el("p", { class: "quiet" }, `${counters === 1 ? "1 look" : `${counters} looks`} turned out to be somebody else; what is like that does not get this name.`) : null
    );
  }
  #drawLooks() {
    const { looks, name } = this.#person;
    const chosen = this.#chosen.size;
    const some = (words, click, fits, needs) => el("button", { class: "button", type: "button", disabled: !fits, dataset: { needs }, on: { click } }, words);
    const add = el(
      "button",
      { class: "button primary", type: "button", dataset: { needs: "enrol" }, on: { click: () => this.#add() } },
      icon("plus"),
      "Add pictures"
    );
    this.#looks.replaceChildren(
      el("div", { class: "camera-head" }, el("h2", { id: "looks-title" }, picturesOf(looks.length)), add),
      el("ul", { class: "looks" }, ...looks.map((look) => this.#look(look, name))),
      looks.length ? el(
        "div",
        { class: "card-actions" },
        some("Somebody else\u2026", () => this.#split(), chosen > 0 && chosen < looks.length, "people"),
        some("Remove", () => this.#remove(), chosen > 0, "erase")
      ) : ""
    );
  }
  #look(look, name) {
    const { n, image_url: url, created_at_ns: at } = look;
    const words = lookWords(look);
    const box = el("input", {
      type: "checkbox",
      checked: this.#chosen.has(n),
      "aria-label": `Picture of ${name}, ${words}`,
      on: { change: ({ currentTarget }) => this.#choose(n, currentTarget.checked) }
    });
    return el(
      "li",
      {},
      el("label", {}, may("people") ? box : null, face(url)),
      el("small", { class: "quiet" }, words, el("br"), new Date(at / 1e6).toLocaleDateString())
    );
  }
  #choose(n, on) {
    if (on) this.#chosen.add(n);
    else this.#chosen.delete(n);
    this.#drawLooks();
    this.#looks.querySelectorAll(".looks input")[this.#person.looks.findIndex((look) => look.n === n)]?.focus();
  }
  #add() {
    picturesForm(this.#person, (refused) => {
      if (refused.length) toast(refused.join(" "), "bad");
      this.#changed();
    });
  }
  #split() {
    splitForm(this.#person, [...this.#chosen], (fresh) => {
      this.#chosen.clear();
      toast(`${fresh.name} is a person of their own now.`);
      this.#changed();
    });
  }
  async #remove() {
    const { id, name } = this.#person;
    const words = picturesOf(this.#chosen.size);
    if (!await ask(`Remove ${words} of ${name}?`, `${name} is recognised by the others from now on.`, "Remove")) return;
    try {
      for (const n of this.#chosen) await removeLook(id, n);
      this.#chosen.clear();
    } catch (error) {
      toast(`Not all could be removed: ${error.message}`, "bad");
    }
    this.#changed();
  }
  async #erase() {
    const { id, name } = this.#person;
    const words = `The pictures go, and ${name} is named nowhere any more, also not in what was recorded. Alerts that were sent are not called back. This cannot be undone.`;
    if (!await ask(`Erase ${name}?`, words, "Erase")) return;
    try {
      await erasePerson(id);
      forget();
      toast(`${name} was erased.`);
      location.hash = "#/people";
    } catch (error) {
      toast(`${name} could not be erased: ${error.message}`, "bad");
    }
    this.#changed();
  }
};

// people-page.js
var PAGE3 = 60;
var SOON_MS2 = 250;
var ONE = /^#\/people\/([\w-]+)/;
var PeoplePage = class {
  title = "People";
  #view = new PersonView(document.getElementById("person-view"), () => this.#changed());
  #tools = document.getElementById("people-tools");
  #list = document.getElementById("people-list");
  #more = document.getElementById("people-more");
  #note = document.getElementById("people-note");
  #undo = document.getElementById("people-undo");
  #back = document.getElementById("people-back");
  #all = document.getElementById("people-all");
  #add = document.getElementById("person-add");
  #search = document.getElementById("people-search");
  #abort = null;
  #soon = 0;
  #next = null;
  constructor() {
    this.#tools.addEventListener("submit", (event) => event.preventDefault());
    this.#tools.addEventListener("input", () => {
      clearTimeout(this.#soon);
      this.#soon = setTimeout(() => this.#load(), SOON_MS2);
    });
    this.#more.addEventListener("click", () => this.#load(this.#next));
    this.#undo.addEventListener("click", () => this.#takeBack());
    this.#add.addEventListener("click", () => addForm((id, refused) => this.#added(id, refused)));
    this.#search.addEventListener("click", () => searchForm());
    window.addEventListener("popstate", () => this.#shown && this.#read(true));
  }
  get #shown() {
    return this.#abort !== null && /^#\/people\b/.test(location.hash);
  }
  show() {
    peopleKnown();
    this.#read();
  }
  hide() {
    this.#abort?.abort();
    this.#abort = null;
    this.#view.hide();
  }
  /** Shows what the address says. @param {boolean} [focus] whether the keyboard moves to its beginning */
  async #read(focus = false) {
    const id = ONE.exec(location.hash)?.[1] ?? null;
    this.#all.hidden = id !== null;
    this.#back.hidden = id === null;
    for (const button2 of [this.#add, this.#search]) button2.hidden = id !== null;
    if (id) await this.#one(id, focus);
    else {
      this.#view.hide();
      if (focus) document.getElementById("people-title").focus();
      await this.#load();
    }
  }
  async #one(id, focus) {
    this.#note.hidden = true;
    const { signal } = this.#again();
    try {
      const [person] = await Promise.all([getPerson(id, signal), peopleKnown()]);
      if (signal.aborted) return;
      if (person === null) return this.#say("Nobody of that address", "They were erased, or merged into somebody else.");
      this.#view.show(person);
      if (focus) document.querySelector("#person-view h2").focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) this.#say("This person could not be loaded", error.message);
    }
  }
  #again() {
    clearTimeout(this.#soon);
    this.#abort?.abort();
    this.#abort = new AbortController();
    return this.#abort;
  }
  /** A page: of those behind the cursor, else the first. */
  async #load(cursor = null) {
    const { signal } = this.#again();
    const { q, group } = this.#tools.elements;
    try {
      const answer = await listPeople({ q: q.value.trim(), group: group.value, limit: PAGE3, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) return this.#say("People are not stored", "No process with the role monitor is running.");
      this.#take(answer, cursor !== null);
    } catch (error) {
      if (!signal.aborted) this.#say("People could not be loaded", error.message);
    }
  }
  #take({ people, next, groups, undo }, further) {
    const cards = people.map(cardOf);
    if (further) this.#list.append(...cards);
    else this.#list.replaceChildren(...cards);
    this.#next = next;
    this.#more.hidden = next === null;
    this.#offerUndo(undo ?? null);
    this.#offer(groups ?? []);
    const { q, group } = this.#tools.elements;
    const filtered = Boolean(q.value.trim() || group.value);
    this.#tools.hidden = !this.#list.children.length && !filtered;
    this.#note.hidden = this.#list.children.length > 0;
    if (this.#note.hidden) return;
    if (filtered) this.#say("Nobody", "No enrolled person matches the filter.");
    else {
      const words = "Add a person with a few pictures, or open a track and answer \u201CWho is this?\u201D. Cameras say who is seen where that is turned on in their settings.";
      this.#say("Nobody is enrolled yet", words);
    }
  }
  #offer(groups) {
    const select = this.#tools.elements.group;
    const chosen = select.value;
    const all = [.../* @__PURE__ */ new Set([...groups, ...chosen ? [chosen] : []])].sort();
    select.replaceChildren(select.options[0], ...all.map((group) => new Option(group, group)));
    select.value = chosen;
    select.hidden = all.length === 0;
  }
  #offerUndo(words) {
    this.#undo.hidden = !words;
    if (words) this.#undo.title = `Take back: ${words}`;
    this.#undo.lastElementChild.textContent = words ? `Undo ${words}` : "";
  }
  async #takeBack() {
    try {
      const { undone } = await undoPeople();
      toast(`Taken back: ${undone}.`);
    } catch (error) {
      toast(`It could not be taken back: ${error.message}`, "bad");
    }
    this.#changed();
  }
  #added(id, refused) {
    if (refused.length) toast(`Not all pictures were taken. ${refused.join(" ")}`, "bad");
    location.hash = `#/people/${id}`;
    this.#changed();
  }
  /** Somebody is called otherwise now, or is gone: every page says so. */
  async #changed() {
    await peopleKnown({ anew: true });
    if (this.#shown) this.#read();
  }
  #say(title, text2) {
    this.#view.hide();
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text2;
  }
};
function cardOf(person) {
  const { id, name, groups, looks, image_url: url } = person;
  return el(
    "li",
    { class: "card person", dataset: { person: id } },
    face(url),
    el(
      "div",
      { class: "person-who" },
      el("h2", {}, el("a", { href: `#/people/${id}` }, name)),
      groups.length ? el("ul", { class: "chips" }, ...groups.map((group) => el("li", {}, group))) : null,
      el("p", { class: "quiet" }, `${picturesOf(count(looks))}. ${seenWords(person)}.`),
      el("p", { class: "quiet" }, thresholdWords(person))
    )
  );
}

// users-page.js
var UsersPage = class {
  title = "Users";
  #list = document.getElementById("user-list");
  #error = document.getElementById("users-error");
  constructor() {
    document.getElementById("user-add").addEventListener("click", () => this.#add());
  }
  show() {
    this.#load();
  }
  hide() {
  }
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
    const seen2 = user.signed_in_ns ? new Date(user.signed_in_ns / 1e6).toLocaleString() : "never";
    return el(
      "li",
      { class: "card", dataset: { user: user.name } },
      el(
        "div",
        { class: "camera-head" },
        el("h2", {}, user.name),
        badge(user.disabled ? "failed" : "live", user.disabled ? "Disabled" : "Enabled")
      ),
      el("p", {}, accessWords(user.grants)),
      el("p", { class: "quiet" }, `Last signed in: ${seen2}${user.has_password ? "" : "; at a provider only"}`),
      el(
        "div",
        { class: "card-actions" },
        this.#button(user, "Access", () => this.#access(user)),
        this.#button(user, "Reset password", () => this.#password(user)),
        this.#button(user, user.disabled ? "Enable" : "Disable", () => this.#switch(user)),
        this.#button(user, "Remove", () => this.#remove(user))
      )
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
          el("input", { type: "text", name: "name", autocomplete: "off", required: true, maxLength: 64 })
        ),
        newPasswordField("Password", "password"),
        grantFields([{ role: "viewer", streams: ["*"] }])
      ],
      submit: async (data, form) => {
        await addUser({ name: data.get("name"), password: data.get("password"), grants: grantsOf(form) });
        await this.#load();
      }
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
      }
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
      }
    });
  }
  async #switch(user) {
    const words = "They are logged out everywhere and cannot sign in.";
    if (user.disabled || await ask(`Disable ${user.name}?`, words, "Disable"))
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
};
export {
  AlertsPage,
  AskPage,
  AuditPage,
  CamerasPage,
  EventsPage,
  HealthPage,
  KeysPage,
  ModelsPage,
  MonitoringPage,
  PeoplePage,
  UsersPage
};
