// The live page: puts the parts together. Streams are polled, results come by one socket, pictures by the pump.

import { AddDialog } from "./add-dialog.js";
import { ApiError, listStreams, readiness, removeStream, snapshot } from "./api.js";
import { CameraDialog } from "./camera-dialog.js";
import { DetectionsFeed } from "./detections.js";
import { PicturePump } from "./pump.js";
import { HealthWatch, showBanner, showLink, showSummary, toast } from "./status.js";
import { Wall } from "./wall.js";

const POLL_MS = 2000;

const wall = new Wall(document.getElementById("wall"), document.getElementById("tile-template"));
const feed = new DetectionsFeed();
const health = new HealthWatch();
const pump = new PicturePump(showPicture, (id) => wall.tile(id)?.roomWidth ?? 0);
let publisher = null; // of the own camera, while it runs
const retired = new Set(); // ids not to show though the server lists them: own cameras that were stopped, removals
let pollTimer = 0;
let polled = new AbortController();

// pictures and boxes

async function showPicture(id, { bitmap, session, ptsUs }) {
  const result = await feed.resultOf(id, session, ptsUs);
  const tile = wall.tile(id);
  // while results arrive, a picture is shown with its own boxes or not at all
  if (!tile || tile.own || (!result && feed.state === "open")) bitmap.close();
  else tile.showPicture(bitmap, result);
}

feed.addEventListener("result", ({ detail: result }) => {
  const tile = wall.tile(result.stream_id);
  if (tile?.own) tile.showResult(result);
  else pump.announce(result.stream_id, result.session, result.pts_us);
});

feed.addEventListener("state", () => {
  showLink(feed.state);
  pump.setBlind(feed.state === "waiting" || feed.state === "connecting");
});

wall.addEventListener("visible", ({ detail: { id, visible } }) => pump.setVisible(id, visible));

// the list of streams

function showStreams(all) {
  const views = all.filter(({ id }) => !retired.has(id));
  const ids = new Set(views.map(({ id }) => id));
  if (publisher) ids.add(publisher.id);
  for (const tile of wall.tiles) if (!ids.has(tile.id)) forget(tile.id);
  let before = publisher ? wall.tile(publisher.id) : null;
  for (const view of views) {
    const tile = wall.ensure(view.id, before);
    if (!tile.own) pump.add(view.id, view.analysed > 0 && view.state !== "ended");
    tile.update(view);
    before = tile;
  }
  wall.arrange();
  showSummary(views);
  document.getElementById("empty").hidden = wall.size > 0;
  document.getElementById("wall").hidden = wall.size === 0;
}

function forget(id) {
  wall.remove(id);
  pump.remove(id);
  feed.forget(id);
}

async function poll() {
  clearTimeout(pollTimer);
  polled.abort();
  polled = new AbortController();
  const { signal } = polled;
  try {
    const views = await listStreams(signal);
    // a service that is about to stop, or just starting, has no streams: that is no reason to clear the wall
    if (!views.length && wall.size && (await readiness(signal)).state === "down")
      throw new ApiError("The service is not ready.");
    if (signal.aborted) return;
    showBanner(null);
    document.body.classList.remove("offline");
    feed.retry();
    showStreams(views);
  } catch (error) {
    if (signal.aborted) return;
    showBanner(`${error.message} What you see is the last known state; this page keeps trying.`);
    document.body.classList.add("offline");
  }
  pollTimer = setTimeout(poll, POLL_MS);
}

// the own camera

function useCamera(started) {
  publisher = started;
  const { id } = publisher;
  pump.remove(id);
  document.getElementById("wall").hidden = false;
  document.getElementById("empty").hidden = true;
  const tile = wall.ensure(id);
  tile.setPreview(publisher.media);
  tile.setName(`My camera (${id})`);
  const show = () => {
    if (started.state === "stopped") return leaveCamera(started);
    tile.setBroken(started.state === "live" ? null : { state: started.state, text: started.trouble });
  };
  started.addEventListener("state", show);
  show();
  showCameraButtons();
  poll();
}

function leaveCamera(stopped) {
  if (publisher !== stopped) return;
  publisher = null;
  retired.add(stopped.id);
  forget(stopped.id);
  showCameraButtons();
  if (stopped.trouble) toast(stopped.trouble, "bad");
  poll();
}

function showCameraButtons() {
  for (const button of document.querySelectorAll('[data-open="camera"]')) button.disabled = publisher !== null;
}

// what people do

const addDialog = new AddDialog(
  () => new Set(wall.tiles.map(({ id }) => id)),
  (view) => {
    toast(`${view.id} was added.`);
    poll();
  },
);
const cameraDialog = new CameraDialog(useCamera);

for (const button of document.querySelectorAll("[data-open]"))
  button.addEventListener("click", () => (button.dataset.open === "add" ? addDialog : cameraDialog).open());

wall.addEventListener("action", ({ detail: { action, tile } }) => {
  if (action === "focus") wall.toggle(tile.id);
  if (action === "stop") publisher?.stop();
  if (action === "snapshot") saveSnapshot(tile);
  if (action === "remove") askToRemove(tile);
});

async function saveSnapshot(tile) {
  try {
    // the server's has the camera's full size; the own camera's is what one sees here
    const blob = tile.own ? await tile.toBlob() : (await snapshot(tile.id, { overlay: true }))?.blob;
    if (!blob) return toast(`${tile.id} has no picture yet.`, "bad");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    link.download = `${tile.id}_${time}.${blob.type === "image/png" ? "png" : "jpg"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    toast(`No snapshot of ${tile.id}: ${error.message}`, "bad");
  }
}

function askToRemove(tile) {
  const dialog = document.getElementById("confirm-dialog");
  document.getElementById("confirm-title").textContent = `Remove “${tile.id}”?`;
  document.getElementById("confirm-text").textContent =
    "Livesight stops watching this camera and forgets its address. What it has seen so far is kept.";
  dialog.returnValue = "";
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && remove(tile), { once: true });
  dialog.showModal();
}

async function remove({ id }) {
  retired.add(id); // gone at once, back if the server says no
  forget(id);
  try {
    await removeStream(id);
    toast(`${id} was removed.`);
  } catch (error) {
    toast(`${id} could not be removed: ${error.message}`, "bad");
  }
  retired.delete(id);
  poll();
}

// coming and going

function wake() {
  feed.open();
  health.start();
  pump.start();
  poll();
}

function sleep() {
  clearTimeout(pollTimer);
  polled.abort();
  pump.stop();
  health.pause();
  feed.close();
}

document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
window.addEventListener("pagehide", () => publisher?.stop());

showLink("connecting");
if (document.hidden) showLink("closed");
else wake();
