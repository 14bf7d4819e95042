// The wall: every camera with what it sees, one of them alone on demand; the own camera.

import { removeStream, snapshot } from "./api.js";
import { CameraDialog } from "./camera-dialog.js";
import { askRemoval } from "./confirm.js";
import { showSummary, toast } from "./status.js";
import { Wall } from "./wall.js";
import { ZoneWatch } from "./zone-watch.js";

export class LivePage {
  title = "Live";
  #wall = new Wall(document.getElementById("wall"), document.getElementById("tile-template"));
  #empty = document.getElementById("empty");
  #mode = document.getElementById("mode");
  #zonesButton = document.getElementById("zones");
  #zones; // ZoneWatch
  #retired = new Set(); // ids not to show though the server lists them: own cameras that were stopped, removals
  #publisher = null; // of the own camera, while it runs
  #streams;

  /** @param {import("./streams.js").Streams} streams @param {import("./alert-watch.js").AlertWatch} alerts */
  constructor(streams, alerts) {
    this.#streams = streams;
    streams.addEventListener("change", () => this.#show());
    streams.addEventListener("trouble", () => {
      for (const tile of this.#wall.tiles) tile.setTrouble(streams.trouble);
    });
    alerts.addEventListener("change", () => {
      for (const tile of this.#wall.tiles) tile.setAlert(alerts.of(tile.id));
    });
    this.#wall.addEventListener("action", ({ detail: { action, tile } }) => this.#act(action, tile));
    const dialog = new CameraDialog((publisher) => this.#useCamera(publisher));
    for (const button of document.querySelectorAll('[data-open="camera"]'))
      button.addEventListener("click", () => dialog.open());
    this.#mode.value = localStorage.getItem("mode") === "fast" ? "fast" : "exact";
    this.#mode.addEventListener("change", () => {
      localStorage.setItem("mode", this.#mode.value);
      for (const tile of this.#wall.tiles) tile.setMode(this.#mode.value);
    });
    this.#watchZones(alerts);
    window.addEventListener("pagehide", () => this.#publisher?.stop());
  }

  show() {
    this.#zones.start();
    this.#wall.readAddress();
    this.#wall.arrange();
  }

  hide() {
    this.#zones.stop();
  }

  // the list of streams

  #show() {
    const views = this.#streams.views.filter(({ id }) => !this.#retired.has(id));
    const ids = new Set(views.map(({ id }) => id));
    if (this.#publisher) ids.add(this.#publisher.id);
    for (const tile of this.#wall.tiles) if (!ids.has(tile.id)) this.#wall.remove(tile.id);
    let before = this.#publisher ? this.#wall.tile(this.#publisher.id) : null;
    for (const view of views) {
      const tile = this.#tile(view.id, before);
      tile.update(view);
      before = tile;
    }
    this.#wall.arrange();
    this.#showZones();
    showSummary(views.map(({ id }) => this.#wall.tile(id))); // as their badges say
    this.#showEmpty();
  }

  #tile(id, before = null) {
    const tile = this.#wall.ensure(id, before);
    tile.setMode(this.#mode.value);
    if (id !== this.#publisher?.id) tile.open();
    return tile;
  }

  #showEmpty() {
    this.#empty.hidden = this.#wall.size > 0;
    document.getElementById("wall").hidden = this.#wall.size === 0;
  }

  // zones and lines

  #watchZones(alerts) {
    const shown = localStorage.getItem("zones") !== "hidden";
    this.#zones = new ZoneWatch(alerts, shown);
    this.#zonesButton.setAttribute("aria-pressed", shown);
    this.#zonesButton.addEventListener("click", () => {
      const wanted = this.#zonesButton.getAttribute("aria-pressed") !== "true";
      localStorage.setItem("zones", wanted ? "shown" : "hidden");
      this.#zonesButton.setAttribute("aria-pressed", wanted);
      this.#zones.follow(wanted);
    });
    this.#zones.addEventListener("change", () => this.#showZones());
    this.#zones.addEventListener("crossed", ({ detail: { stream, line, direction } }) =>
      this.#wall.tile(stream)?.flashLine(line, direction),
    );
  }

  #showZones() {
    this.#zonesButton.hidden = !this.#zones.any;
    for (const tile of this.#wall.tiles) tile.setZones(this.#zones.shapes(tile.id), this.#zones.inside(tile.id));
  }

  // the own camera

  #useCamera(publisher) {
    this.#publisher = publisher;
    if (location.hash && !location.hash.startsWith("#/live")) location.hash = "#/";
    const tile = this.#tile(publisher.id);
    tile.setPreview(publisher.media);
    tile.setName(`My camera (${publisher.id})`);
    tile.open();
    this.#showEmpty();
    const show = () => {
      if (publisher.state === "stopped") return this.#leaveCamera(publisher);
      tile.setBroken(publisher.state === "live" ? null : { state: publisher.state, text: publisher.trouble });
    };
    publisher.addEventListener("state", show);
    show();
    this.#showCameraButtons();
    this.#streams.poll();
  }

  #leaveCamera(stopped) {
    if (this.#publisher !== stopped) return;
    this.#publisher = null;
    this.#retired.add(stopped.id);
    this.#wall.remove(stopped.id);
    this.#showCameraButtons();
    this.#showEmpty();
    if (stopped.trouble) toast(stopped.trouble, "bad");
    this.#streams.poll();
  }

  #showCameraButtons() {
    for (const button of document.querySelectorAll('[data-open="camera"]')) button.disabled = this.#publisher !== null;
  }

  // what people do

  #act(action, tile) {
    if (action === "focus") this.#wall.toggle(tile.id);
    if (action === "stop") this.#publisher?.stop();
    if (action === "snapshot") saveSnapshot(tile);
    if (action === "remove") this.#remove(tile.id);
  }

  async #remove(id) {
    if (!(await askRemoval(id))) return;
    this.#retired.add(id); // gone at once, back if the server says no
    this.#wall.remove(id);
    this.#showEmpty();
    try {
      await removeStream(id);
      toast(`${id} was removed.`);
    } catch (error) {
      toast(`${id} could not be removed: ${error.message}`, "bad");
    }
    this.#retired.delete(id);
    this.#streams.poll();
  }
}

async function saveSnapshot(tile) {
  try {
    // the server's has the camera's full size; the own camera's is what one sees here
    const blob = tile.own ? await tile.toBlob() : await snapshot(tile.id, { overlay: true });
    if (!blob) return toast(`${tile.id} has no video yet.`, "bad");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    link.download = `${tile.id}_${time}.${blob.type === "image/png" ? "png" : "jpg"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    toast(`The snapshot of ${tile.id} failed: ${error.message}`, "bad");
  }
}
