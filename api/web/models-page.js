// The models by task: which version serves which cameras since when; others are put in its place, or the one before.

import { listModels } from "./api.js";
import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { modelCard } from "./model-card.js";
import { changeVersion, unanswered } from "./promotion.js";
import { toast } from "./status.js";

const TASKS = {
  detect: ["Detectors", "Find what is in a frame, and where: they draw the boxes."],
  classify: ["Classifiers", "Look at each thing that was found, or at the whole picture, and say more about it."],
  embed: ["Recognition", "Turn a face into figures, so that the same person is known again."],
  caption: ["Captions", "Say in a sentence what a picture shows."],
};
const REFUSALS = {
  "model-damaged": "One of its files is not what its card says: it was changed or cut off. Put the version there again.",
  "engine-unavailable": "It cannot be loaded on this machine, or what it computes is nonsense.",
  "model-unknown": "The version is not on this node: versions are not copied from one to another.",
};
const EVERY_MS = 10_000;
const TICK_MS = 1000;

export class ModelsPage {
  title = "Models";
  #list = document.getElementById("model-list");
  #note = document.getElementById("models-note");
  #said = document.getElementById("models-said");
  #models = [];
  #running = new Map(); // name → {words, since}
  #refused = new Map(); // name → {title, why, detail, unless}: not so where that version is in service
  #drawn = "";
  #timer = 0;
  #ticks = 0;

  show() {
    this.#load();
    this.#timer = setInterval(() => this.#load(), EVERY_MS);
  }

  hide() {
    clearInterval(this.#timer);
  }

  async #load() {
    try {
      this.#models = await listModels();
    } catch (error) {
      this.#note.hidden = false;
      this.#note.textContent = `The models could not be loaded: ${error.message}`;
      return;
    }
    for (const { name, version, chosen } of this.#models)
      if (chosen && this.#refused.get(name)?.unless === version) this.#refused.delete(name); // it was, after all
    this.#note.hidden = this.#models.length > 0;
    this.#note.textContent = "The server has no models.";
    this.#show();
  }

  /** Anew only when something has changed: what the reader has opened stays open, and the focus where it was. */
  #show() {
    const state = JSON.stringify([this.#models, [...this.#running.keys()], [...this.#refused]]);
    if (state !== this.#drawn) {
      this.#drawn = state;
      this.#draw();
    }
    for (const [name, { words, since }] of this.#running) {
      const line = this.#list.querySelector(`[data-model="${name}"] .promotion p`);
      const elapsed = Math.round((Date.now() - since) / 1000);
      if (line) line.textContent = `${words} ${elapsed} s so far.`;
    }
  }

  #draw() {
    const kept = keep(this.#list);
    const byName = grouped(this.#models, ({ name }) => name);
    const groups = [...byName.values()].map((versions) => versions.sort((a, b) => b.version - a.version));
    const used = (versions) => versions.some(({ nodes, streams }) => nodes.length + streams.length > 0);
    groups.sort((a, b) => used(b) - used(a) || a[0].name.localeCompare(b[0].name));
    const byTask = grouped(groups, ([{ card }]) => card.task);
    const many = new Set(this.#models.flatMap(({ nodes }) => nodes)).size > 1;
    const order = [...new Set([...Object.keys(TASKS), ...byTask.keys()])].filter((task) => byTask.has(task));
    this.#list.replaceChildren(
      ...order.map((task) =>
        el(
          "section",
          { class: "task", dataset: { task }, "aria-labelledby": `task-${task}` },
          el("h2", { id: `task-${task}` }, TASKS[task]?.[0] ?? task),
          el("p", { class: "quiet" }, TASKS[task]?.[1] ?? ""),
          el("ul", { class: "cards models" }, ...byTask.get(task).map((versions) => this.#card(versions, many))),
        ),
      ),
    );
    kept();
  }

  #card(versions, many) {
    const [{ name }] = versions;
    const state = { running: this.#running.get(name)?.words ?? null, refused: this.#refused.get(name) ?? null };
    return modelCard(versions, many, state, {
      promote: (version) => this.#change(versions, version, false),
      rollBack: (version) => this.#change(versions, version, true),
    });
  }

  /** Asks, does it, and tells what came of it. */
  async #change(versions, version, back) {
    const now = versions.find(({ chosen }) => chosen);
    const name = versions[0].name;
    const verb = back ? "Roll back" : "Promote";
    const streams = now?.streams ?? [];
    const count = streams.length === 1 ? "1 camera changes" : `${streams.length || "No"} cameras change`;
    const text = `${count} to version ${version}; their video goes on. The files are checked and the model tried first: if anything is wrong, ${now ? `version ${now.version}` : "the present version"} stays.`;
    if (!(await ask(`${verb} ${name} to version ${version}?`, text, verb, false))) return;
    const words = `Putting version ${version} in service: checking its files, loading and trying it.`;
    this.#running.set(name, { words, since: Date.now() });
    this.#refused.delete(name);
    this.#said.textContent = words;
    this.#tick();
    this.#show();
    this.#keepFocus(name);
    try {
      const done = await changeVersion(name, back ? null : version);
      const told = `${name}: version ${done.version} is now in service; it replaced ${done.before}.`;
      this.#said.textContent = "";
      toast(told);
    } catch (error) {
      const refused = `Version ${version} was not put in service${now ? `; version ${now.version} stays` : ""}.`;
      const title = unanswered(error) ? `It is not known whether version ${version} is being put in service.` : refused;
      const why = REFUSALS[error.type?.split(":").at(-1)];
      this.#refused.set(name, { title, why, detail: error.message, unless: unanswered(error) ? version : null });
      this.#said.textContent = [title, why, error.message].filter(Boolean).join(" ");
    }
    this.#running.delete(name);
    this.#tick();
    await this.#load();
    this.#show();
    this.#keepFocus(name);
  }

  /** The button that was pressed is off or gone: the keyboard goes on from the model's name. */
  #keepFocus(name) {
    if (document.activeElement === document.body) this.#list.querySelector(`[data-model="${name}"] h3`)?.focus();
  }

  /** Every second while something is under way. */
  #tick() {
    clearInterval(this.#ticks);
    if (this.#running.size) this.#ticks = setInterval(() => this.#show(), TICK_MS);
  }
}

function grouped(list, keyOf) {
  const groups = new Map();
  for (const each of list) {
    const key = keyOf(each);
    if (groups.has(key)) groups.get(key).push(each);
    else groups.set(key, [each]);
  }
  return groups;
}

/** What is open and focused in `list`; the answer puts that back once it was drawn anew. */
function keep(list) {
  const place = (element) => {
    const card = element.closest("[data-model]");
    return card && [card.dataset.model, [...card.querySelectorAll(element.localName)].indexOf(element)];
  };
  const open = [...list.querySelectorAll("details[open]")].map(place);
  const active = list.contains(document.activeElement) ? document.activeElement : null;
  const at = active?.closest("[data-model]")?.dataset.model;
  const focused = active?.dataset.act ? `[data-act="${active.dataset.act}"]` : null;
  const summary = active?.localName === "summary" ? place(active) : null;
  return () => {
    const cardOf = (name) => list.querySelector(`[data-model="${name}"]`);
    for (const [name, index] of open) {
      const details = cardOf(name)?.querySelectorAll("details")[index];
      if (details) details.open = true;
    }
    if (summary) cardOf(summary[0])?.querySelectorAll("summary")[summary[1]]?.focus();
    else if (focused) cardOf(at)?.querySelector(`${focused}:not(:disabled)`)?.focus();
  };
}
