// All cameras as a list: how they are, and what can be done with them.

import { changeStream, removeStream } from "./api.js";
import { CameraForm } from "./camera-form.js";
import { askRemoval } from "./confirm.js";
import { badge, el, icon } from "./dom.js";
import { SceneDialog } from "./scene-dialog.js";
import { mayOn } from "./session.js";
import { nameOfState, number, videoWords, rateWords, short } from "./states.js";
import { toast } from "./status.js";
import { openTagDialog } from "./tag-dialog.js";

const WORDS = {
  failed: "The camera cannot be used.",
  reconnecting: "Connection lost; trying again.",
  stalled: "The camera has stopped sending frames.",
};

/** A camera's own limit, where it has one. */
const limitWords = ({ max_fps: fps }) => (fps ? `, limit ${fps}` : "");

export class CamerasPage {
  title = "Cameras";
  #streams;
  #form;
  #scenes = new SceneDialog();
  #rows = new Map(); // id → {element, text}
  #busy = new Set();
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
    const list = document.getElementById("camera-list");
    const { views, known } = this.#streams;
    document.getElementById("cameras-none").hidden = !known || views.length > 0;
    const ids = new Set(views.map(({ id }) => id));
    for (const [id, row] of this.#rows)
      if (!ids.has(id)) {
        row.element.remove();
        this.#rows.delete(id);
      }
    for (const view of views) this.#showOne(list, view);
  }

  #showOne(list, view) {
    let row = this.#rows.get(view.id);
    if (!row) {
      row = this.#make(view.id);
      this.#rows.set(view.id, row);
      list.append(row.element);
    }
    const { state, last_error: error, enabled, ephemeral } = view;
    row.view = view;
    row.state.replaceChildren(badge(state, nameOfState(state)));
    const well = state === "live" || state === "disabled";
    row.trouble.textContent = well ? (view.identity_problem ?? "") : error || WORDS[state] || "";
    row.trouble.hidden = row.trouble.textContent === "";
    row.url.textContent = view.url ?? (view.kind === "whip" ? "pushed by a browser (WHIP)" : `pushed (${view.kind})`);
    row.facts.replaceChildren(
      fact("Video", videoWords(view)),
      fact("Models", `${view.models.join(", ")}${view.blur ? ", blurred" : ""}${view.identity ? ", says who is seen" : ""}`),
      fact("Received / analysed", `${rateWords(view.fps)} / ${rateWords(view.analysed_fps)} fps${limitWords(view)}`),
      fact("Latency", view.latency_ms === null ? "–" : `${number(view.latency_ms)} ms`),
      fact("Dropped", short(view.dropped)),
      fact("Reconnects", String(view.reconnects)),
      fact("Viewers", String(view.viewers ?? 0)),
      fact("Node", view.node),
    );
    row.pause.replaceChildren(icon(enabled ? "pause" : "play"), enabled ? "Pause" : "Resume");
    row.pause.hidden = row.edit.hidden = ephemeral || view.url === null || !mayOn("cameras", view.id);
    row.remove.hidden = !mayOn("cameras", view.id);
    row.zones.hidden = row.tags.hidden = !mayOn("zones", view.id);
    for (const button of [row.pause, row.edit, row.remove]) button.disabled = this.#busy.has(view.id);
  }

  #make(id) {
    const row = { view: null };
    const button = (label, name, act, needs = "cameras") =>
      el("button", { class: "button", type: "button", dataset: { needs }, on: { click: act } }, icon(name), label);
    Object.assign(row, {
      state: el("span"),
      url: el("p", { class: "camera-url quiet" }),
      trouble: el("p", { class: "camera-trouble" }),
      facts: el("dl", { class: "facts" }),
      pause: button("Pause", "pause", () => this.#toggle(row.view)),
      zones: button("Zones", "zone", () => this.#scenes.open(row.view), "zones"),
      tags: button("Tags", "tag", () => openTagDialog(id), "zones"),
      edit: button("Edit", "edit", () => this.#form.open(row.view)),
      remove: button("Remove", "trash", () => this.#remove(id)),
    });
    for (const [name, what] of [[row.zones, "Zones of"], [row.tags, "Tags of"], [row.edit, "Edit"], [row.remove, "Remove"]]) name.setAttribute("aria-label", `${what} ${id}`);
    row.element = el(
      "li",
      { class: "card camera", dataset: { stream: id } },
      el("div", { class: "camera-head" }, el("h2", {}, el("a", { href: `#/live/${id}` }, id)), row.state),
      row.url,
      row.trouble,
      row.facts,
      el("div", { class: "card-actions" }, row.pause, row.zones, row.tags, row.edit, row.remove),
    );
    return row;
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
}

const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
