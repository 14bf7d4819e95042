// Putting a version in service, or the one before back: begun by one request, then asked after until it is done.

import { ApiError, beginPromotion, promotionStatus } from "./api.js";

const EVERY_MS = 700;
const PATIENCE_MS = 30_000; // without an answer: a proxy that restarts, a network that is away for a moment

const ON_THE_WAY = ["about:blank", "urn:livesight:problem:node-away", "urn:livesight:problem:overloaded"];

/** Whether an error says that nobody answered, so that what was asked for may be done all the same. */
export const unanswered = ({ status, type }) =>
  status === 0 || status === 502 || (status === 503 && ON_THE_WAY.includes(type));

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {string} name @param {number|null} version null: roll back
 * @returns {Promise<{name: string, version: number, before: number}>} what was done
 * @throws {ApiError} why it was refused: the version before is still in service. Or that nobody answered (`unanswered`)
 */
export async function changeVersion(name, version) {
  const begun = await beginPromotion(name, version);
  if (begun.where === null) return begun.done;
  for (let answeredAt = Date.now(); ; await later(EVERY_MS)) {
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
