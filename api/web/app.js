// Puts the pages together: one list of streams for all of them, one health watch, one router.

import "./livesight-view.js";
import "./theme.js";
import { showAccount } from "./account-menu.js";
import { AlertWatch } from "./alert-watch.js";
import { fitBar } from "./bar-fit.js";
import { LivePage } from "./live-page.js";
import { Router } from "./router.js";
import { session, whenSignedOut } from "./session.js";
import { showGate } from "./sign-in.js";
import { HealthWatch, showBanner, showLink, toast } from "./status.js";
import { Streams } from "./streams.js";
import { wordsKnown } from "./words-known.js";

const streams = new Streams();
const health = new HealthWatch();
const alerts = new AlertWatch();
// The live page is there at once; the others are fetched behind it, so that the first frame waits for none of them.
const live = new LivePage(streams, alerts);
const others = () => import("./pages.js");
const router = new Router(
  {
    live: async () => live,
    cameras: async () => new (await others()).CamerasPage(streams),
    events: async () => new (await others()).EventsPage(streams),
    alerts: async () => new (await others()).AlertsPage(streams, alerts),
    people: async () => new (await others()).PeoplePage(),
    ask: async () => new (await others()).AskPage(),
    monitoring: async () => new (await others()).MonitoringPage(streams, alerts),
    health: async () => new (await others()).HealthPage(streams, health, alerts),
    models: async () => new (await others()).ModelsPage(),
    audit: async () => new (await others()).AuditPage(),
    keys: async () => new (await others()).KeysPage(),
    users: async () => new (await others()).UsersPage(),
  },
  () => toast("This page could not be loaded. It opens when the server is reachable again.", "bad"),
);

for (const button of document.querySelectorAll('[data-open="add"]'))
  button.addEventListener("click", async () => (await router.page("cameras"))?.add());

let answers = 0;
streams.addEventListener("change", async () => {
  showLink("open");
  document.body.dataset.known = "";
  router.go(); // to a page that could not be fetched before
  answers += 1;
  if (answers > 1 && (await router.fetchAll())) document.body.dataset.complete = "";
});
streams.addEventListener("trouble", () => {
  const { trouble } = streams;
  document.body.classList.toggle("offline", trouble !== null);
  if (trouble) showLink("waiting");
  showBanner(trouble && `${trouble} This page shows the last known state and keeps trying.`);
});

function wake() {
  showLink("connecting");
  streams.start();
  health.start();
  alerts.start();
  wordsKnown();
}

function sleep() {
  streams.stop();
  health.pause();
  alerts.stop();
  showLink("closed");
}

fitBar();
document.getElementById("skip").addEventListener("click", () => document.getElementById("content").focus());

const who = await session();
if (who && showGate(who)) {
  document.body.dataset.at = "gate";
} else {
  if (who) showAccount(who);
  whenSignedOut(() => location.reload()); // the gate opens at the same address
  document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
  router.go();
  if (document.hidden) sleep();
  else wake();
}
