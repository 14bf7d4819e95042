// Who is enrolled: everybody as a list, one person as a page of their own, and who is in a picture.

import { el, icon } from "./dom.js";
import { face } from "./face.js";
import { getPerson, listPeople, undoPeople } from "./people-api.js";
import { peopleKnown } from "./people-known.js";
import { searchForm } from "./people-search.js";
import { count, picturesOf, seenWords, thresholdWords } from "./people-words.js";
import { addForm } from "./person-form.js";
import { PersonView } from "./person-view.js";
import { toast } from "./status.js";

const PAGE = 60;
const SOON_MS = 250; // after a key: what is typed on is asked for once
const ONE = /^#\/people\/([\w-]+)/;

export class PeoplePage {
  title = "People";
  #view = new PersonView(document.getElementById("person-view"), () => this.#changed());
  #tools = document.getElementById("people-tools");
  #list = document.getElementById("people-list");
  #more = document.getElementById("people-more");
  #note = document.getElementById("people-note");
  #undo = document.getElementById("people-undo");
  #back = document.getElementById("people-back");
  #all = document.getElementById("people-all");
  #add = document.getElementById("person-add");
  #search = document.getElementById("people-search");
  #abort = null;
  #soon = 0;
  #next = null;

  constructor() {
    this.#tools.addEventListener("submit", (event) => event.preventDefault());
    this.#tools.addEventListener("input", () => {
      clearTimeout(this.#soon);
      this.#soon = setTimeout(() => this.#load(), SOON_MS);
    });
    this.#more.addEventListener("click", () => this.#load(this.#next));
    this.#undo.addEventListener("click", () => this.#takeBack());
    this.#add.addEventListener("click", () => addForm((id, refused) => this.#added(id, refused)));
    this.#search.addEventListener("click", () => searchForm());
    window.addEventListener("popstate", () => this.#shown && this.#read(true));
  }

  get #shown() {
    return this.#abort !== null && /^#\/people\b/.test(location.hash);
  }

  show() {
    peopleKnown(); // tracks that are shown here say their names
    this.#read();
  }

  hide() {
    this.#abort?.abort();
    this.#abort = null;
    this.#view.hide();
  }

  /** Shows what the address says. @param {boolean} [focus] whether the keyboard moves to its beginning */
  async #read(focus = false) {
    const id = ONE.exec(location.hash)?.[1] ?? null;
    this.#all.hidden = id !== null;
    this.#back.hidden = id === null;
    for (const button of [this.#add, this.#search]) button.hidden = id !== null;
    if (id) await this.#one(id, focus);
    else {
      this.#view.hide();
      if (focus) document.getElementById("people-title").focus();
      await this.#load();
    }
  }

  async #one(id, focus) {
    this.#note.hidden = true;
    const { signal } = this.#again();
    try {
      const [person] = await Promise.all([getPerson(id, signal), peopleKnown()]);
      if (signal.aborted) return;
      if (person === null) return this.#say("Nobody of that address", "They were erased, or merged into somebody else.");
      this.#view.show(person);
      if (focus) document.querySelector("#person-view h2").focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) this.#say("This person could not be loaded", error.message);
    }
  }

  #again() {
    clearTimeout(this.#soon);
    this.#abort?.abort();
    this.#abort = new AbortController();
    return this.#abort;
  }

  /** A page: of those behind the cursor, else the first. */
  async #load(cursor = null) {
    const { signal } = this.#again();
    const { q, group } = this.#tools.elements;
    try {
      const answer = await listPeople({ q: q.value.trim(), group: group.value, limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) return this.#say("People are not stored", "No process with the role monitor is running.");
      this.#take(answer, cursor !== null);
    } catch (error) {
      if (!signal.aborted) this.#say("People could not be loaded", error.message);
    }
  }

  #take({ people, next, groups, undo }, further) {
    const cards = people.map(cardOf);
    if (further) this.#list.append(...cards);
    else this.#list.replaceChildren(...cards);
    this.#next = next;
    this.#more.hidden = next === null;
    this.#offerUndo(undo ?? null);
    this.#offer(groups ?? []);
    const { q, group } = this.#tools.elements;
    const filtered = Boolean(q.value.trim() || group.value);
    this.#tools.hidden = !this.#list.children.length && !filtered;
    this.#note.hidden = this.#list.children.length > 0;
    if (this.#note.hidden) return;
    if (filtered) this.#say("Nobody", "No enrolled person matches the filter.");
    else {
      const words =
        "Add a person with a few pictures, or open a track and answer “Who is this?”. Cameras say who is seen where that is turned on in their settings.";
      this.#say("Nobody is enrolled yet", words);
    }
  }

  #offer(groups) {
    const select = this.#tools.elements.group;
    const chosen = select.value;
    const all = [...new Set([...groups, ...(chosen ? [chosen] : [])])].sort();
    select.replaceChildren(select.options[0], ...all.map((group) => new Option(group, group)));
    select.value = chosen;
    select.hidden = all.length === 0;
  }

  #offerUndo(words) {
    this.#undo.hidden = !words;
    if (words) this.#undo.title = `Take back: ${words}`;
    this.#undo.lastElementChild.textContent = words ? `Undo ${words}` : "";
  }

  async #takeBack() {
    try {
      const { undone } = await undoPeople();
      toast(`Taken back: ${undone}.`);
    } catch (error) {
      toast(`It could not be taken back: ${error.message}`, "bad");
    }
    this.#changed();
  }

  #added(id, refused) {
    if (refused.length) toast(`Not all pictures were taken. ${refused.join(" ")}`, "bad");
    location.hash = `#/people/${id}`;
    this.#changed();
  }

  /** Somebody is called otherwise now, or is gone: every page says so. */
  async #changed() {
    await peopleKnown({ anew: true });
    if (this.#shown) this.#read();
  }

  #say(title, text) {
    this.#view.hide();
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}

function cardOf(person) {
  const { id, name, groups, looks, image_url: url } = person;
  return el(
    "li",
    { class: "card person", dataset: { person: id } },
    face(url),
    el(
      "div",
      { class: "person-who" },
      el("h2", {}, el("a", { href: `#/people/${id}` }, name)),
      groups.length ? el("ul", { class: "chips" }, ...groups.map((group) => el("li", {}, group))) : null,
      el("p", { class: "quiet" }, `${picturesOf(count(looks))}. ${seenWords(person)}.`),
      el("p", { class: "quiet" }, thresholdWords(person)),
    ),
  );
}
