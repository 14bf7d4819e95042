// <livesight-view>: a camera's video with the boxes of each frame. docs/component.md describes it.

import { canDecode } from "./decoder.js";
import { Fallback } from "./fallback.js";
import { Link } from "./link.js";
import { Painter, wordsFor } from "./painter.js";
import { Player } from "./player.js";
import { parseMessage } from "./protocol.js";
import { SignedLinks, linksFrom } from "./signed.js";
import { sheet } from "./style.js";
import { watchSight } from "./sight.js";

const SILENT_MS = 3000; // without a new frame for so long, the server is asked what the matter is
const MOVING_MS = 1500; // a picture moves when its newest frame is no older
const ASK_MS = 2500;
const WORDS_MS = 500; // how often the description of a frame changes
const REFUSALS = 2; // handshakes refused in a row before the fallback
const OWN_STALE_MS = 1500;

const STILL = "No new frame arrives here; trying again.";

const TITLES = {
  connecting: "Connecting",
  live: "Live",
  stalled: "Stalled",
  reconnecting: "Reconnecting",
  ended: "Ended",
  failed: "Failed",
  disabled: "Paused",
  unknown: "No such camera",
  paused: "Paused",
};
const TEXTS = {
  connecting: "Waiting for the first frame.",
  stalled: "The camera has stopped sending frames.",
  reconnecting: "Connection lost; trying again.",
  ended: "The stream has ended.",
  failed: "The camera cannot be shown.",
  disabled: "This camera is paused.",
};

export class LivesightView extends HTMLElement {
  static observedAttributes = ["stream", "server", "mode", "labels", "colours", "only", "blur", "paused", "links-from"];

