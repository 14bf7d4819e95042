// Made by `make web` out of api/web; do not edit. a5be77f0f6a8095cd6142c7331b1d671a91f40779edbea9d0b69581e61c51362
import {
  ApiError,
  HealthWatch,
  Results,
  arrowPath,
  askRemoval,
  between,
  centre,
  colourOf,
  countLabels,
  countOf,
  drawDetections,
  el,
  ifThere,
  inward,
  labelName,
  listAlerts,
  listStreams,
  may,
  mayOn,
  movedOn,
  nameOf,
  nameOfCodec,
  nameOfState,
  number,
  peopleKnown,
  rateWords,
  readiness,
  removeStream,
  session,
  shapesOf,
  short,
  showAccount,
  showBanner,
  showGate,
  showLink,
  showSummary,
  shownState,
  snapshot,
  svg,
  toast,
  whenSignedOut,
  whipEnd,
  whipOffer,
  wordsKnown
} from "./chunk.js";

// view/decoder.js
var MOST_ERRORS = 3;
async function canDecode(configuration) {
  if (configuration.codec === "jpeg") return true;
  if (typeof VideoDecoder === "undefined") return false;
  try {
    return (await VideoDecoder.isConfigSupported(wishOf(configuration))).supported === true;
  } catch {
    return false;
  }
}
function wishOf({ codec, sizeWh, description }) {
  const [codedWidth, codedHeight] = sizeWh ?? [];
  return {
    codec,
    ...codedWidth && codedHeight && { codedWidth, codedHeight },
    ...description && { description },
    optimizeForLatency: true
  };
}
var Decoder = class {
  #configuration = null;
  #decoder = null;
  // VideoDecoder; null for JPEG
  #jpegs = 0;
  #jpegTurn = Promise.resolve();
  #needsKey = true;
  #errors = 0;
  #generation = 0;
  /** @param {(frame: object) => void} onFrame @param {(message: string, fatal: boolean) => void} onError */
  constructor(onFrame, onError) {
    this.onFrame = onFrame;
    this.onError = onError;
  }
  get configuration() {
    return this.#configuration;
  }
  /** Packets taken that were not begun yet. */
  get backlog() {
    return this.#decoder ? this.#decoder.decodeQueueSize : this.#jpegs;
  }
  configure(configuration) {
    this.reset();
    this.#configuration = configuration;
    if (configuration.codec !== "jpeg") this.#start();
  }
  /** @returns {boolean} whether the packet was of use; after an error all are not, up to the next key frame */
  decode({ kind, ptsUs, data }) {
    if (!this.#configuration) return false;
    if (kind === "jpeg") return this.#decodeJpeg(ptsUs, data);
    if (!this.#decoder || this.#decoder.state !== "configured") return false;
    if (this.#needsKey && kind !== "key") return false;
    this.#needsKey = false;
    this.#decoder.decode(new EncodedVideoChunk({ type: kind, timestamp: ptsUs, data }));
    return true;
  }
  /** Packets are missing: up to the next key frame nothing is of use. */
  awaitKey() {
    this.#needsKey = true;
  }
  /** Resolves when all that was taken has come out. */
  async flush() {
    if (!this.#decoder) return this.#jpegTurn;
    try {
      await this.#decoder.flush();
    } catch {
      return;
    }
    this.#needsKey = true;
  }
  /** Forgets all that is in it. Idempotent; `configure` begins again. */
  reset() {
    this.#generation += 1;
    this.#needsKey = true;
    this.#configuration = null;
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
    this.#jpegs = 0;
    this.#jpegTurn = Promise.resolve();
  }
  #start() {
    const generation = this.#generation;
    const { session: session2 } = this.#configuration;
    this.#decoder = new VideoDecoder({
      output: (frame) => {
        if (generation !== this.#generation) return frame.close();
        this.#errors = 0;
        this.onFrame(frameOf(session2, frame.timestamp, frame, frame.displayWidth, frame.displayHeight));
      },
      error: (error) => generation === this.#generation && this.#onError(error)
    });
    try {
      this.#decoder.configure(wishOf(this.#configuration));
    } catch (error) {
      this.#onError(error);
    }
    this.#needsKey = true;
  }
  #onError(error) {
    this.#errors += 1;
    const configuration = this.#configuration;
    const fatal = this.#errors >= MOST_ERRORS;
    this.reset();
    if (!fatal) {
      this.#configuration = configuration;
      this.#start();
    }
    this.onError(`The video could not be decoded: ${error.message}`, fatal);
  }
  #decodeJpeg(ptsUs, data) {
    const generation = this.#generation;
    const { session: session2 } = this.#configuration;
    this.#jpegs += 1;
    const decoding = createImageBitmap(new Blob([data], { type: "image/jpeg" }));
    this.#jpegTurn = this.#jpegTurn.then(async () => {
      let bitmap = null;
      try {
        bitmap = await decoding;
      } catch (error) {
        if (generation === this.#generation) this.onError(`A frame could not be decoded: ${error.message}`, false);
      }
      if (generation !== this.#generation) return bitmap?.close();
      this.#jpegs -= 1;
      if (bitmap) this.onFrame(frameOf(session2, ptsUs, bitmap, bitmap.width, bitmap.height));
    });
    return true;
  }
};
var frameOf = (session2, ptsUs, source, width, height) => ({
  session: session2,
  ptsUs,
  source,
  width,
  height,
  close: () => source.close()
});

// view/fallback.js
var MOST_STREAMS = 3;
var STILL_MS = 1e3;
var AGAIN_MS = 3e3;
var streams = 0;
var Fallback = class {
  via = "stills";
  // or "mjpeg"
  why = "";
  // it is needed
  shows = false;
  // the newest request brought an image
  #image;
  #url;
  #running = false;
  #timer = 0;
  #onTrouble;
  /** @param {HTMLImageElement} image @param {(path: string, fresh: string) => string|Promise<string>} url
   *  @param {(words: string|null) => void} onTrouble */
  constructor(image, url, onTrouble) {
    this.#image = image;
    this.#url = url;
    this.#onTrouble = onTrouble;
  }
  start() {
    if (this.#running) return;
    this.#running = true;
    this.via = streams < MOST_STREAMS ? "mjpeg" : "stills";
    if (this.via === "mjpeg") streams += 1;
    this.#image.onload = () => {
      this.shows = true;
      this.#onTrouble(null);
      if (this.via === "stills") this.#later(STILL_MS);
    };
    this.#image.onerror = () => {
      this.shows = false;
      this.#onTrouble("No image arrives; trying again.");
      this.#later(AGAIN_MS);
    };
    this.#image.hidden = false;
    this.#ask();
  }
  stop() {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#timer);
    if (this.via === "mjpeg") streams -= 1;
    this.#image.onload = this.#image.onerror = null;
    this.#image.removeAttribute("src");
    this.#image.hidden = true;
  }
  async #ask() {
    const fresh = `t=${Date.now()}`;
    try {
      const url = await this.#url(this.via === "mjpeg" ? "mjpeg" : "snapshot.jpg?overlay=1", fresh);
      if (this.#running) this.#image.src = url;
    } catch {
      if (this.#running) this.#image.onerror();
    }
  }
  #later(pauseMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), pauseMs);
  }
};

// view/link.js
var BACKOFF_MS = [500, 1e3, 2e3, 4e3, 8e3];
var Link = class extends EventTarget {
  state = "closed";
  // connecting, open, waiting (until the next try), closed (on purpose)
  failures = 0;
  // tries in a row that brought no message
  refused = false;
  // the last try never got as far as "open"
  #address;
  #socket = null;
  #timer = 0;
  #tries = 0;
  /** @param {() => string|Promise<string>} address asked before each try */
  constructor(address) {
    super();
    this.#address = address;
  }
  open() {
    if (this.state === "closed") this.#connect();
  }
  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#tries += 1;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1e3);
    this.failures = 0;
    this.#become("closed");
  }
  /** Tries at once instead of waiting, as when the server was just seen to be back. */
  retry() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#connect();
  }
  async #connect() {
    const mine = ++this.#tries;
    this.#become("connecting");
    let url;
    try {
      const address = this.#address();
      url = typeof address === "string" ? address : await address;
    } catch {
      if (mine !== this.#tries) return;
      this.refused = true;
      return this.#again();
    }
    if (mine !== this.#tries) return;
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      opened = true;
      this.refused = false;
      this.#become("open");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.failures = 0;
      this.dispatchEvent(new CustomEvent("message", { detail: data }));
    });
    socket.addEventListener("close", () => {
      if (socket !== this.#socket) return;
      this.refused = !opened;
      this.#again();
    });
  }
  #again() {
    this.#socket = null;
    const pause = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#connect();
    }, pause);
    this.#become("waiting");
  }
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
};

