// Puts the pages together: one list of streams for all of them, one health watch, one router.

import "./livesight-view.js";
import "./theme.js";
import { AlertWatch } from "./alert-watch.js";
import { AlertsPage } from "./alerts-page.js";
import { CamerasPage } from "./cameras-page.js";
import { EventsPage } from "./events-page.js";
import { HealthPage } from "./health-page.js";
import { LivePage } from "./live-page.js";
import { ModelsPage } from "./models-page.js";
import { MonitoringPage } from "./monitoring-page.js";
import { Router } from "./router.js";
import { HealthWatch, showBanner, showLink } from "./status.js";
import { Streams } from "./streams.js";

const streams = new Streams();
const health = new HealthWatch();
const alerts = new AlertWatch();
const cameras = new CamerasPage(streams);
const router = new Router({
  live: new LivePage(streams, alerts),
  cameras,
  events: new EventsPage(streams),
  alerts: new AlertsPage(streams, alerts),
  monitoring: new MonitoringPage(streams, alerts),
  health: new HealthPage(streams, health, alerts),
  models: new ModelsPage(),
});

for (const button of document.querySelectorAll('[data-open="add"]'))
  button.addEventListener("click", () => cameras.add());

streams.addEventListener("change", () => {
  showLink("open");
  document.body.dataset.known = "";
});
streams.addEventListener("trouble", () => {
  const { trouble } = streams;
  document.body.classList.toggle("offline", trouble !== null);
  if (trouble) showLink("waiting");
  showBanner(trouble && `${trouble} What you see is the last known state; this page keeps trying.`);
});

function wake() {
  showLink("connecting");
  streams.start();
  health.start();
  alerts.start();
}

function sleep() {
  streams.stop();
  health.pause();
  alerts.stop();
  showLink("closed");
}

document.getElementById("skip").addEventListener("click", () => document.getElementById("content").focus());
document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
router.go();
if (document.hidden) sleep();
else wake();
