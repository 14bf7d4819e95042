// Alerts that were raised, chosen one by one or all that match, and seen; the rules that raise them.

import { acknowledgeAlert, acknowledgeAlerts, ifThere, listAlerts, tellAgain } from "./api.js";
import { alertCard } from "./alert-card.js";
import { addressOf, chosenIn, FIELDS, filterBody, filtersOf } from "./alert-query.js";
import { ask } from "./confirm.js";
import { DELETED } from "./deletion.js";
import { EventDialog } from "./event-dialog.js";
import { PEOPLE_CHANGED, peopleKnown } from "./people-known.js";
import { everybody, personName } from "./person-names.js";
import { RuleList } from "./rule-list.js";
import { toast } from "./status.js";
import { TargetList } from "./target-list.js";

const EVERY_MS = 3000;
const PAGE = 50;
const MOST_AT_ONCE = 1000; // the server takes no more in one request

export class AlertsPage {
  title = "Alerts";
  #watch;
  #streams;
  #timer = 0;
  #abort = null;
  #alerts = [];
  #next = null;
  #chosen = new Set(); // ids of alerts that nobody has seen
  #cards = new Map(); // id → {drawn, card}: one that is as it was stays where it is, with the keyboard in it
  #targets = new TargetList();
  #detail = new EventDialog();
  #rules;
  #tools = document.getElementById("alerts-tools");
  #bar = document.getElementById("alerts-choice");
  #all = document.getElementById("alerts-all");
  #list = document.getElementById("alert-list");
  #note = document.getElementById("alerts-note");
  #older = document.getElementById("alerts-older");

  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} watch */
  constructor(streams, watch) {
    this.#watch = watch;
    this.#streams = streams;
    this.#rules = new RuleList(
      () => streams.views,
      () => this.#targets.names,
    );
    this.#tools.addEventListener("submit", (event) => event.preventDefault());
    this.#tools.addEventListener("change", () => {
      history.pushState(null, "", addressOf(this.#choice));
      this.#again();
    });
    document.getElementById("alerts-reset").addEventListener("click", () => {
      history.pushState(null, "", "#/alerts");
      this.#read();
    });
    window.addEventListener("popstate", () => this.#shown && this.#read());
    window.addEventListener(DELETED, () => this.#shown && this.#load());
    window.addEventListener(PEOPLE_CHANGED, () => this.#shown && this.#offerPeople());
    this.#older.addEventListener("click", () => this.#load(this.#next));
    this.#all.addEventListener("change", () => this.#chooseAll(this.#all.checked));
    document.getElementById("alerts-see").addEventListener("click", () => this.#seeChosen());
    document.getElementById("alerts-see-all").addEventListener("click", () => this.#seeMatching());
  }

  show() {
    this.#read();
    this.#rules.load();
    this.#targets.load();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  get #shown() {
    return location.hash.startsWith("#/alerts");
  }

  get #choice() {
    return Object.fromEntries(FIELDS.map((name) => [name, this.#tools.elements[name].value]));
  }

  /** Shows what the address says. */
  async #read() {
    const chosen = chosenIn(location.hash);
    this.#offer("stream", [...this.#streams.views.map(({ id }) => id), chosen.stream]);
    this.#offer("rule", [chosen.rule]);
    this.#offer("person", [chosen.person, ...everybody().map(({ id }) => id)]);
    for (const name of FIELDS) this.#tools.elements[name].value = chosen[name];
    this.#again();
    const [rules] = await Promise.all([ifThere("/v1/rules").catch(() => null), peopleKnown()]);
    this.#offer("rule", rules?.rules.map(({ name }) => name) ?? []);
  }

  /** Anew: those who are there may be called otherwise. */
  #offerPeople() {
    const select = this.#tools.elements.person;
    const chosen = select.value;
    select.replaceChildren(select.options[0]);
    this.#offer("person", [chosen, ...everybody().map(({ id }) => id)]);
    select.value = chosen;
  }

  /** Has a select offer these, too. */
  #offer(name, values) {
    const select = this.#tools.elements[name];
    const [all, ...offered] = select.options;
    const known = new Set(offered.map(({ value }) => value));
    const fresh = [...new Set(values)].filter((value) => value && !known.has(value));
    if (fresh.length === 0) return;
    const chosen = select.value;
    const words = name === "person" ? personName : String;
    select.replaceChildren(all, ...[...known, ...fresh].sort().map((value) => new Option(words(value), value)));
    select.value = chosen;
    if ("offered" in select.dataset) select.hidden = false;
  }

  #again() {
    const custom = this.#tools.elements.range.value === "custom";
    for (const name of ["since", "until"]) this.#tools.elements[name].closest("label").hidden = !custom;
    this.#alerts = [];
    this.#chosen.clear();
    this.#load();
  }

  async #load(cursor = null) {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const answer = await listAlerts({ ...filtersOf(this.#choice), limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      if (answer === null) this.#say("No alerts", "No process with the role monitor is running.");
      else this.#take(answer, cursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      this.#say("Alerts could not be loaded", error.message);
    }
    this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
  }

  #wait() {
    if (document.hidden) this.#timer = setTimeout(() => this.#wait(), EVERY_MS);
    else this.#load();
  }

  #take({ alerts, next }, older) {
    if (older || this.#alerts.length <= PAGE) this.#next = next;
    const rest =
      this.#alerts.length > PAGE || older ? this.#alerts.filter((old) => !alerts.some(({ id }) => id === old.id)) : [];
    this.#alerts = [...alerts, ...rest].sort((a, b) => b.captured_at_ns - a.captured_at_ns);
    this.#older.hidden = this.#next === null;
    this.#offer("rule", alerts.map(({ rule }) => rule)); // it may be deleted, as may the camera
    this.#offer("stream", alerts.map(({ stream_id: id }) => id));
    const unseen = new Set(this.#unseen.map(({ id }) => id));
    for (const id of this.#chosen) if (!unseen.has(id)) this.#chosen.delete(id);
    if (this.#alerts.length) this.#note.hidden = true;
    else this.#say("No alerts", "No alert matches the filter.");
    this.#draw();
  }

  get #unseen() {
    return this.#alerts.filter(({ acknowledged_at_ns: seen }) => !seen);
  }

  #draw() {
    const wanted = this.#alerts.map((alert) => this.#card(alert));
    this.#cards = new Map(wanted.map((entry) => [entry.card.dataset.id, entry]));
    const cards = wanted.map(({ card }) => card);
    for (const card of [...this.#list.children]) if (!cards.includes(card)) card.remove();
    cards.forEach((card, at) => {
      if (this.#list.children[at] !== card) this.#list.insertBefore(card, this.#list.children[at] ?? null);
    });
    this.#count();
  }

  #card(alert) {
    const { id } = alert;
    const drawn = JSON.stringify(alert);
    const known = this.#cards.get(id);
    if (known?.drawn === drawn) return known;
    const card = alertCard(alert, this.#chosen.has(id), {
      choose: (on) => this.#choose(id, on),
      details: () => this.#detail.open(eventOf(alert)),
      see: () => this.#see(id),
      tellAgain: (target) => this.#tellAgain(id, target),
    });
    return { drawn, card };
  }

  #choose(id, on) {
    if (on) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#count();
  }

  #chooseAll(on) {
    this.#chosen = new Set(on ? this.#unseen.map(({ id }) => id) : []);
    for (const box of this.#list.querySelectorAll(".alert-choice input"))
      box.checked = this.#chosen.has(box.closest(".alert").dataset.id);
    this.#count();
  }

  /** Says how many are chosen. */
  #count() {
    const [chosen, unseen] = [this.#chosen.size, this.#unseen.length];
    this.#bar.hidden = unseen === 0;
    this.#all.checked = chosen > 0 && chosen === unseen;
    this.#all.indeterminate = chosen > 0 && chosen < unseen;
    const see = document.getElementById("alerts-see");
    see.disabled = chosen === 0;
    see.textContent = chosen ? `Acknowledge ${chosen}` : "Acknowledge selected";
  }

  async #seeChosen() {
    const ids = [...this.#chosen];
    const bodies = [];
    while (ids.length) bodies.push({ ids: ids.splice(0, MOST_AT_ONCE) });
    await this.#seeMany(bodies);
  }

  async #seeMatching() {
    const text = "All that match the filter, also those that are not loaded yet.";
    if (!(await ask("Acknowledge all alerts that match?", text, "Acknowledge all", false))) return;
    await this.#seeMany([{ filter: filterBody(filtersOf(this.#choice), this.#alerts[0]?.captured_at_ns ?? 0) }]);
  }

  /** Asks again while there are more than one request may change. The keyboard goes on where the list begins. */
  async #seeMany(bodies) {
    let seen = 0;
    try {
      for (const body of bodies)
        for (let more = true; more; ) {
          const answer = await acknowledgeAlerts(body);
          seen += answer.acknowledged;
          more = answer.more && answer.acknowledged > 0;
        }
      toast(`${seen} ${seen === 1 ? "alert was" : "alerts were"} acknowledged.`);
    } catch (error) {
      toast(`The alerts could not be acknowledged: ${error.message}`, "bad");
    }
    this.#watch.poll();
    document.getElementById("alerts-page-title").focus(); // what was pressed cannot be pressed any more
    this.#again();
  }

  async #see(id) {
    try {
      await acknowledgeAlert(id);
    } catch (error) {
      toast(`The alert could not be acknowledged: ${error.message}`, "bad");
    }
    this.#watch.poll();
    this.#load();
  }

  async #tellAgain(id, target) {
    try {
      await tellAgain(id, target);
      toast(`Sending the alert to ${target} again.`);
    } catch (error) {
      toast(`The alert could not be sent to ${target} again: ${error.message}`, "bad");
    }
    this.#load();
  }

  #say(title, text) {
    this.#cards.clear();
    this.#list.replaceChildren();
    this.#older.hidden = true;
    this.#bar.hidden = true;
    this.#note.hidden = false;
    this.#note.querySelector("h2").textContent = title;
    this.#note.querySelector("p").textContent = text;
  }
}

/** An alert as the dialog of events shows it. */
const eventOf = (alert) => ({ kind: "alert", ...(alert.event ?? {}), ...alert });
