// Where it begins: which cameras there are, what of them is on the page, and the keys.

import { CameraView } from "./camera.js";
import { choices } from "./choices.js";
import { Device } from "./device.js";
import { arrange, icon, make, put, toggleFullScreen } from "./dom.js";
import { EventUpdates } from "./event_updates.js";
import { EventsView } from "./events.js";
import { Notices } from "./notices.js";
import { Panel } from "./panel.js";
import { RecordingsView } from "./recordings.js";
import { RulesPanel } from "./rules.js";
import { addressOf, read } from "./service.js";
import { texts } from "./texts.js";

const REFRESH = 3000; // ms between looks at which cameras there are
const NOTE = 4000;
const WALL_BAR = 30; // pixels below each picture in full screen
const PART_KEYS = { b: "boxes", k: "keypoints", e: "edges", l: "labels", i: "ids", z: "zones", w: "rules" };

const main = document.getElementById("main");
const note = document.getElementById("note");
const device = new Device();
const eventUpdates = new EventUpdates();
const notices = new Notices();
let site = { recordings: false, events: false, rules: false, browser_camera: false };
let cameras = null;
let shown = { key: "", views: [], parts: [] };
let scrolled = 0; // where the grid was left
let place = "";
let noteTimer = 0;
let refreshes = 0;
let refreshed = 0; // the last of them that has been answered

forgetToken();
buildTop();
buildKeys();
addEventListener("note", (event) => say(event.detail));
addEventListener("cameras", refresh);
document.body.append(notices.element);
eventUpdates.addEventListener("count", showUnseen);
eventUpdates.addEventListener("opened", (event) => shown.events?.has(event.detail) || notices.show(event.detail));
addEventListener("hashchange", render);
addEventListener("resize", layWall);
addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
device.addEventListener("change", showDevice);
refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), REFRESH);