  #stage;
  #canvas;
  #video;
  #notice;
  #hint;
  #painter;
  #player;
  #fallback = null;
  #videoLink = null; // Link
  #results = null; // Link
  #running = false;
  #inSight = false;
  #unwatch = null;
  #frame = 0;
  #askTimer = 0;
  #asking = null;
  #shownAt = 0; // when the newest frame was shown
  #wordsAt = 0;
  #state = { state: "connecting", text: "", via: "webcodecs" };
  #said = null; // {state, text} from outside, before our own
  #codec = null;
  #configured = 0; // the newest configuration asked about
  #early = []; // packets that came while the browser was asked about their codec
  #staleTimer = 0;
  #givesLinks = null; // the page's own function
  #signed = null; // SignedLinks

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = `
      <div class="stage" part="stage">
        <video muted playsinline autoplay hidden part="video"></video>
        <img alt="" hidden part="fallback" />
        <canvas role="img" part="canvas"></canvas>
      </div>
      <div class="notice" part="notice" hidden><strong></strong><span></span></div>
      <div class="hint" part="hint" hidden></div>`;
    this.#stage = root.querySelector(".stage");
    this.#canvas = root.querySelector("canvas");
    this.#video = root.querySelector("video");
    this.#notice = root.querySelector(".notice");
    this.#hint = root.querySelector(".hint");
    this.#painter = new Painter(this.#canvas);
    this.#player = new Player((message, fatal) => this.#onDecodeError(message, fatal));
  }

  // what integrators use

  /** The stream's id. */
  get stream() {
    return this.getAttribute("stream") ?? "";
  }

  set stream(id) {
    this.setAttribute("stream", id);
  }

  /** On a page of another host: `async (path) => link`, where the link is what `POST /v1/links` gave for the path. */
  get links() {
    return this.#givesLinks;
  }

  set links(give) {
    this.#stop();
    this.#givesLinks = give;
    this.#signed = null;
    this.#look();
  }

  /** `{state, text, via}`: via "webcodecs", "mjpeg", "stills" or "preview". */
  get state() {
    return this.#said ? { ...this.#state, ...this.#said } : this.#state;
  }

  /** As `state`, of what is seen here alone, whatever the page says; `moving`: whether frames are being shown. */
  get picture() {
    const { state } = this.#state;
    const moving = state === "live" && (this.preview !== null || performance.now() - this.#shownAt < MOVING_MS);
    return { ...this.#state, moving };
  }

  /** `{decoded, shown, passed, skipped, delayMs, codec, via}` since the view began. */
  get stats() {
    return { ...this.#player.stats, codec: this.#codec, via: this.#state.via };
  }

  /** The frame as it is shown, boxes included, as a PNG Blob; null where there is none. */
  toBlob() {
    const { width, height } = this.#canvas;
    const fallback = this.shadowRoot.querySelector("img");
    const under = this.#fallback ? fallback : this.preview ? this.#video : null;
    const [wide, high] = this.#fallback ? [fallback.naturalWidth, fallback.naturalHeight] : [width, height];
    if (!wide || (!under && !this.#painter.shown)) return Promise.resolve(null);
    const copy = new OffscreenCanvas(wide, high);
    const context = copy.getContext("2d");
    if (under) context.drawImage(under, 0, 0, wide, high);
    if (!this.#fallback) context.drawImage(this.#canvas, 0, 0);
    return copy.convertToBlob({ type: "image/png" });
  }

  /** A MediaStream to show instead of the server's video, with the server's boxes: the own camera. */
  get preview() {
    return this.#video.srcObject;
  }

  set preview(media) {
    this.#stop();
    this.#video.srcObject = media;
    this.#video.hidden = media === null;
    this.#look();
  }

  /** Words of the page's own that go before this view's, as `{state, text}`; null ends them. */
  say(said) {
    this.#said = said;
    this.#showState();
  }

  // life

  connectedCallback() {
    this.#unwatch = watchSight(this, (inSight) => {
      this.#inSight = inSight;
      this.#look();
    }, (size) => this.#painter.resize(size));
    this.#applyLook();
    this.#showState();
  }

  disconnectedCallback() {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#inSight = false;
    this.#stop();
    this.#painter.clear();
  }

  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (["mode", "labels", "colours", "only", "blur"].includes(name)) return this.#applyLook();
    this.#stop();
    this.#signed = null;
    if (name !== "paused") this.#painter.clear();
    this.#become("connecting", "");
    this.#look();
  }

  #applyLook() {
    const strict = this.hasAttribute("blur");
    Object.assign(this.#player, { mode: this.getAttribute("mode") === "fast" ? "fast" : "exact", strict });
    this.#painter.look = {
      labels: this.getAttribute("labels") ?? "full",
      colours: pairs(this.getAttribute("colours")),
      only: words(this.getAttribute("only")),
      blur: strict,
    };
    this.#painter.draw();
  }

  /** Runs while somebody can see it, and only then. */
  #look() {
    const wanted = this.isConnected && this.#inSight && this.stream !== "" && !this.hasAttribute("paused");
    if (wanted) this.#start();
    else this.#stop();
    if (this.hasAttribute("paused")) this.#become("paused", "");
    else if (this.#state.state === "paused") this.#become("connecting", "");
  }

  #start() {
    if (this.#running) return;
    this.#running = true;
    this.#shownAt = performance.now();
    if (this.#state.state === "live") this.#become("connecting", ""); // what is there was seen when it last ran
    this.#results = this.#link("detections");
    this.#results.addEventListener("message", ({ detail }) => this.#onResult(detail));
    this.#results.open();
    if (!this.preview) this.#startVideo();
    else this.#become("live", "", "preview");
    this.#askTimer = setInterval(() => this.#ask(), ASK_MS);
  }

  #startVideo() {
    this.#videoLink = this.#link("video");
    this.#videoLink.addEventListener("message", ({ detail }) => this.#onMessage(detail));
    this.#videoLink.addEventListener("state", () => this.#onLink());
    this.#videoLink.open();
    const turn = (now) => {
      this.#frame = requestAnimationFrame(turn);
      this.#turn(now);
    };
    this.#frame = requestAnimationFrame(turn);
  }

  #stop() {
    if (!this.#running) return;
    this.#running = false;
    cancelAnimationFrame(this.#frame);
    clearInterval(this.#askTimer);
    clearTimeout(this.#staleTimer);
    this.#asking?.abort();
    this.#videoLink?.close();
    this.#results?.close();
    this.#videoLink = this.#results = null;
    this.#fallback?.stop();
    this.#fallback = null;
    this.#configured += 1;
    this.#early = [];
    this.#player.close();
  }

  // from the server

  #onResult(text) {
    const result = JSON.parse(text);
    if (!result?.schema?.startsWith("livesight.frame/")) return;
    this.#player.addResult(result);
    if (this.preview) this.#showOverPreview(result);
    else if (this.#fallback) {
      if (this.#fallback.shows) this.#sees(this.#fallback.why);
      this.#tellResult({ result, kind: "own", detections: result.detections });
    }
  }

  async #onMessage(data) {
    const message = parseMessage(data);
    if (!message) return;
    if (message.type === "skipped") this.#player.stats.skipped += message.count;
    else if (message.type === "configuration") await this.#onConfiguration(message);
    else if (this.#early) this.#early.push(message);
    else this.#player.push(message);
  }

  async #onConfiguration(configuration) {
    const asked = ++this.#configured;
    this.#early = [];
    const fine = await canDecode(configuration);
    if (asked !== this.#configured || !this.#running) return;
    const early = this.#early;
    this.#early = null;
    this.#codec = configuration.codec;
    if (!fine) return this.#fallBack(whyNot(configuration.codec));
    this.#player.configure(configuration);
    for (const packet of early) this.#player.push(packet);
  }

  #onLink() {
    const { state, refused, failures } = this.#videoLink;
    if (state === "open") this.#player.restart();
    if (state !== "waiting") return;
    this.#configured += 1;
    this.#early = [];
    this.#player.restart();
    this.#ask(refused && failures >= REFUSALS);
  }

  #onDecodeError(message, fatal) {
    this.dispatchEvent(new CustomEvent("error", { detail: { message, fatal } }));
    if (!this.#running) return;
    if (fatal) return this.#fallBack(message);
    this.#videoLink?.close(); // the server begins with a key frame again
    this.#videoLink?.open();
  }

  /** Asks how the stream is when nothing comes: the server knows why, in words. */
  async #ask(refused = false) {
    const silent = performance.now() - this.#shownAt > SILENT_MS;
    const waiting = !this.#fallback && this.#videoLink?.state === "waiting";
    if (!this.#running || this.preview || !(silent || refused || waiting)) return;
    if (silent && this.#state.state === "live") this.#become("stalled", STILL); // the answer may take its time
    this.#asking?.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    if (this.#links()) return this.#askNobody(refused);
    let view;
    try {
      const response = await fetch(this.#url(""), { signal, cache: "no-store" });
      view = response.status === 404 ? null : await response.json();
    } catch {
      if (!signal.aborted) this.#become("reconnecting", "The server is unreachable; trying again.");
      return;
    }
    if (!this.#running) return;
    if (view === null) return this.#become("unknown", `Camera “${this.stream}” does not exist.`);
    if (view.state !== "live") return this.#become(view.state, view.last_error ?? "");
    if (refused) return this.#fallBack("This server does not offer encoded video.");
    const open = this.#fallback !== null || this.#videoLink.state === "open";
    const frozen = this.#fallback !== null || Boolean(this.#painter.shown?.frame);
    if (open && frozen) this.#become("stalled", STILL);
    else this.#become(open ? "connecting" : "reconnecting", "");
    if (!this.#fallback) this.#videoLink.retry();
  }

  /** With links there is nobody to ask: they are for pictures and results only. */
  #askNobody(refused) {
    this.#become(this.#videoLink?.state === "open" ? "connecting" : "reconnecting", "");
    if (refused) for (const what of ["video", "detections"]) this.#links().forget(this.#path(`/${what}`));
  }

  #fallBack(why) {
    if (this.#fallback || !this.#running) return;
    cancelAnimationFrame(this.#frame);
    this.#videoLink?.close();
    this.#player.close();
    this.#painter.clear();
    this.#fallback = new Fallback(this.shadowRoot.querySelector("img"), (path, fresh) => this.#image(path, fresh), (trouble) =>
      trouble ? this.#become("reconnecting", trouble) : this.#sees(why),
    );
    this.#fallback.why = why;
    this.#fallback.start();
    this.#become("connecting", why, this.#fallback.via);
  }

  // to the eyes

  #turn(now) {
    const shown = this.#player.turn(now);
    if (!shown) return;
    this.#painter.show(shown);
    this.dataset.session = shown.frame.session;
    this.dataset.ptsUs = shown.frame.ptsUs;
    this.dataset.boxes = shown.kind;
    const trouble = shown.kind === "none" && this.#player.blind ? "No results arrive, so no boxes are drawn." : "";
    this.#sees(trouble, "webcodecs");
    this.#tellResult(shown);
  }

  #showOverPreview(result) {
    const under = { width: this.#video.videoWidth, height: this.#video.videoHeight };
    this.dataset.session = result.session;
    this.dataset.ptsUs = result.pts_us;
    const shown = { frame: null, kind: "own", detections: result.detections, result };
    this.#painter.showBoxes(shown, under);
    this.#tellResult(shown);
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => this.#painter.showBoxes(null, under), OWN_STALE_MS);
  }

  #tellResult({ kind, result, detections }) {
    if (kind === "own") this.dispatchEvent(new CustomEvent("result", { detail: result }));
    const now = performance.now();
    if (now - this.#wordsAt < WORDS_MS) return;
    this.#wordsAt = now;
    const text = `${this.getAttribute("label") ?? this.stream}: ${wordsFor(detections)}`;
    for (const element of [this.#canvas, this.shadowRoot.querySelector("img")]) {
      const name = element === this.#canvas ? "aria-label" : "alt";
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }

  /** A frame is shown. */
  #sees(text, via = this.#state.via) {
    this.#shownAt = performance.now();
    this.#become("live", text, via);
  }

  #become(state, text, via = this.#state.via) {
    const before = this.#state;
    if (before.state === state && before.text === text && before.via === via) return;
    this.#state = { state, text, via };
    this.#showState();
    this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
  }

  #showState() {
    const { state, text } = this.state;
    const { frame } = this.#painter.shown ?? {};
    const seen = Boolean(frame) || this.#fallback !== null || this.preview !== null;
    this.dataset.state = state;
    this.#stage.classList.toggle("dim", state !== "live" && seen);
    this.#canvas.hidden = this.#fallback !== null;
    this.#notice.hidden = state === "live";
    this.#notice.querySelector("strong").textContent = TITLES[state] ?? state;
    this.#notice.querySelector("span").textContent = text || TEXTS[state] || "";
    this.#hint.hidden = state !== "live" || !text;
    this.#hint.textContent = text;
    if (performance.now() - this.#wordsAt > WORDS_MS || !this.#canvas.hasAttribute("aria-label"))
      this.#canvas.setAttribute("aria-label", `${this.getAttribute("label") || this.stream || "Live video"}: ${TITLES[state] ?? state}`);
  }

  #link(what) {
    const asSocket = (href) => href.replace(/^http/, "ws");
    return new Link(() => {
      const links = this.#links();
      if (!links) return asSocket(this.#url(`/${what}`));
      return links.of(this.#path(`/${what}`)).then((link) => asSocket(new URL(link, this.#server).href));
    });
  }

  async #image(path, fresh) {
    const links = this.#links();
    const url = links ? await links.of(this.#path(`/${path}`)) : this.#path(`/${path}`);
    return new URL(`${url}${url.includes("?") ? "&" : "?"}${fresh}`, this.#server).href;
  }

  #links() {
    const give = this.#givesLinks ?? (this.hasAttribute("links-from") ? linksFrom(this.getAttribute("links-from")) : null);
    if (give) this.#signed ??= new SignedLinks(give);
    return this.#signed;
  }

  get #server() {
    return this.getAttribute("server") || new URL(import.meta.url).origin;
  }

  #path(rest) {
    return `/v1/streams/${encodeURIComponent(this.stream)}${rest}`;
  }

  #url(rest) {
    return new URL(this.#path(rest), this.#server).href;
  }
}

function whyNot(codec) {
  if (typeof VideoDecoder === "undefined" && !window.isSecureContext)
    return "Showing still images: browsers decode video only over HTTPS or on localhost.";
  return `Showing images from the server: this browser does not decode ${codec}.`;
}

const HEX = /^#[0-9a-f]{6}$/i;

const words = (text) => (text ? text.split(",").map((word) => word.trim()).filter(Boolean) : null);

/** "with_mask:#0f0, without_mask:#f00" as a Map. */
const pairs = (text) =>
  new Map((words(text) ?? []).map((pair) => pair.split(":").map((part) => part.trim())).filter(([, c]) => HEX.test(c)));
