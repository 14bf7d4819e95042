// What was asked in this window: kept by the browser until the window is closed or left, and nowhere else.

import { ownId } from "./session.js";

const keyOf = () => `asked ${ownId()}`; // another who signs in here sees nothing of it
const MOST = 30;

/** @returns {{question: string, answer: object, at: number}[]} the newest first */
export function asked() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf()) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => one?.question && one?.answer) : [];
  } catch {
    return []; // another version wrote it, or the browser keeps nothing
  }
}

/** Adds one; asked again it moves to the top. @param {string} question @param {object} answer of `POST /v1/ask` */
export function remember(question, answer) {
  const others = asked().filter((one) => one.question !== question);
  let kept = [{ question, answer, at: Date.now() }, ...others].slice(0, MOST);
  while (kept.length) {
    try {
      sessionStorage.setItem(keyOf(), JSON.stringify(kept));
      return;
    } catch {
      kept = kept.slice(0, Math.floor(kept.length / 2)); // there is no room for so much
    }
  }
}

/** Nothing was asked. */
export const forget = () => sessionStorage.removeItem(keyOf());