// The cookie has it from now on; it has no business in the address bar, in bookmarks and in what is shared.
function forgetToken() {
  const address = new URL(location.href);
  if (!address.searchParams.has("token")) return;
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

async function refresh() {
  const [turn, askedAt] = [++refreshes, performance.now()];
  const [about, list] = await Promise.all([read("/api/site"), read("/api/cameras")]);
  if (turn < refreshed) return; // what a later one was told is newer
  refreshed = turn;
  if (about.ok && about.body.events !== site.events) about.body.events ? eventUpdates.start() : eventUpdates.stop();
  if (about.ok) site = about.body;
  if (list.ok) cameras = list.body.cameras;
  if (list.status === 401) say(texts.unauthorized);
  showDevice();
  render();
  const listed = new Map(list.ok ? cameras.map((one) => [one.name, one]) : []);
  for (const view of shown.views) view.showListed(listed.get(view.camera.name) ?? view.camera, askedAt);
}

function route() {
  const [kind, name] = location.hash.replace(/^#\/?/, "").split("/").map(unescaped);
  if (kind === "recordings" && site.recordings) return { kind };
  if (kind === "events" && site.events) return { kind, event: name ?? "" };
  const camera = kind === "cameras" && cameras?.find((one) => one.name === name);
  if (camera) return { kind: "camera", camera };
  return cameras?.length === 1 ? { kind: "camera", camera: cameras[0] } : { kind: "grid" };
}

function unescaped(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand
  }
}

function render() {
  if (cameras === null) {
    if (!main.firstChild) main.append(make("p", { className: "empty" }, texts.loading));
    return;
  }
  const { kind, camera, event } = route();
  const key = kind === "grid" ? `grid ${cameras.map((one) => one.name).join(" ")}` : `${kind} ${camera?.name ?? ""}`;
  showNavigation(kind);
  if (key === shown.key) {
    if (kind === "events" && event !== shown.event) shown.events.show((shown.event = event));
    return;
  }
  if (shown.grid && kind === "grid" && cameras.length) return showGrid(shown.grid, key);
  if (shown.grid) scrolled = scrollY;
  for (const part of shown.parts) part.stop();
  place = camera?.title ?? (kind === "events" ? texts.events : "");
  showTitle();
  shown = { key, views: [], parts: [] };
  if (kind === "grid" && cameras.length) {
    const grid = make("div", {});
    main.replaceChildren(grid);
    showGrid(grid, key);
    return scrollTo(0, scrolled);
  }
  scrollTo(0, 0);
  if (kind === "recordings") {
    shown.parts = [new RecordingsView()];
    main.replaceChildren(shown.parts[0].element);
  } else if (kind === "events") {
    const events = new EventsView(eventUpdates, event);
    shown = { key, views: [], parts: [events], events, event };
    main.replaceChildren(events.element);
  } else if (kind === "camera") {
    const view = new CameraView(camera, { large: true });
    const panel = new Panel(view);
    const rules = site.rules ? new RulesPanel(view) : null;
    if (rules) panel.element.prepend(rules.element);
    shown = { key, views: [view], parts: [view, panel, rules].filter(Boolean) };
    main.replaceChildren(make("div", { className: "one" }, view.element, panel.element));
  } else {
    main.replaceChildren(make("p", { className: "empty" }, texts.noCameras));
  }
  for (const part of shown.parts) part.start();
}

// Tiles of cameras that stay are left as they are.
function showGrid(grid, key) {
  const before = new Map(shown.views.map((view) => [view.camera.name, view]));
  const views = cameras.map((one) => before.get(one.name) ?? new CameraView(one, { large: false }));
  for (const view of shown.views) if (!views.includes(view)) view.stop();
  shown = { key, views, parts: views, grid };
  grid.className = `grid of${Math.min(views.length, 9)}`;
  arrange(grid, views.map((view) => view.element));
  for (const view of views) if (!before.has(view.camera.name)) view.start();
  layWall();
}

// In full screen all cameras are seen at once, each as large as can be.
function layWall() {
  const count = shown.grid ? shown.views.length : 0;
  const width = (columns) => Math.min(innerWidth / columns, ((innerHeight / Math.ceil(count / columns) - WALL_BAR) * 16) / 9);
  const columns = Array.from({ length: count }, (_, at) => at + 1);
  if (count) shown.grid.style.setProperty("--columns", columns.reduce((best, next) => (width(next) > width(best) ? next : best), 1));
}

function buildTop() {
  const link = (href, label, kind) => make("a", { href, "data-kind": kind }, label);
  const share = make(
    "button",
    { type: "button", id: "share", hidden: true, onclick: () => (device.shared ? device.stop() : device.share()) },
    icon("device"),
    make("span", {}, texts.useCamera),
  );
  document.getElementById("top").append(
    make("a", { className: "brand", href: "#/" }, make("img", { src: addressOf("/static/icon.svg"), alt: "", width: 24, height: 24 }), texts.title),
    make("nav", {}, link("#/", texts.cameras, "cameras"), link("#/events", texts.events, "events"), link("#/recordings", texts.recordings, "recordings")),
    share,
    make("button", { type: "button", className: "icon", id: "keys", title: texts.help, "aria-label": texts.help, onclick: showKeys }, icon("keys")),
  );
}

function showNavigation(kind) {
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.dataset.kind;
    if (own === (kind in site ? kind : "cameras")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (own in site) link.hidden = !site[own];
  }
}

function showTitle() {
  const count = site.events && eventUpdates.unseen ? `(${eventUpdates.unseen}) ` : "";
  document.title = count + (place ? `${place} – ${texts.title}` : texts.title);
}

function showUnseen() {
  const link = document.querySelector("nav a[data-kind=events]");
  link.querySelector(".count")?.remove();
  const { unseen } = eventUpdates;
  if (unseen) link.append(make("span", { className: "count", role: "img", "aria-label": texts.unseen(unseen) }, unseen > 999 ? "999+" : String(unseen)));
  showTitle();
}

function showDevice() {
  const share = document.getElementById("share");
  share.hidden = !site.browser_camera;
  share.setAttribute("aria-pressed", String(device.shared));
  share.title = device.shared ? texts.stopCamera : texts.useCamera;
  share.setAttribute("aria-label", share.title);
  put(share.querySelector("span"), share.title);
}

function buildKeys() {
  const rows = texts.keyNames.flatMap(([keys, meaning]) => [make("dt", {}, keys), make("dd", {}, meaning)]);
  const dialog = make("dialog", { id: "help", "aria-label": texts.help }, make("h2", {}, texts.help), make("dl", {}, ...rows));
  dialog.append(make("button", { type: "button", onclick: () => dialog.close() }, texts.close));
  document.body.append(dialog);
}

function showKeys() {
  const dialog = document.getElementById("help");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function say(text) {
  clearTimeout(noteTimer);
  put(note, text);
  note.classList.add("shown");
  noteTimer = setTimeout(() => note.classList.remove("shown"), NOTE);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target instanceof HTMLElement && (target.matches("input[type=range], input[type=text], textarea, select, video") || target.isContentEditable)) return;
  if (document.getElementById("help").open && event.key !== "?") return;
  if (shown.views.some((view) => view.editing)) return; // what is not written yet would be lost on the way elsewhere
  if (event.key === " " && target instanceof HTMLElement && target.matches("button, a, input")) return;
  if (act(event.key)) event.preventDefault();
}

function act(key) {
  const view = shown.views.length === 1 ? shown.views[0] : null;
  if (key in PART_KEYS) choices.toggle(PART_KEYS[key]);
  else if (key === "?") showKeys();
  else if (key === "g" || (key === "Escape" && !document.fullscreenElement)) location.hash = "#/";
  else if (key === " ") for (const one of shown.views) one.pause();
  else if (key === "f") view ? view.fullScreen() : toggleFullScreen(main);
  else if (key === "s" && view) view.snapshot();
  else if (key === "r" && view) view.record();
  else if (/^[1-9]$/.test(key) && cameras?.[key - 1]) location.hash = `#/cameras/${cameras[key - 1].name}`;
  else if ((key === "ArrowRight" || key === "ArrowLeft") && view && cameras.length > 1) step(view, key === "ArrowRight" ? 1 : -1);
  else return false;
  return true;
}

function step(view, by) {
  const at = cameras.findIndex((one) => one.name === view.camera.name);
  location.hash = `#/cameras/${cameras[(at + by + cameras.length) % cameras.length].name}`;
}
