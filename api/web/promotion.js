// Putting a version in service, or the one before back: begun by one request, then asked after until it is done.

import { ApiError, beginPromotion, promotionStatus } from "./api.js";

const EVERY_MS = 700;
const PATIENCE_MS = 30_000; // without an answer: a proxy that restarts, a network that is away for a moment

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {string} name @param {number|null} version null: roll back
 * @returns {Promise<{name: string, version: number, before: number}>} what was done
 * @throws {ApiError} why it was refused; the version before is still in service
 */
export async function changeVersion(name, version) {
  const begun = await beginPromotion(name, version);
  if (begun.where === null) return begun.done;
  for (let answeredAt = Date.now(); ; await later(EVERY_MS)) {
    let status;
    try {
      status = await promotionStatus(begun.where);
    } catch (error) {
      const passes = error.status === 0 || error.status === 502 || error.status === 503;
      if (!passes || Date.now() - answeredAt > PATIENCE_MS) throw error;
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