// view/painter.js
var MOST_RATIO = 2;
var Painter = class {
  look = {};
  // of drawDetections, and `blur`
  #canvas;
  #context;
  #size = { width: 0, height: 0 };
  // CSS pixels
  #shown = null;
  // {frame, kind, detections, result}; the frame is ours
  #boxesOnly = null;
  // {width, height} of what lies under the canvas instead of a frame
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }
  get shown() {
    return this.#shown;
  }
  /** @param {{width: number, height: number}} size CSS pixels that there are */
  resize(size) {
    this.#size = size;
    this.draw();
  }
  /** Takes over what `Player.turn` gave. */
  show(shown) {
    if (this.#shown?.frame !== shown.frame) this.#shown?.frame?.close();
    this.#shown = shown;
    this.#boxesOnly = null;
    this.draw();
  }
  /** Boxes over something else; null takes them away. @param {{width: number, height: number}} under its size */
  showBoxes(shown, under) {
    this.#shown?.frame?.close();
    this.#shown = shown;
    this.#boxesOnly = under;
    this.draw();
  }
  /** Lets go of the frame, and empties the canvas. */
  clear() {
    this.#shown?.frame?.close();
    this.#shown = null;
    this.#boxesOnly = null;
    this.#canvas.width = this.#canvas.height = 0;
  }
  draw() {
    const source = this.#boxesOnly ?? this.#shown?.frame;
    if (!source?.width || !this.#size.width || !this.#size.height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, MOST_RATIO);
    const fit = Math.min(this.#size.width / source.width, this.#size.height / source.height) * ratio;
    const width = Math.max(1, Math.round(source.width * fit));
    const height = Math.max(1, Math.round(source.height * fit));
    const context = this.#context;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    } else if (this.#boxesOnly) {
      context.clearRect(0, 0, width, height);
    }
    if (!this.#boxesOnly) context.drawImage(this.#shown.frame.source, 0, 0, width, height);
    if (!this.#shown?.result) return;
    const [wide, high] = this.#shown.result.size_wh;
    const scale = [width / wide, height / high];
    if (this.look.blur && !this.#boxesOnly) this.#coarsen(this.#shown.detections, ...scale);
    drawDetections(context, this.#shown.detections, ...scale, ratio, { ...this.look, kind: this.#shown.kind });
  }
  /** A courtesy to onlookers: whoever gets the frame has the whole frame. */
  #coarsen(detections, scaleX, scaleY) {
    const context = this.#context;
    context.save();
    context.imageSmoothingEnabled = false;
    for (const { xyxy } of detections) {
      const [x1, y1, x2, y2] = [xyxy[0] * scaleX, xyxy[1] * scaleY, xyxy[2] * scaleX, xyxy[3] * scaleY];
      const [growX, growY] = [(x2 - x1) * 0.125, (y2 - y1) * 0.125];
      const x = Math.max(0, Math.floor(x1 - growX));
      const y = Math.max(0, Math.floor(y1 - growY));
      const w = Math.min(this.#canvas.width, Math.ceil(x2 + growX)) - x;
      const h = Math.min(this.#canvas.height, Math.ceil(y2 + growY)) - y;
      if (w < 2 || h < 2) continue;
      const blocks = 6;
      const small = new OffscreenCanvas(blocks, blocks);
      small.getContext("2d").drawImage(this.#canvas, x, y, w, h, 0, 0, blocks, blocks);
      context.drawImage(small, 0, 0, blocks, blocks, x, y, w, h);
    }
    context.restore();
  }
};
function wordsFor(detections) {
  const called = ({ identity }) => identity ? nameOf(identity.person) : null;
  const others2 = countLabels(detections.filter((found) => !called(found))).map(([label, count]) => countOf(count, label));
  return [...detections.map(called).filter(Boolean), ...others2].join(", ") || "nothing detected";
}

// view/pace.js
var MEMORY_MS = 2e3;
var ON_TIME = 0.95;
var CATCH_UP = 0.05;
var Pace = class {
  #recent = [];
  // {at, late}, the latenesses of the last seconds
  #wanted = null;
  // the delay that would have had all but few of them on time
  #delay = null;
  #turned = 0;
  reset() {
    this.#recent = [];
    this.#wanted = this.#delay = null;
  }
  get delay() {
    return this.#delay;
  }
  /** The boxes of the frame of `ptsUs` were known from `now` (ms) on. */
  note(ptsUs, now) {
    const late = now - ptsUs / 1e3;
    this.#recent.push({ at: now, late });
    while (this.#recent.length > 1 && this.#recent[0].at < now - MEMORY_MS) this.#recent.shift();
    const ascending = this.#recent.map(({ late: late2 }) => late2).sort((a, b) => a - b);
    this.#wanted = ascending[Math.ceil(ON_TIME * ascending.length) - 1];
    if (this.#delay === null || this.#wanted > this.#delay) this.#delay = this.#wanted;
  }
  /** Once a turn, before `due`. */
  turn(now) {
    const passed = Math.min(100, now - this.#turned);
    this.#turned = now;
    if (this.#delay === null) return;
    this.#delay = Math.max(this.#wanted, this.#delay - passed * CATCH_UP);
  }
  due(ptsUs, now) {
    return this.#delay !== null && now + 4 >= ptsUs / 1e3 + this.#delay;
  }
};

// view/player.js
var AHEAD = 6;
var MOST_BYTES = 24 * 2 ** 20;
var MOST_US = 15e6;
var LAG_US = 7e5;
var PATIENCE_MS = 2e3;
var Player = class {
  mode = "exact";
  strict = false;
  // no frame without knowledge of its boxes, as when they are to be blurred
  stats = { decoded: 0, shown: 0, passed: 0, skipped: 0, delayMs: null };
  #results = new Results();
  #pace = new Pace();
  #queue = [];
  // configurations and packets, in the order they came
  #bytes = 0;
  #ready = [];
  // frames, by ptsUs ascending
  #arrivals = /* @__PURE__ */ new Map();
  // ptsUs → ms, of packets that were not shown yet
  #configuration = null;
  // the newest one received
  #switching = false;
  #decoder;
  #lastResult = 0;
  #showedAny = false;
  #newestPts = -Infinity;
  #shownPts = -Infinity;
  // of the running session
  /** @param {(message: string, fatal: boolean) => void} onError */
  constructor(onError) {
    this.#decoder = new Decoder((frame) => this.#onFrame(frame), onError);
  }
  get results() {
    return this.#results;
  }
  /** Whether frames are there that nobody analyses: exact mode shows them without boxes meanwhile. */
  get blind() {
    return this.mode === "exact" && this.#configuration !== null && performance.now() - this.#lastResult > PATIENCE_MS;
  }
  addResult(result) {
    const now = performance.now();
    this.#lastResult = now;
    const [before] = this.#results.newest(result.session, result.pts_us);
    this.#results.add(result);
    if (result.session !== this.#configuration?.session) return;
    const step = before ? (result.pts_us - before.pts_us) / (result.skipped + 1) : 0;
    this.#pace.note(result.skipped && before ? before.pts_us + step : result.pts_us, now);
  }
  configure(configuration) {
    const another = this.#configuration?.session !== configuration.session;
    if (another) {
      this.#drop();
      this.#decoder.reset();
      this.#pace.reset();
      this.#showedAny = false;
      this.#shownPts = -Infinity;
      this.#lastResult = performance.now();
    }
    this.#configuration = configuration;
    this.#newestPts = -Infinity;
    this.#queue.push(configuration);
    this.#feed();
  }
  push(packet) {
    if (!this.#configuration) return;
    this.#queue.push(packet);
    this.#bytes += packet.data.byteLength;
    this.#newestPts = Math.max(this.#newestPts, packet.ptsUs);
    this.#arrivals.set(packet.ptsUs, performance.now());
    if (this.#arrivals.size > 2e3) this.#arrivals.delete(this.#arrivals.keys().next().value);
    this.#bound();
    this.#feed();
  }
  /** The connection for frames begins anew; what was shown already is not shown again. */
  restart() {
    this.#drop();
    this.#decoder.reset();
    this.#lastResult = performance.now();
  }
  /** Lets go of everything; the player may be used again. */
  close() {
    this.#drop();
    this.#decoder.reset();
    this.#pace.reset();
    this.#results.clear();
    this.#configuration = null;
    this.#showedAny = false;
    this.#shownPts = -Infinity;
  }
  /**
   * The frame to be seen from now on, or null while the one that is there stays. The caller closes it.
   * @returns {{frame: object, kind: "own"|"between"|"moved"|"none", detections: object[], result: object|null}|null}
   */
  turn(now) {
    const chosen = this.mode === "fast" ? this.#newest() : this.#exact(now);
    this.#feed();
    if (!chosen) return null;
    this.#showedAny = true;
    this.#shownPts = chosen.frame.ptsUs;
    this.stats.shown += 1;
    const arrived = this.#arrivals.get(chosen.frame.ptsUs);
    if (arrived !== void 0) this.stats.delayMs = now - arrived;
    for (const pts of this.#arrivals.keys()) if (pts <= chosen.frame.ptsUs) this.#arrivals.delete(pts);
    return chosen;
  }
  // fast mode
  #newest() {
    if (!this.#ready.length) return null;
    this.#pass(this.#ready.length - 1);
    const frame = this.#ready[0];
    const shown = this.#boxesNow(frame);
    if (this.strict && shown.kind === "none") return null;
    this.#ready.shift();
    return shown;
  }
  #boxesNow(frame) {
    const found = this.#results.find(frame.session, frame.ptsUs);
    if (found.kind === "own") return own(frame, found.result);
    const [newest, previous] = this.#results.newest(frame.session, frame.ptsUs);
    if (!newest) return { frame, kind: "none", detections: [], result: null };
    return { frame, kind: "moved", detections: movedOn(newest, previous, frame.ptsUs), result: newest };
  }
  // exact mode
  #exact(now) {
    this.#pace.turn(now);
    let chosen = -1;
    let found = null;
    for (let index = 0; index < this.#ready.length; index += 1) {
      const frame2 = this.#ready[index];
      const known = this.#results.find(frame2.session, frame2.ptsUs);
      if (known.kind === "late") break;
      if (known.kind === "early") {
        if (index === this.#ready.length - 1 || this.#showedAny) continue;
      }
      if (known.kind !== "early" && !this.#pace.due(frame2.ptsUs, now)) break;
      if (found?.kind === "own" && known.kind === "between") continue;
      [chosen, found] = [index, known];
    }
    if (chosen < 0) return this.#withoutResults();
    this.#pass(chosen);
    const frame = this.#ready.shift();
    if (found.kind === "own") return own(frame, found.result);
    if (found.kind === "early") return this.#bare(frame);
    const detections = between(found.before, found.after, frame.ptsUs);
    return { frame, kind: "between", detections, result: found.before };
  }
  /** The very first frame at once, and all of them while no results come at all. */
  #withoutResults() {
    const early = this.#ready.findLastIndex(({ session: session2, ptsUs }) => this.#results.find(session2, ptsUs).kind === "early");
    if (early >= 0 && this.#showedAny) this.#pass(early + 1);
    if (!this.#ready.length || this.strict) return null;
    if (this.blind) this.#pass(this.#ready.length - 1);
    else if (this.#showedAny) return null;
    return this.#bare(this.#ready.shift());
  }
  #bare(frame) {
    if (!this.strict) return { frame, kind: "none", detections: [], result: null };
    frame.close();
    return null;
  }
  // packets and frames
  #onFrame(frame) {
    this.stats.decoded += 1;
    if (frame.ptsUs <= this.#shownPts) return frame.close();
    let at = this.#ready.length;
    while (at > 0 && this.#ready[at - 1].ptsUs > frame.ptsUs) at -= 1;
    this.#ready.splice(at, 0, frame);
    const waits = this.mode === "exact" && this.#results.find(frame.session, this.#ready[0].ptsUs).before !== null;
    if (!waits && this.#ready.length > AHEAD) this.#pass(this.#ready.length - AHEAD);
    queueMicrotask(() => this.#feed());
  }
  #feed() {
    while (this.#queue.length && !this.#switching) {
      const [next] = this.#queue;
      if (next.type === "configuration") {
        this.#switch();
        return;
      }
      if (this.#decoder.backlog + (this.mode === "fast" ? 0 : this.#ready.length) >= AHEAD) return;
      this.#queue.shift();
      this.#bytes -= next.data.byteLength;
      if (!this.#decoder.decode(next)) this.#passed(1);
    }
  }
  async #switch() {
    this.#switching = true;
    const before = this.#queue[0];
    if (this.#decoder.configuration) await this.#decoder.flush();
    this.#switching = false;
    if (this.#queue[0] !== before) return this.#feed();
    this.#decoder.configure(this.#queue.shift());
    this.#feed();
  }
  /** Bounds what waits: beyond that, or where decoding falls behind, it goes on with the newest key frame of use. */
  #bound() {
    const firstAt = this.#queue.findIndex(({ type }) => type === "packet");
    if (firstAt < 0) return;
    const first = this.#queue[firstAt];
    const over = this.#bytes > MOST_BYTES || this.#newestPts - first.ptsUs > MOST_US;
    const wantedPts = this.#wantedPts();
    if (!over && wantedPts - first.ptsUs < LAG_US) return;
    const isStart = ({ kind, ptsUs }) => (kind === "key" || kind === "jpeg") && (over || ptsUs <= wantedPts);
    const key = this.#queue.findLastIndex(isStart);
    if (key > firstAt) this.#cut(firstAt, key);
    else if (over) {
      this.#cut(firstAt, this.#queue.length);
      this.#decoder.awaitKey();
    }
  }
  /** The time of the frame that ought to be seen now. */
  #wantedPts() {
    if (this.mode === "fast") return this.#newestPts;
    return this.#pace.delay === null ? -Infinity : (performance.now() - this.#pace.delay) * 1e3;
  }
  /** Leaves packets out; configurations among them stay. */
  #cut(from, to) {
    const kept = this.#queue.slice(from, to).filter(({ type }) => type === "configuration");
    const gone = to - from - kept.length;
    for (const item of this.#queue.slice(from, to)) this.#bytes -= item.data?.byteLength ?? 0;
    this.#queue.splice(from, to - from, ...kept);
    this.#passed(gone);
  }
  /** Lets go of the first `count` ready frames. */
  #pass(count) {
    for (const frame of this.#ready.splice(0, count)) frame.close();
    this.#passed(count);
  }
  #passed(count) {
    if (this.#showedAny) this.stats.passed += count;
  }
  #drop() {
    for (const frame of this.#ready.splice(0)) frame.close();
    this.#queue = [];
    this.#bytes = 0;
    this.#arrivals.clear();
  }
};
var own = (frame, result) => ({ frame, kind: "own", detections: result.detections, result });

// view/protocol.js
var SCHEMA = "livesight.video/";
var KINDS = ["delta", "key", "jpeg"];
var HEADER_BYTES = 9;
function parseMessage(data) {
  return typeof data === "string" ? parseText(data) : parsePacket(data);
}
function parseText(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof message?.skipped === "number") return { type: "skipped", count: message.skipped };
  if (!message?.schema?.startsWith?.(SCHEMA)) return null;
  return {
    type: "configuration",
    session: message.session,
    codec: message.codec,
    sizeWh: message.coded_wh,
    description: message.description ? bytesOf(message.description) : null
  };
}
function parsePacket(buffer) {
  if (buffer.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(buffer);
  const kind = KINDS[view.getUint8(0)];
  if (!kind) return null;
  return { type: "packet", kind, ptsUs: Number(view.getBigInt64(1)), data: new Uint8Array(buffer, HEADER_BYTES) };
}
var bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// view/signed.js
var EARLY_S = 20;
var SignedLinks = class {
  #ask;
  #known = /* @__PURE__ */ new Map();
  // path → Promise of a link
  /** @param {(path: string) => Promise<string>} ask gives a link, absolute or relative to the server, for a path */
  constructor(ask) {
    this.#ask = ask;
  }
  /** The link for a path, such as `/v1/streams/entrance/video`. @throws what `ask` throws */
  async of(path) {
    const known = this.#known.get(path);
    if (known) {
      const link = await known.catch(() => null);
      if (link && lasts(link)) return link;
    }
    const asked = Promise.resolve(this.#ask(path)).then((link) => {
      if (typeof link !== "string" || !link) throw new TypeError(`no link came for ${path}`);
      return link;
    });
    this.#known.set(path, asked);
    try {
      return await asked;
    } catch (error) {
      if (this.#known.get(path) === asked) this.#known.delete(path);
      throw error;
    }
  }
  /** The server refused one: ask anew the next time. */
  forget(path) {
    this.#known.delete(path);
  }
};
function linksFrom(address) {
  return async (path) => {
    const url = new URL(address, document.baseURI);
    url.searchParams.set("path", path);
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
    return (await response.json()).url;
  };
}
function lasts(link) {
  const ends = Number(new URL(link, document.baseURI).searchParams.get("exp"));
  return !ends || ends - EARLY_S > Date.now() / 1e3;
}

// view/style.js
var CSS = `
:host {
  display: block;
  position: relative;
  aspect-ratio: 16 / 9;
  overflow: hidden;
  background: var(--livesight-background, #050607);
  color: #eef1f4;
  font: 400 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
:host([hidden]) { display: none; }
[hidden] { display: none !important; }
.stage { position: absolute; inset: 0; }
canvas, video, img {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: contain;
}
:host([blur]) img { filter: blur(18px); }
.stage.dim :is(canvas, video, img) { opacity: 0.35; }
.notice {
  position: absolute;
  inset: 0;
  display: flex;
  flex-direction: column;
  align-items: center;
  justify-content: center;
  gap: 4px;
  padding: 12px 8%;
  text-align: center;
  text-shadow: 0 1px 3px rgb(0 0 0 / 80%);
  overflow-wrap: anywhere;
  pointer-events: none;
}
.notice strong { font-size: 16px; font-weight: 600; }
.notice span {
  display: -webkit-box;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 4;
  line-clamp: 4;
}
.hint {
  position: absolute;
  left: 8px;
  bottom: 8px;
  max-width: calc(100% - 16px);
  padding: 3px 9px;
  border-radius: 7px;
  background: rgb(12 14 17 / 82%);
  color: #f2f4f6;
  font-size: 12px;
  pointer-events: none;
}
`;
var sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);

// view/sight.js
function watchSight(element, onSight, onSize) {
  let within = false;
  const tell = () => onSight(within && !document.hidden);
  const sight = new IntersectionObserver(
    (entries) => {
      within = entries.at(-1).isIntersecting;
      tell();
    },
    { rootMargin: "80px" }
  );
  const sizes = new ResizeObserver((entries) => onSize(entries.at(-1).contentRect));
  sight.observe(element);
  sizes.observe(element);
  document.addEventListener("visibilitychange", tell);
  return () => {
    sight.disconnect();
    sizes.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}

// view/element.js
var SILENT_MS = 3e3;
var MOVING_MS = 1500;
var ASK_MS = 2500;
var WORDS_MS = 500;
var REFUSALS = 2;
var OWN_STALE_MS = 1500;
var STILL = "No new frame arrives here; trying again.";
var TITLES = {
  connecting: "Connecting",
  live: "Live",
  stalled: "Stalled",
  reconnecting: "Reconnecting",
  ended: "Ended",
  failed: "Failed",
  disabled: "Paused",
  unknown: "No such camera",
  paused: "Paused"
};
var TEXTS = {
  connecting: "Waiting for the first frame.",
  stalled: "The camera has stopped sending frames.",
  reconnecting: "Connection lost; trying again.",
  ended: "The stream has ended.",
  failed: "The camera cannot be shown.",
  disabled: "This camera is paused."
};
var LivesightView = class extends HTMLElement {
  static observedAttributes = ["stream", "server", "mode", "labels", "colours", "only", "blur", "paused", "links-from"];
  #stage;
  #canvas;
  #video;
  #notice;
  #hint;
  #painter;
  #player;
  #fallback = null;
  #videoLink = null;
  // Link
  #results = null;
  // Link
  #running = false;
  #inSight = false;
  #unwatch = null;
  #frame = 0;
  #askTimer = 0;
  #asking = null;
  #shownAt = 0;
  // when the newest frame was shown
  #wordsAt = 0;
  #state = { state: "connecting", text: "", via: "webcodecs" };
  #said = null;
  // {state, text} from outside, before our own
  #codec = null;
  #configured = 0;
  // the newest configuration asked about
  #early = [];
  // packets that came while the browser was asked about their codec
  #staleTimer = 0;
  #givesLinks = null;
  // the page's own function
  #signed = null;
  // SignedLinks
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
    if (!wide || !under && !this.#painter.shown) return Promise.resolve(null);
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
      blur: strict
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
    if (this.#state.state === "live") this.#become("connecting", "");
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
    this.#videoLink?.close();
    this.#videoLink?.open();
  }
  /** Asks how the stream is when nothing comes: the server knows why, in words. */
  async #ask(refused = false) {
    const silent = performance.now() - this.#shownAt > SILENT_MS;
    const waiting = !this.#fallback && this.#videoLink?.state === "waiting";
    if (!this.#running || this.preview || !(silent || refused || waiting)) return;
    if (silent && this.#state.state === "live") this.#become("stalled", STILL);
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
    if (view === null) return this.#become("unknown", `Camera \u201C${this.stream}\u201D does not exist.`);
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
    this.#fallback = new Fallback(
      this.shadowRoot.querySelector("img"),
      (path, fresh) => this.#image(path, fresh),
      (trouble) => trouble ? this.#become("reconnecting", trouble) : this.#sees(why)
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
};
function whyNot(codec) {
  if (typeof VideoDecoder === "undefined" && !window.isSecureContext)
    return "Showing still images: browsers decode video only over HTTPS or on localhost.";
  return `Showing images from the server: this browser does not decode ${codec}.`;
}
var HEX = /^#[0-9a-f]{6}$/i;
var words = (text) => text ? text.split(",").map((word) => word.trim()).filter(Boolean) : null;
var pairs = (text) => new Map((words(text) ?? []).map((pair) => pair.split(":").map((part) => part.trim())).filter(([, c]) => HEX.test(c)));

// livesight-view.js
if (!customElements.get("livesight-view")) customElements.define("livesight-view", LivesightView);

// theme.js
var button = document.getElementById("theme");
var system = matchMedia("(prefers-color-scheme: dark)");
var isDark = () => (localStorage.getItem("theme") ?? (system.matches ? "dark" : "light")) === "dark";
function show() {
  const dark = isDark();
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
  button.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
  button.title = button.getAttribute("aria-label");
  button.querySelector("use").setAttribute("href", `/static/icons.svg#${dark ? "sun" : "moon"}`);
  document.dispatchEvent(new Event("themechange"));
}
button.addEventListener("click", () => {
  const wanted = isDark() ? "light" : "dark";
  if (wanted === (system.matches ? "dark" : "light")) localStorage.removeItem("theme");
  else localStorage.setItem("theme", wanted);
  show();
});
system.addEventListener("change", show);
show();

// alert-watch.js
var EVERY_MS = 2e3;
var ABSENT_MS = 3e4;
var PAGE = 100;
var AlertWatch = class extends EventTarget {
  open = null;
  #timer = 0;
  #running = false;
  #told = null;
  // ids that were there before, null before the first answer
  #bell = document.getElementById("bell");
  start() {
    if (this.#running || !may("events")) return;
    this.#running = true;
    this.poll();
  }
  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }
  async poll() {
    clearTimeout(this.#timer);
    try {
      const answer = await listAlerts({ state: "open", limit: PAGE });
      this.open = answer?.alerts ?? null;
      this.#tell();
      this.#show();
      this.dispatchEvent(new Event("change"));
    } catch {
    }
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.poll(), this.open === null ? ABSENT_MS : EVERY_MS);
  }
  /** The worst open alert of a camera, null when there is none. */
  of(stream) {
    const ours = (this.open ?? []).filter(({ stream_id: id }) => id === stream);
    return ours.find(({ severity }) => severity === "critical") ?? ours[0] ?? null;
  }
  #tell() {
    const ids = new Set((this.open ?? []).map(({ id }) => id));
    const fresh = this.#told ? (this.open ?? []).filter(({ id }) => !this.#told.has(id)) : [];
    if (fresh.length) toast(wordsOf(fresh), fresh.every(({ severity }) => severity === "info") ? "info" : "bad");
    this.#told = /* @__PURE__ */ new Set([...this.#told ?? [], ...ids]);
  }
  #show() {
    const waiting = (this.open ?? []).filter(({ acknowledged_at_ns: seen }) => !seen);
    const critical = waiting.some(({ severity }) => severity === "critical");
    this.#bell.hidden = waiting.length === 0;
    this.#bell.dataset.state = critical ? "down" : "degraded";
    const words2 = waiting.length === 1 ? "alert" : "alerts";
    const [number2, noun] = this.#bell.querySelectorAll("span");
    [number2.textContent, noun.textContent] = [waiting.length, words2];
    this.#bell.setAttribute("aria-label", `${waiting.length} ${words2}, show them`);
  }
};
function wordsOf(fresh) {
  const [{ text, rule, stream_id: stream }] = fresh;
  if (fresh.length === 1) return text ?? `${stream}: ${rule}`;
  return `${fresh.length} new alerts: ${[...new Set(fresh.map(({ stream_id: id }) => id))].sort().join(", ")}`;
}

// bar-fit.js
var STEPS = 9;
var PHONE = "(max-width: 699px)";
function fitBar() {
  const bar = document.querySelector(".bar");
  const fit = () => {
    for (let step = 1; step <= STEPS; step += 1) bar.classList.remove(`tight-${step}`);
    if (matchMedia(PHONE).matches) return;
    for (let step = 1; step <= STEPS && bar.scrollWidth > bar.clientWidth; step += 1) bar.classList.add(`tight-${step}`);
  };
  let waiting = 0;
  const soon = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      fit();
    });
  };
  const observer = new ResizeObserver(soon);
  for (const part of [bar, ...bar.children]) observer.observe(part);
  fit();
}

// publisher.js
var GATHER_MS = 1500;
var PATIENCE_MS2 = 4e3;
var BACKOFF_MS2 = [500, 1e3, 2e3, 4e3, 8e3];
function cameraTrouble(error) {
  switch (error?.name) {
    case "NotAllowedError":
      return "The browser is not allowed to use the camera. Allow it in the address bar and try again.";
    case "NotFoundError":
      return "No camera was found. Plug one in and try again.";
    case "NotReadableError":
      return "The camera is in use by another program or does not respond.";
    case "OverconstrainedError":
      return "This camera is no longer available. Choose another one.";
    default:
      return error?.message || "The camera cannot be used.";
  }
}
async function openCamera(deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices)
    throw new Error("Browsers allow camera access only over HTTPS or on localhost. Open this page that way.");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        deviceId: deviceId ? { exact: deviceId } : void 0,
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: 25, max: 30 }
      }
    });
  } catch (error) {
    throw new Error(cameraTrouble(error), { cause: error });
  }
}
var Publisher = class extends EventTarget {
  state = "connecting";
  // live, reconnecting, stopped
  trouble = null;
  // in words
  #peer = null;
  #resource = null;
  #timer = 0;
  #failures = 0;
  /** @param {string} id of the stream @param {MediaStream} media owned by the publisher from now on */
  constructor(id, media) {
    super();
    this.id = id;
    this.media = media;
    for (const track of media.getTracks())
      track.addEventListener("ended", () => this.stop("The camera was disconnected."));
  }
  /** First connection. @throws {ApiError} the server's refusal; the media is untouched then */
  start() {
    return this.#connect();
  }
  /** Ends all: the session at the server, the connection, the camera's light. */
  async stop(trouble = null) {
    if (this.state === "stopped") return;
    clearTimeout(this.#timer);
    for (const track of this.media.getTracks()) track.stop();
    this.#become("stopped", trouble);
    await this.#hangUp();
  }
  async #connect() {
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    peer.addEventListener("connectionstatechange", () => this.#onPeer(peer));
    for (const track of this.media.getVideoTracks())
      peer.addTransceiver(track, { direction: "sendonly", streams: [this.media] });
    try {
      await peer.setLocalDescription();
      await gathered(peer);
      const { answer, resource } = await whipOffer(this.id, peer.localDescription.sdp);
      this.#resource = resource;
      if (peer !== this.#peer || this.state === "stopped") return await this.#hangUp();
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      await this.#hangUp();
      throw error instanceof ApiError ? error : new ApiError(`The connection could not be set up: ${error.message}`);
    }
  }
  #onPeer(peer) {
    if (peer !== this.#peer || this.state === "stopped") return;
    clearTimeout(this.#timer);
    if (peer.connectionState === "connected") {
      this.#failures = 0;
      this.#become("live", null);
    } else if (peer.connectionState === "disconnected") {
      this.#become("reconnecting", "The connection to the server was lost.");
      this.#timer = setTimeout(() => this.#again(), PATIENCE_MS2);
    } else if (peer.connectionState === "failed") {
      this.#become("reconnecting", "The video cannot reach the server; a firewall may block UDP.");
      this.#again();
    }
  }
  async #again() {
    await this.#hangUp();
    if (this.state === "stopped") return;
    const pause = BACKOFF_MS2[Math.min(this.#failures++, BACKOFF_MS2.length - 1)];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        await this.#connect();
      } catch (error) {
        this.#become("reconnecting", error.message);
        this.#again();
      }
    }, pause);
  }
  async #hangUp() {
    const [resource, peer] = [this.#resource, this.#peer];
    this.#resource = this.#peer = null;
    try {
      if (resource) await whipEnd(resource);
    } catch {
    } finally {
      peer?.close();
    }
  }
  #become(state, trouble) {
    if (this.state === "stopped" || this.state === state && this.trouble === trouble) return;
    this.state = state;
    this.trouble = trouble;
    this.dispatchEvent(new Event("state"));
  }
};
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

// camera-dialog.js
var freshId = () => `cam-${[...crypto.getRandomValues(new Uint8Array(4))].map((byte) => (byte % 36).toString(36)).join("")}`;
var CameraDialog = class {
  #dialog = document.getElementById("camera-dialog");
  #form = document.getElementById("camera-form");
  #video = document.getElementById("camera-preview");
  #waiting = document.getElementById("camera-waiting");
  #device = document.getElementById("camera-device");
  #error = document.getElementById("camera-error");
  #start = this.#form.querySelector("[type=submit]");
  #media = null;
  #asked = 0;
  // the newest request for a camera; answers to older ones are thrown away
  /** @param {(publisher: Publisher) => void} onStarted */
  constructor(onStarted) {
    this.onStarted = onStarted;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#release());
    this.#device.addEventListener("change", () => this.#preview(this.#device.value));
  }
  open() {
    this.#dialog.showModal();
    this.#preview(null);
  }
  async #preview(deviceId) {
    const asked = ++this.#asked;
    this.#show(null);
    this.#say(null);
    this.#waiting.hidden = false;
    try {
      const media = await openCamera(deviceId);
      if (asked !== this.#asked || !this.#dialog.open) return media.getTracks().forEach((track) => track.stop());
      this.#show(media);
      await this.#listDevices();
      if (document.activeElement !== this.#device) this.#start.focus();
    } catch (error) {
      if (asked === this.#asked) this.#say(error.message);
    }
  }
  /** The devices' names are known only after the permission was given. */
  async #listDevices() {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const current = this.#media?.getVideoTracks()[0]?.getSettings().deviceId;
    this.#device.replaceChildren(
      ...devices.map((device, index) => {
        const option = new Option(device.label || `Camera ${index + 1}`, device.deviceId);
        option.selected = device.deviceId === current;
        return option;
      })
    );
    this.#device.disabled = devices.length < 2;
  }
  async #publish() {
    const media = this.#media;
    if (!media) return;
    const publisher = new Publisher(freshId(), media);
    this.#say(null);
    this.#start.disabled = true;
    this.#start.textContent = "Connecting\u2026";
    try {
      await publisher.start();
      if (this.#media !== media) return await publisher.stop();
      this.#media = null;
      this.onStarted(publisher);
      this.#dialog.close();
    } catch (error) {
      this.#say(refusal(error));
      this.#start.disabled = this.#media === null;
    } finally {
      this.#start.textContent = "Start";
    }
  }
  #show(media) {
    this.#media?.getTracks().forEach((track) => track.stop());
    this.#media = media;
    this.#video.srcObject = media;
    this.#waiting.hidden = media !== null;
    this.#start.disabled = media === null;
  }
  #release() {
    this.#asked += 1;
    this.#show(null);
  }
  #say(words2) {
    this.#error.hidden = !words2;
    this.#error.textContent = words2 ?? "";
    if (words2) this.#waiting.hidden = true;
  }
};
function refusal(error) {
  if (error.status === 409) return `This stream's name is in use. Press Start again. (${error.message})`;
  if (error.status === 503) return `The server accepts no more cameras at the moment: ${error.message}`;
  return error.message;
}

// zone-overlay.js
var FLASH_MS = 1500;
var ARROW_PX = 18;
var LETTER_PX = 7;
var LINE_PX = 14;
var ZoneOverlay = class {
  #root;
  #stage;
  #shapes = null;
  #parts = /* @__PURE__ */ new Map();
  // name of a zone or line → {group, words}
  #inside = /* @__PURE__ */ new Map();
  // zone → words
  #sizeWh = null;
  #flashes = /* @__PURE__ */ new Map();
  // line → {direction, timer}
  /** @param {SVGSVGElement} root laid over the view, which shows its picture as large as it fits, in the middle */
  constructor(root) {
    this.#root = root;
    this.#stage = root.parentElement;
    new ResizeObserver(() => this.#draw()).observe(this.#stage);
  }
  /** @param {[number, number]} sizeWh of the picture: where it lies within the view */
  resize(sizeWh) {
    if (String(sizeWh) === String(this.#sizeWh)) return;
    this.#sizeWh = sizeWh;
    this.#draw();
  }
  /** @param {object[]|null} shapes of scene-shapes.js, the same object while nothing changed; null: none */
  show(shapes) {
    if (shapes === this.#shapes) return;
    this.#shapes = shapes;
    this.#draw();
  }
  /** @param {Map<string, string>} inside zones that somebody is in → how many, in words */
  light(inside) {
    this.#inside = inside;
    for (const { kind, name } of this.#shapes ?? [])
      if (kind === "zone") this.#say(name, inside.get(name), inside.has(name));
    this.#describe();
  }
  /** Somebody crossed a line. @param {"in"|"out"|null} direction */
  flash(line, direction) {
    clearTimeout(this.#flashes.get(line)?.timer);
    const timer = setTimeout(() => {
      this.#flashes.delete(line);
      this.#flash(line, null);
    }, FLASH_MS);
    this.#flashes.set(line, { direction, timer });
    this.#flash(line, { direction });
  }
  close() {
    for (const { timer } of this.#flashes.values()) clearTimeout(timer);
  }
  #flash(line, flash) {
    this.#say(line, flash?.direction, flash !== null);
    const { group } = this.#parts.get(line) ?? {};
    if (flash?.direction) group?.setAttribute("data-crossed", flash.direction);
    else group?.removeAttribute("data-crossed");
  }
  #say(name, words2, lit) {
    const part = this.#parts.get(name);
    if (!part) return;
    part.group.classList.toggle("lit", lit);
    const text = words2 ? `${name} \xB7 ${words2}` : name;
    if (part.words.textContent !== text) part.words.textContent = text;
  }
  #draw() {
    const { width, height } = this.#stage.getBoundingClientRect();
    this.#parts.clear();
    const seen = width > 0 && this.#sizeWh !== null && this.#shapes !== null;
    this.#root.toggleAttribute("hidden", !seen);
    if (!seen) return this.#root.replaceChildren();
    const [wide, high] = this.#sizeWh;
    const fit = Math.min(width / wide, height / high);
    const [x, y] = [(width - wide * fit) / 2, (height - high * fit) / 2];
    const picture = { x, y, width: wide * fit, height: high * fit };
    const place = (point) => [x + point[0] * picture.width, y + point[1] * picture.height];
    this.#root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const taken = [];
    const placed = this.#shapes.map((shape) => ({ shape, points: shape.points.map(place) }));
    placed.sort((a, b) => extent(b) - extent(a));
    const groups = placed.map(({ shape, points }) => {
      const words2 = svg("text", { class: "zone-name", ...nameSpot(shape, points, picture, taken) }, shape.name);
      const about = { class: `scene-shape ${shape.kind}`, "data-name": shape.name };
      const group = svg("g", about, ...outline(shape, points), words2);
      this.#parts.set(shape.name, { group, words: words2 });
      return group;
    });
    this.#root.replaceChildren(...groups);
    this.light(this.#inside);
    for (const [line, flash] of this.#flashes) this.#flash(line, flash);
  }
  /** For those who do not see it. */
  #describe() {
    const words2 = (this.#shapes ?? []).map(
      ({ kind, name }) => kind === "line" ? `line ${name}` : `zone ${name}: ${this.#inside.get(name) ?? "nothing"} inside`
    );
    this.#root.setAttribute("aria-label", words2.join("; "));
  }
};
function extent({ shape, points }) {
  const range = (axis) => Math.max(...points.map((point) => point[axis])) - Math.min(...points.map((point) => point[axis]));
  return shape.kind === "line" ? -1 : range(0) * range(1);
}
function outline({ kind }, points) {
  const ends = points.map((point) => point.join()).join(" ");
  if (kind === "zone") return [svg("polygon", { points: ends, class: "zone-area" })];
  return [
    svg("polyline", { points: ends, class: "zone-area" }),
    svg("path", { class: "zone-arrow in", d: arrowPath(inward(points, ARROW_PX)) }),
    svg("path", { class: "zone-arrow out", d: arrowPath(inward([...points].reverse(), ARROW_PX)) })
  ];
}
function nameSpot({ kind, name }, points, picture, taken) {
  const width = (name.length + 4) * LETTER_PX;
  const spots = (kind === "zone" ? inZone(points) : besideLine(points)).map(({ x, y, anchor }) => {
    const left = clamp(x - width * SHARES[anchor], picture.x, picture.x + picture.width - width);
    const base = clamp(y, picture.y + LINE_PX, picture.y + picture.height - LINE_PX / 2);
    return { x: left + width * SHARES[anchor], y: base, anchor, left, right: left + width };
  });
  const spot = spots.find((one) => !taken.some((other) => overlap(one, other))) ?? spots[0];
  taken.push(spot);
  return { x: spot.x, y: spot.y, "text-anchor": spot.anchor };
}
var SHARES = { start: 0, middle: 0.5, end: 1 };
var overlap = (a, b) => a.left < b.right && b.left < a.right && Math.abs(a.y - b.y) < LINE_PX;
var clamp = (value, least, most) => Math.max(least, Math.min(most, value));
function inZone(points) {
  const ys = points.map((point) => point[1]);
  const [x, y] = centre(points);
  return [Math.min(...ys) + LINE_PX, Math.max(...ys) - LINE_PX / 2, y].map((at) => ({
    x: middleAt(points, at) ?? x,
    y: at,
    anchor: "middle"
  }));
}
function besideLine(points) {
  const [from, [x, y]] = inward([...points].reverse(), LINE_PX);
  const aside = (x - from[0]) / LINE_PX;
  const anchor = Math.abs(aside) < 0.5 ? "middle" : aside > 0 ? "start" : "end";
  return [0, LINE_PX, -LINE_PX].map((down) => ({ x, y: y + LINE_PX / 3 + down, anchor }));
}
function middleAt(points, y) {
  const crossings = points.map((from, at) => [from, points[(at + 1) % points.length]]).filter(([from, to]) => from[1] > y !== to[1] > y).map(([from, to]) => from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0])).sort((a, b) => a - b);
  let best = null;
  for (let at = 0; at + 1 < crossings.length; at += 2) {
    const wide = crossings[at + 1] - crossings[at];
    if (best === null || wide > best.wide) best = { wide, middle: (crossings[at] + crossings[at + 1]) / 2 };
  }
  return best?.middle ?? null;
}

// tile.js
var COUNTS_MS = 500;
var MOST_CHIPS = 4;
var RATE_WINDOW_MS = 3e3;
var FALLBACK_TEXTS = { disabled: "This camera is paused.", ended: "The stream has ended." };
var Tile = class {
  #video;
  #zones;
  #parts;
  #countedAt = 0;
  #resultTimes = [];
  // of the last RATE_WINDOW_MS
  #trouble = null;
  // why `view` is old
  #broken = null;
  // words of our own that go before the server's, as when the uplink is lost
  /** @param {HTMLTemplateElement} template @param {string} id @param {(action: string, tile: Tile) => void} onAction */
  constructor(template, id, onAction) {
    this.id = id;
    this.view = null;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.id = `tile-${id}`;
    this.element.dataset.stream = id;
    const find = (selector) => this.element.querySelector(selector);
    this.#parts = {
      name: find(".tile-name"),
      badge: find(".badge"),
      badgeText: find(".badge-text"),
      identity: find(".tile-identity"),
      alert: find(".tile-alert"),
      labels: find(".tile-labels"),
      fps: find('[data-stat="fps"] dd'),
      latency: find('[data-stat="latency"] dd'),
      drops: find('[data-stat="drops"] dd'),
      codec: find('[data-stat="codec"] dd')
    };
    for (const button2 of this.element.querySelectorAll("[data-action]")) {
      button2.setAttribute("aria-label", `${button2.title || "Stop my camera"}: ${id}`);
      button2.addEventListener("click", () => onAction(button2.dataset.action, this));
    }
    find(".tile-video").addEventListener("dblclick", () => onAction("focus", this));
    this.#video = document.createElement("livesight-view");
    this.#video.addEventListener("result", ({ detail }) => this.#onResult(detail));
    this.#video.addEventListener("state", () => this.#showState());
    find(".tile-video").prepend(this.#video);
    this.#zones = new ZoneOverlay(find(".tile-zones"));
    this.setName(id);
    this.#showState();
  }
  /** Begins to show: not before it is known whether this is the own camera. */
  open() {
    if (!this.#video.stream) this.#video.stream = this.id;
  }
  /** This tile shows the own camera: the preview needs no round trip, only its boxes come from the server. */
  get own() {
    return this.#video.preview !== null;
  }
  setMode(mode) {
    this.#video.setAttribute("mode", mode);
  }
  setName(name) {
    this.#parts.name.textContent = name;
    this.#parts.name.title = name;
    this.#video.setAttribute("label", name);
  }
  /** Shown alone, the button leads back to all. */
  setAlone(alone) {
    this.element.classList.toggle("alone", alone);
    const button2 = this.element.querySelector('[data-action="focus"]');
    button2.title = alone ? "Show all cameras (Esc)" : "Show only this camera (Enter)";
    button2.setAttribute("aria-label", `${button2.title}: ${this.id}`);
    button2.querySelector("use").setAttribute("href", `/static/icons.svg#${alone ? "collapse" : "expand"}`);
  }
  setPreview(media) {
    this.#video.preview = media;
    this.element.classList.add("own");
    this.element.querySelector('[data-action="stop"]').hidden = false;
    this.element.querySelector('[data-action="remove"]').hidden = true;
  }
  /** Words of our own about this tile, before whatever the server says: `{state, text}`, or null to end them. */
  setBroken(broken) {
    this.#broken = broken;
    this.#showState();
  }
  /** Why the list of streams cannot be read, in words; null when it can. */
  setTrouble(trouble) {
    this.#trouble = trouble;
    this.#showState();
  }
  /** What the badge says. */
  get state() {
    return this.element.dataset.state;
  }
  /** The alert that is shown over the video, null for none. */
  setAlert(alert) {
    const words2 = alert ? alert.text ?? alert.rule : "";
    this.element.dataset.alert = alert?.severity ?? "";
    this.#parts.alert.hidden = !alert;
    if (this.#parts.alert.textContent === words2) return;
    this.#parts.alert.textContent = words2;
    this.#parts.alert.title = words2;
  }
  /** Its zones and lines (null: none are shown), and how many are in which, in words. */
  setZones(shapes, inside) {
    this.#zones.show(shapes);
    this.#zones.light(inside);
  }
  /** Somebody crossed one of its lines. @param {"in"|"out"|null} direction */
  flashLine(line, direction) {
    this.#zones.flash(line, direction);
  }
  /** @param {object} view of `GET /v1/streams` */
  update(view) {
    this.view = view;
    if (view.size_wh) this.#zones.resize(view.size_wh);
    this.#showState();
    this.#showRates();
    this.#showIdentity(view);
    this.#parts.latency.textContent = number(view.latency_ms);
    this.#parts.drops.textContent = short(view.dropped);
    this.#parts.codec.textContent = view.codec ? nameOfCodec(view.codec) : "\u2013";
    this.element.querySelector('[data-action="remove"]').hidden = this.own || view.ephemeral === true || !mayOn("cameras", view.id);
  }
  /** Says that this camera says who is seen, or why it does not though it should. */
  #showIdentity({ identity, identity_problem: problem }) {
    const { identity: mark } = this.#parts;
    mark.hidden = identity !== true;
    mark.title = problem ?? "This camera says who is seen, of those who are enrolled";
    mark.dataset.state = problem ? "stalled" : "";
    mark.lastElementChild.textContent = problem ? "No names" : "Names";
    if (identity) peopleKnown();
  }
  /** The frame as it is shown, boxes included, as a PNG Blob; null where there is none. */
  toBlob() {
    return this.#video.toBlob();
  }
  close() {
    this.#video.preview = null;
    this.#zones.close();
    this.element.remove();
  }
  #showState() {
    const { state, text } = this.#broken ?? shownState(this.#video.picture, this.view, this.#trouble);
    const words2 = text || FALLBACK_TEXTS[state] || "";
    this.element.dataset.state = state;
    this.#parts.badge.dataset.state = state;
    this.#parts.badgeText.textContent = nameOfState(state);
    this.element.setAttribute("aria-label", `${this.#parts.name.textContent}, ${nameOfState(state).toLowerCase()}`);
    this.#video.say(state === "live" ? null : { state, text: words2 });
  }
  /** The view is up to two seconds old: until it knows of results, the rate of those that arrive here is shown. */
  #showRates() {
    if (!this.view) return;
    const oldest = performance.now() - RATE_WINDOW_MS;
    this.#resultTimes = this.#resultTimes.filter((time) => time >= oldest);
    const { fps, analysed_fps: analysed } = this.view;
    const arriving = this.#resultTimes.length * 1e3 / RATE_WINDOW_MS;
    this.#parts.fps.textContent = `${rateWords(fps)} / ${rateWords(analysed || arriving)}`;
  }
  /** Names and labels as chips, and the rate; updating them twice a second is enough. */
  #onResult(result) {
    const now = performance.now();
    this.#zones.resize(result.size_wh);
    if (this.state !== "live") this.#showState();
    this.#resultTimes.push(now);
    if (now - this.#countedAt < COUNTS_MS) return;
    this.#countedAt = now;
    this.#showRates();
    const names = result.detections.map(({ identity, label }) => [label, identity && nameOf(identity.person)]);
    const counts = countLabels(result.detections).map(([label, count]) => [label, `${count} \xD7 ${labelName(label)}`]);
    const chips = [...names.filter(([, name]) => name), ...counts].slice(0, MOST_CHIPS).map(([label, words2]) => {
      const dot = el("i");
      dot.style.setProperty("--dot", colourOf(label));
      return el("li", {}, dot, words2);
    });
    this.#parts.labels.replaceChildren(...chips);
  }
};

// wall.js
var GAP = 12;
var FOOT = 44;
var LEAST_WIDTH = 260;
var PHONE2 = 640;
var ALONE = "#/live/";
function layout(count, width, height, aspect) {
  if (width < PHONE2) return { columns: 1, tileWidth: width };
  let best = { columns: 1, tileWidth: 0 };
  for (let columns2 = 1; columns2 <= count; columns2 += 1) {
    const rows = Math.ceil(count / columns2);
    const acrossWidth = (width - GAP * (columns2 - 1)) / columns2;
    const acrossHeight = ((height - GAP * (rows - 1)) / rows - FOOT) * aspect;
    const tileWidth = Math.floor(Math.min(acrossWidth, acrossHeight));
    if (tileWidth > best.tileWidth) best = { columns: columns2, tileWidth };
  }
  if (best.tileWidth >= LEAST_WIDTH || count === 0) return best;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  return { columns, tileWidth: Math.floor((width - GAP * (columns - 1)) / columns) };
}
function commonAspect(tiles) {
  const ratios = /* @__PURE__ */ new Set();
  for (const { view } of tiles) if (view?.size_wh) ratios.add((view.size_wh[0] / view.size_wh[1]).toFixed(2));
  if (ratios.size !== 1) return 16 / 9;
  return Math.min(2.4, Math.max(1, Number([...ratios][0])));
}
var Wall = class extends EventTarget {
  #root;
  #template;
  #tiles = /* @__PURE__ */ new Map();
  #focused = null;
  #columns = 1;
  constructor(root, template) {
    super();
    this.#root = root;
    this.#template = template;
    new ResizeObserver(() => this.arrange()).observe(root);
    root.addEventListener("keydown", (event) => this.#onKey(event));
    window.addEventListener("popstate", () => this.readAddress());
  }
  get size() {
    return this.#tiles.size;
  }
  get tiles() {
    return [...this.#tiles.values()];
  }
  tile(id) {
    return this.#tiles.get(id);
  }
  /** @returns {Tile} the tile of that stream, made behind the tile `before` (null: as the first) if there is none */
  ensure(id, before = null) {
    let tile = this.#tiles.get(id);
    if (tile) return tile;
    tile = new Tile(this.#template, id, (action) => this.#tell("action", { action, tile }));
    this.#tiles.set(id, tile);
    tile.element.hidden = this.#focused !== null && this.#focused !== id;
    if (before) before.element.after(tile.element);
    else this.#root.prepend(tile.element);
    if (!this.readAddress()) this.arrange();
    return tile;
  }
  remove(id) {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    const hadKeyboard = tile.element.contains(document.activeElement);
    const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
    this.#tiles.delete(id);
    tile.close();
    if (this.#focused === id) this.focusOne(null);
    if (hadKeyboard) (next ?? this.#root).focus();
    this.arrange();
  }
  /** Shows one camera alone (null: all of them), and says so in the address, so that it can be linked to. */
  focusOne(id, { push = true } = {}) {
    if (id === this.#focused) return;
    const before = this.#focused;
    this.#focused = id;
    for (const tile of this.#tiles.values()) {
      tile.element.hidden = id !== null && tile.id !== id;
      tile.setAlone(tile.id === id);
    }
    this.#root.classList.toggle("one", id !== null);
    if (push) history[id ? "pushState" : "replaceState"](null, "", id ? `${ALONE}${id}` : location.pathname);
    this.arrange();
    this.#tiles.get(id ?? before)?.element.focus({ preventScroll: true });
  }
  toggle(id) {
    this.focusOne(this.#focused === id ? null : id);
  }
  arrange() {
    const tiles = this.#focused ? [this.#tiles.get(this.#focused)] : this.tiles;
    const aspect = commonAspect(tiles);
    const { clientWidth, clientHeight } = this.#root;
    if (!clientWidth) return;
    const { columns, tileWidth } = layout(tiles.length, clientWidth - 2 * GAP, clientHeight - 2 * GAP, aspect);
    const side = (clientWidth - columns * tileWidth - (columns - 1) * GAP) / 2;
    const style = this.#root.style;
    this.#columns = columns;
    style.setProperty("--side", `${Math.max(GAP, Math.floor(side))}px`);
    style.setProperty("--tile-width", `${Math.max(0, tileWidth)}px`);
    style.setProperty("--aspect", aspect);
  }
  /** Shows the camera alone that the address names. */
  readAddress() {
    const id = location.hash.startsWith(ALONE) ? location.hash.slice(ALONE.length) : null;
    if (id === this.#focused || id && !this.#tiles.has(id)) return false;
    this.focusOne(id, { push: false });
    return true;
  }
  #onKey(event) {
    const element = event.target.closest?.(".tile");
    if (event.key === "Escape" && this.#focused) {
      this.focusOne(null);
      event.preventDefault();
    }
    if (!element || event.target !== element) return;
    if (event.key === "Enter") {
      this.toggle(element.dataset.stream);
      event.preventDefault();
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns }[event.key];
    if (!step) return;
    const elements = [...this.#root.children].filter((child) => !child.hidden);
    elements[elements.indexOf(element) + step]?.focus();
    event.preventDefault();
  }
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
};

// zone-watch.js
var SCENES_MS = 5e3;
var AGAIN_MS2 = 1e4;
var GRACE_MS = 4e3;
var MOST_STREAMS2 = 64;
var ZoneWatch = class extends EventTarget {
  known = false;
  // whether it is known who is where
  #alerts;
  #scenes = /* @__PURE__ */ new Map();
  // stream → shapes
  #said = "";
  // the scenes as they were read
  #tracks = /* @__PURE__ */ new Map();
  // id → track of `/v1/tracks/live`, those in view
  #unheard = null;
  // ids not told again since the connection was opened; null once it has caught up
  #readAt = -Infinity;
  #refusedAt = -Infinity;
  #running = false;
  #follows;
  #live = null;
  // EventSource
  #grace = 0;
  #telling = 0;
  /** @param {import("./alert-watch.js").AlertWatch} alerts knows whether there is a monitor @param {boolean} follows */
  constructor(alerts2, follows) {
    super();
    this.#alerts = alerts2;
    this.#follows = follows;
    alerts2.addEventListener("change", () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
  }
  /** Whether any camera has zones or lines that may be seen. */
  get any() {
    return this.#scenes.size > 0;
  }
  /** Somebody looks at the live page. */
  start() {
    this.#running = true;
    this.#readAt = -Infinity;
    this.#look();
  }
  stop() {
    this.#running = false;
    this.#look();
  }
  /** Whether zones are to be shown; while they are not, the server is not asked who is in them. */
  follow(wanted) {
    this.#follows = wanted;
    this.#look();
    this.#tell();
  }
  /** A camera's zones and lines; null where nothing is to be shown. */
  shapes(stream) {
    return this.known && this.#follows ? this.#scenes.get(stream) ?? null : null;
  }
  /** @returns {Map<string, string>} the zones of a camera that somebody is in → how many, in words */
  inside(stream) {
    const zones = /* @__PURE__ */ new Map();
    for (const { stream_id: id, detector, zones: visits } of this.#tracks.values()) {
      if (id !== stream) continue;
      for (const { zone, inside_since_ns: since } of visits) {
        if (since === null) continue;
        const counts = zones.get(zone) ?? /* @__PURE__ */ new Map();
        zones.set(zone, counts.set(detector, (counts.get(detector) ?? 0) + 1));
      }
    }
    return new Map([...zones].map(([zone, counts]) => [zone, countWords([...counts])]));
  }
  #look() {
    const wanted = this.#running && !document.hidden && may("events") && this.#alerts.open !== null;
    if (!wanted) return this.#close();
    const now = performance.now();
    if (now - this.#readAt >= SCENES_MS) {
      this.#readAt = now;
      this.#read();
    }
    if (!this.#follows || !this.any) this.#close();
    else if (!this.#live && now - this.#refusedAt >= AGAIN_MS2) this.#open();
  }
  async #read() {
    try {
      const answer = await ifThere("/v1/zones");
      const said = JSON.stringify(answer?.scenes ?? []);
      if (said === this.#said) return;
      const before = this.#path();
      this.#said = said;
      const scenes = (answer?.scenes ?? []).map((scene) => [scene.stream_id, shapesOf(scene)]);
      this.#scenes = new Map(scenes.filter(([, shapes]) => shapes.length));
      if (this.#path() !== before) this.#close();
      this.#look();
      this.#tell();
    } catch {
    }
  }
  #path() {
    const streams3 = [...this.#scenes.keys()].sort();
    if (streams3.length > MOST_STREAMS2) return "/v1/tracks/live";
    return `/v1/tracks/live?${new URLSearchParams(streams3.map((id) => ["stream", id]))}`;
  }
  #open() {
    this.#doubt();
    this.#live = new EventSource(this.#path());
    this.#live.addEventListener("open", () => this.#unheard = new Set(this.#tracks.keys()));
    this.#live.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    this.#live.addEventListener("caught_up", () => this.#caughtUp());
    this.#live.addEventListener("missed", () => {
      this.#close();
      this.#look();
    });
    this.#live.addEventListener("error", () => {
      this.#doubt();
      if (this.#live.readyState !== EventSource.CLOSED) return;
      this.#refusedAt = performance.now();
      this.#close();
    });
  }
  #close() {
    if (!this.#live) return;
    this.#live.close();
    this.#live = null;
    this.#doubt();
  }
  /** From now on it is known only for a moment who is where. */
  #doubt() {
    this.#unheard ??= new Set(this.#tracks.keys());
    this.#grace ||= setTimeout(() => {
      this.#grace = 0;
      this.known = false;
      this.#tracks.clear();
      this.#tell();
    }, GRACE_MS);
  }
  #caughtUp() {
    for (const id of this.#unheard ?? []) this.#tracks.delete(id);
    this.#unheard = null;
    clearTimeout(this.#grace);
    this.#grace = 0;
    this.known = true;
    this.#tell();
  }
  #take(track) {
    const before = this.#tracks.get(track.id);
    this.#unheard?.delete(track.id);
    if (track.ended_at_ns === null) this.#tracks.set(track.id, track);
    else this.#tracks.delete(track.id);
    if (this.#unheard) return;
    if (!before && track.ended_at_ns !== null) return;
    const known = new Set((before?.lines ?? []).map(crossing));
    for (const one of track.lines) {
      if (known.has(crossing(one))) continue;
      const detail = { stream: track.stream_id, line: one.line, direction: one.direction };
      this.dispatchEvent(new CustomEvent("crossed", { detail }));
    }
    this.#tell();
  }
  /** Once a frame, however much came. */
  #tell() {
    this.#telling ||= requestAnimationFrame(() => {
      this.#telling = 0;
      this.dispatchEvent(new Event("change"));
    });
  }
};
var crossing = ({ line, at_ns: at }) => `${line} ${at}`;
function countWords(counts) {
  if (counts.length === 1) return String(counts[0][1]);
  return counts.map(([detector, count]) => `${count} ${detector}`).join(", ");
}

// live-page.js
var LivePage = class {
  title = "Live";
  #wall = new Wall(document.getElementById("wall"), document.getElementById("tile-template"));
  #empty = document.getElementById("empty");
  #mode = document.getElementById("mode");
  #zonesButton = document.getElementById("zones");
  #zones;
  // ZoneWatch
  #retired = /* @__PURE__ */ new Set();
  // ids not to show though the server lists them: own cameras that were stopped, removals
  #publisher = null;
  // of the own camera, while it runs
  #streams;
  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams3, alerts2) {
    this.#streams = streams3;
    streams3.addEventListener("change", () => this.#show());
    streams3.addEventListener("trouble", () => {
      for (const tile of this.#wall.tiles) tile.setTrouble(streams3.trouble);
    });
    alerts2.addEventListener("change", () => {
      for (const tile of this.#wall.tiles) tile.setAlert(alerts2.of(tile.id));
    });
    this.#wall.addEventListener("action", ({ detail: { action, tile } }) => this.#act(action, tile));
    const dialog = new CameraDialog((publisher) => this.#useCamera(publisher));
    for (const button2 of document.querySelectorAll('[data-open="camera"]'))
      button2.addEventListener("click", () => dialog.open());
    this.#mode.value = localStorage.getItem("mode") === "fast" ? "fast" : "exact";
    this.#mode.addEventListener("change", () => {
      localStorage.setItem("mode", this.#mode.value);
      for (const tile of this.#wall.tiles) tile.setMode(this.#mode.value);
    });
    this.#watchZones(alerts2);
    window.addEventListener("pagehide", () => this.#publisher?.stop());
  }
  show() {
    this.#zones.start();
    this.#wall.readAddress();
    this.#wall.arrange();
  }
  hide() {
    this.#zones.stop();
  }
  // the list of streams
  #show() {
    const views = this.#streams.views.filter(({ id }) => !this.#retired.has(id));
    const ids = new Set(views.map(({ id }) => id));
    if (this.#publisher) ids.add(this.#publisher.id);
    for (const tile of this.#wall.tiles) if (!ids.has(tile.id)) this.#wall.remove(tile.id);
    let before = this.#publisher ? this.#wall.tile(this.#publisher.id) : null;
    for (const view of views) {
      const tile = this.#tile(view.id, before);
      tile.update(view);
      before = tile;
    }
    this.#wall.arrange();
    this.#showZones();
    showSummary(views.map(({ id }) => this.#wall.tile(id)));
    this.#showEmpty();
  }
  #tile(id, before = null) {
    const tile = this.#wall.ensure(id, before);
    tile.setMode(this.#mode.value);
    if (id !== this.#publisher?.id) tile.open();
    return tile;
  }
  #showEmpty() {
    this.#empty.hidden = this.#wall.size > 0;
    document.getElementById("wall").hidden = this.#wall.size === 0;
  }
  // zones and lines
  #watchZones(alerts2) {
    const shown = localStorage.getItem("zones") !== "hidden";
    this.#zones = new ZoneWatch(alerts2, shown);
    this.#zonesButton.setAttribute("aria-pressed", shown);
    this.#zonesButton.addEventListener("click", () => {
      const wanted = this.#zonesButton.getAttribute("aria-pressed") !== "true";
      localStorage.setItem("zones", wanted ? "shown" : "hidden");
      this.#zonesButton.setAttribute("aria-pressed", wanted);
      this.#zones.follow(wanted);
    });
    this.#zones.addEventListener("change", () => this.#showZones());
    this.#zones.addEventListener(
      "crossed",
      ({ detail: { stream, line, direction } }) => this.#wall.tile(stream)?.flashLine(line, direction)
    );
  }
  #showZones() {
    this.#zonesButton.hidden = !this.#zones.any;
    for (const tile of this.#wall.tiles) tile.setZones(this.#zones.shapes(tile.id), this.#zones.inside(tile.id));
  }
  // the own camera
  #useCamera(publisher) {
    this.#publisher = publisher;
    if (location.hash && !location.hash.startsWith("#/live")) location.hash = "#/";
    const tile = this.#tile(publisher.id);
    tile.setPreview(publisher.media);
    tile.setName(`My camera (${publisher.id})`);
    tile.open();
    this.#showEmpty();
    const show2 = () => {
      if (publisher.state === "stopped") return this.#leaveCamera(publisher);
      tile.setBroken(publisher.state === "live" ? null : { state: publisher.state, text: publisher.trouble });
    };
    publisher.addEventListener("state", show2);
    show2();
    this.#showCameraButtons();
    this.#streams.poll();
  }
  #leaveCamera(stopped) {
    if (this.#publisher !== stopped) return;
    this.#publisher = null;
    this.#retired.add(stopped.id);
    this.#wall.remove(stopped.id);
    this.#showCameraButtons();
    this.#showEmpty();
    if (stopped.trouble) toast(stopped.trouble, "bad");
    this.#streams.poll();
  }
  #showCameraButtons() {
    for (const button2 of document.querySelectorAll('[data-open="camera"]')) button2.disabled = this.#publisher !== null;
  }
  // what people do
  #act(action, tile) {
    if (action === "focus") this.#wall.toggle(tile.id);
    if (action === "stop") this.#publisher?.stop();
    if (action === "snapshot") saveSnapshot(tile);
    if (action === "remove") this.#remove(tile.id);
  }
  async #remove(id) {
    if (!await askRemoval(id)) return;
    this.#retired.add(id);
    this.#wall.remove(id);
    this.#showEmpty();
    try {
      await removeStream(id);
      toast(`${id} was removed.`);
    } catch (error) {
      toast(`${id} could not be removed: ${error.message}`, "bad");
    }
    this.#retired.delete(id);
    this.#streams.poll();
  }
};
async function saveSnapshot(tile) {
  try {
    const blob = tile.own ? await tile.toBlob() : await snapshot(tile.id, { overlay: true });
    if (!blob) return toast(`${tile.id} has no video yet.`, "bad");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const time = (/* @__PURE__ */ new Date()).toISOString().slice(0, 19).replaceAll(":", "-");
    link.download = `${tile.id}_${time}.${blob.type === "image/png" ? "png" : "jpg"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  } catch (error) {
    toast(`The snapshot of ${tile.id} failed: ${error.message}`, "bad");
  }
}

// router.js
var nameOf2 = (hash) => /^#\/([a-z]+)/.exec(hash)?.[1] ?? "live";
var Router = class {
  #loaders;
  #pages = /* @__PURE__ */ new Map();
  // name → promise of the page
  #wanted = null;
  #current = null;
  #onTrouble;
  /**
   * @param {Record<string, () => Promise<{title: string, show: () => void, hide: () => void}>>} loaders by name
   * @param {() => void} onTrouble a page that the address names could not be fetched
   */
  constructor(loaders, onTrouble) {
    this.#loaders = loaders;
    this.#onTrouble = onTrouble;
    window.addEventListener("hashchange", () => this.go(true));
    window.addEventListener("popstate", () => this.go(true));
  }
  /** The page of that name; null, and words about it, where it cannot be fetched now. */
  async page(name) {
    try {
      return await this.#fetch(name);
    } catch (error) {
      console.warn(error);
      this.#onTrouble();
      return null;
    }
  }
  /** Fetches what is not there yet, so that it will be even when the server is not. @returns whether all is there */
  async fetchAll() {
    const fetched = await Promise.allSettled(Object.keys(this.#loaders).map((name) => this.#fetch(name)));
    return fetched.every(({ status }) => status === "fulfilled");
  }
  /** Shows the page of the address. @param {boolean} [focus] whether the keyboard moves to its beginning */
  async go(focus = false) {
    const name = nameOf2(location.hash) in this.#loaders ? nameOf2(location.hash) : "live";
    if (name === this.#wanted) return;
    this.#wanted = name;
    const page = await this.page(name);
    if (name !== this.#wanted) return;
    if (page) this.#show(name, page, focus);
    else this.#wanted = null;
  }
  #show(name, page, focus) {
    if (page === this.#current) return;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    this.#current?.hide();
    this.#current = page;
    for (const section of document.querySelectorAll("[data-page]")) section.hidden = section.dataset.page !== name;
    for (const link of document.querySelectorAll("[data-to]")) {
      if (link.dataset.to === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${page.title} \xB7 Livesight`;
    document.body.dataset.at = name;
    page.show();
    if (focus) document.querySelector(`[data-page="${name}"] h1`)?.focus({ preventScroll: true });
  }
  #fetch(name) {
    if (!this.#pages.has(name)) {
      const fetching = this.#loaders[name]();
      fetching.catch(() => this.#pages.delete(name));
      this.#pages.set(name, fetching);
    }
    return this.#pages.get(name);
  }
};

// streams.js
var POLL_MS = 2e3;
var Streams = class extends EventTarget {
  views = [];
  trouble = null;
  known = false;
  // whether the server has answered at all
  #timer = 0;
  #abort = new AbortController();
  #running = false;
  start() {
    this.#running = true;
    this.poll();
  }
  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }
  /** Asks at once. */
  async poll() {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const views = await listStreams(signal);
      if (!views.length && this.views.length && (await readiness(signal)).state === "down")
        throw new ApiError("The service is not ready.");
      if (signal.aborted) return;
      this.views = views;
      this.known = true;
      this.#tell(null);
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(error.message);
    }
    if (this.#running) this.#timer = setTimeout(() => this.poll(), POLL_MS);
  }
  #tell(trouble) {
    if (this.trouble === trouble) return;
    this.trouble = trouble;
    this.dispatchEvent(new Event("trouble"));
  }
};

// app.js
var streams2 = new Streams();
var health = new HealthWatch();
var alerts = new AlertWatch();
var live = new LivePage(streams2, alerts);
var others = () => import("./pages.js");
var router = new Router(
  {
    live: async () => live,
    cameras: async () => new (await others()).CamerasPage(streams2),
    events: async () => new (await others()).EventsPage(streams2),
    alerts: async () => new (await others()).AlertsPage(streams2, alerts),
    people: async () => new (await others()).PeoplePage(),
    ask: async () => new (await others()).AskPage(),
    monitoring: async () => new (await others()).MonitoringPage(streams2, alerts),
    health: async () => new (await others()).HealthPage(streams2, health, alerts),
    models: async () => new (await others()).ModelsPage(),
    audit: async () => new (await others()).AuditPage(),
    keys: async () => new (await others()).KeysPage(),
    users: async () => new (await others()).UsersPage()
  },
  () => toast("This page could not be loaded. It opens when the server is reachable again.", "bad")
);
for (const button2 of document.querySelectorAll('[data-open="add"]'))
  button2.addEventListener("click", async () => (await router.page("cameras"))?.add());
var answers = 0;
streams2.addEventListener("change", async () => {
  showLink("open");
  document.body.dataset.known = "";
  router.go();
  answers += 1;
  if (answers > 1 && await router.fetchAll()) document.body.dataset.complete = "";
});
streams2.addEventListener("trouble", () => {
  const { trouble } = streams2;
  document.body.classList.toggle("offline", trouble !== null);
  if (trouble) showLink("waiting");
  showBanner(trouble && `${trouble} This page shows the last known state and keeps trying.`);
});
function wake() {
  showLink("connecting");
  streams2.start();
  health.start();
  alerts.start();
  wordsKnown();
}
function sleep() {
  streams2.stop();
  health.pause();
  alerts.stop();
  showLink("closed");
}
fitBar();
document.getElementById("skip").addEventListener("click", () => document.getElementById("content").focus());
var who = await session();
if (who && showGate(who)) {
  document.body.dataset.at = "gate";
} else {
  if (who) showAccount(who);
  whenSignedOut(() => location.reload());
  document.addEventListener("visibilitychange", () => document.hidden ? sleep() : wake());
  router.go();
  if (document.hidden) sleep();
  else wake();
}
