// The messages of `WS /v1/streams/{id}/video` (livesight.video/1). Pure.

const SCHEMA = "livesight.video/";
export const KINDS = ["delta", "key", "jpeg"];
const HEADER_BYTES = 9; // kind, then pts_us, big-endian

/**
 * @param {string | ArrayBuffer} data one message
 * @returns {object | null} `{type: "configuration", session, codec, sizeWh, description}`, `{type: "skipped", count}`,
 *  `{type: "packet", kind, ptsUs, data}` (data views the message's own memory), null for what this page does not know
 */
export function parseMessage(data) {
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
    description: message.description ? bytesOf(message.description) : null,
  };
}

function parsePacket(buffer) {
  if (buffer.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(buffer);
  const kind = KINDS[view.getUint8(0)];
  if (!kind) return null;
  return { type: "packet", kind, ptsUs: Number(view.getBigInt64(1)), data: new Uint8Array(buffer, HEADER_BYTES) };
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
