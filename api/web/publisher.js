// Sends the own camera to the server by WHIP (RFC 9725), and gets it back on its feet when the connection is lost.

import { ApiError, whipEnd, whipOffer } from "./api.js";

const GATHER_MS = 1500; // host candidates are there in a few milliseconds; a slow STUN server shall not hold us up
const PATIENCE_MS = 4000; // "disconnected" often heals by itself
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

/** What getUserMedia's refusal means and what can be done about it. */
export function cameraTrouble(error) {
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

/** Opens a camera. @throws {Error} with words for a person */
export async function openCamera(deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices)
    throw new Error("Browsers allow camera access only over HTTPS or on localhost. Open this page that way.");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        deviceId: deviceId ? { exact: deviceId } : undefined,
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: 25, max: 30 },
      },
    });
  } catch (error) {
    throw new Error(cameraTrouble(error), { cause: error });
  }
}

/** Event "state" when `state` or `trouble` changed. */
export class Publisher extends EventTarget {
  state = "connecting"; // live, reconnecting, stopped
  trouble = null; // in words
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
      if (peer !== this.#peer || this.state === "stopped") return await this.#hangUp(); // stopped meanwhile
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
      this.#timer = setTimeout(() => this.#again(), PATIENCE_MS);
    } else if (peer.connectionState === "failed") {
      this.#become("reconnecting", "The video cannot reach the server; a firewall may block UDP.");
      this.#again();
    }
  }

  async #again() {
    await this.#hangUp();
    if (this.state === "stopped") return;
    const pause = BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)];
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
      if (resource) await whipEnd(resource); // first: the server forgets a session whose peer has closed
    } catch {
      // the server ends a session by itself when its peer has gone
    } finally {
      peer?.close();
    }
  }

  #become(state, trouble) {
    if (this.state === "stopped" || (this.state === state && this.trouble === trouble)) return;
    this.state = state;
    this.trouble = trouble;
    this.dispatchEvent(new Event("state"));
  }
}

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
