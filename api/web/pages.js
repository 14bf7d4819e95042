// Every page but the live one: one file to a browser, fetched behind the live page.

export { AlertsPage } from "./alerts-page.js";
export { AskPage } from "./ask-page.js";
export { AuditPage } from "./audit-page.js";
export { CamerasPage } from "./cameras-page.js";
export { EventsPage } from "./events-page.js";
export { HealthPage } from "./health-page.js";
export { KeysPage } from "./keys-page.js";
export { ModelsPage } from "./models-page.js";
export { MonitoringPage } from "./monitoring-page.js";
export { PeoplePage } from "./people-page.js";
export { UsersPage } from "./users-page.js";
