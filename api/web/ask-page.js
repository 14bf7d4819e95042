// Questions about what was recorded, their answers, and what they rest on. A question is an entry of the browser's history.

import { answerView, chips } from "./ask-answer.js";
import { asked, forget, remember } from "./ask-history.js";
import { asJson, json } from "./api.js";
import { el } from "./dom.js";
import { ago } from "./event-words.js";
import { peopleKnown } from "./people-known.js";
import { wordsKnown } from "./words-known.js";

const IDEAS = [
  "How many people came today?",
  "Who was seen today?",
  "Which camera was the busiest this week?",
  "How long was the longest track today?",
  "Was a camera offline this week?",
];
const WAIT_MS = 30_000;

const tz = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
const addressOf = (question) => `#/ask?${new URLSearchParams({ q: question })}`;
const saidIn = (hash) => new URLSearchParams(hash.split("?")[1] ?? "").get("q") ?? "";

export class AskPage {
  title = "Ask";
  #form = document.getElementById("ask-form");
  #place = document.getElementById("ask-answer");
  #ideas = document.getElementById("ask-ideas");
  #history = document.getElementById("ask-history");
  #list = document.getElementById("ask-asked");
  #plan = null; // of the newest answer: "and yesterday?" goes on from that
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
    if (matchMedia("(hover: hover)").matches) this.#form.elements.question.focus(); // no keyboard jumps up on phones
  }

  hide() {
    this.#abort?.abort();
  }

  /** What the address says is answered: from what was asked before, else anew. */
  #read() {
    const question = saidIn(location.hash);
    this.#form.elements.question.value = question;
    if (!question) return this.#place.replaceChildren();
    const known = asked().find((one) => one.question === question);
    if (known) this.#show(question, known.answer);
    else this.#ask(question, { question });
  }

  /** Asks, be it what was asked before: the answer may be another now. */
  #go(question) {
    if (!question) return;
    if (saidIn(location.hash) !== question) history.pushState(null, "", addressOf(question));
    this.#form.elements.question.value = question;
    this.#ask(question, { question });
  }

  async #ask(question, body) {
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    this.#place.replaceChildren(el("p", { class: "plain" }, "Looking it up…"));
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
        follow: (next) => this.#go(next),
      }),
    );
  }

  #showHistory() {
    const all = asked();
    this.#history.hidden = all.length === 0;
    this.#ideas.hidden = all.length > 0;
    this.#list.replaceChildren(
      ...all.map(({ question, answer, at }) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", on: { click: () => this.#again(question, answer) } },
            question,
            el("small", { class: "quiet" }, `${answer.answer} (${ago(at)})`),
          ),
        ),
      ),
    );
  }

  /** As it was answered then. */
  #again(question, answer) {
    if (saidIn(location.hash) !== question) history.pushState(null, "", addressOf(question));
    this.#form.elements.question.value = question;
    this.#show(question, answer);
    this.#place.querySelector("h2").focus();
    this.#place.scrollIntoView({ block: "nearest" });
  }
}
