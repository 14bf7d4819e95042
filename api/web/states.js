// What a camera's states are called. Pure.

const NAMES = {
  connecting: "Connecting",
  live: "Live",
  stalled: "Stalled",
  reconnecting: "Reconnecting",
  ended: "Ended",
  failed: "Failed",
  disabled: "Paused",
};

export const nameOfState = (state) => NAMES[state] ?? state;

/**
 * What is said of a camera that is shown: what is seen here, and where nothing moves, what the server knows of it.
 * @param {{state: string, text: string, moving: boolean}} picture of `<livesight-view>`
 * @param {object|null} view of `GET /v1/streams`, up to two seconds old @param {string|null} trouble why it is older
 * @returns {{state: string, text: string}}
 */
export function shownState(picture, view, trouble) {
  if (picture.moving) return { state: "live", text: "" };
  if (trouble) return { state: "reconnecting", text: trouble };
  if (view && view.state !== "live") return { state: view.state, text: view.last_error ?? "" };
  return { state: picture.state, text: picture.text };
}

/** "1280 × 720, H.264" */
export function videoWords({ size_wh: size, codec }) {
  return [size ? `${size[0]} × ${size[1]}` : null, codec ? nameOfCodec(codec) : null].filter(Boolean).join(", ") || "–";
}

const CODECS = { h264: "H.264", hevc: "H.265", vp8: "VP8", vp9: "VP9", av1: "AV1", mjpeg: "JPEG", png: "PNG" };

export const nameOfCodec = (codec) => CODECS[codec] ?? codec;

export const number = (value, digits = 0) =>
  typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "–";

/** Frames a second: one decimal below ten, so that a slow camera does not read as none. */
export const rateWords = (fps) => (fps > 0 && fps < 0.1 ? "<0.1" : number(fps, fps > 0 && fps < 9.95 ? 1 : 0));

export const short = (value) => (value >= 10000 ? `${Math.round(value / 1000)}k` : String(value ?? 0));
