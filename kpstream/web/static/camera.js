// One camera: its picture, its poses over it, and its state in words.

import { choices } from "./choices.js";
import { Connection } from "./connection.js";
import { decoded } from "./decoding.js";
import { drawPoses, prepared } from "./drawing.js";
import { drawReadings, drawShapes } from "./rule_drawing.js";
import { busy, button, make, put, relabel, toggleFullScreen } from "./dom.js";
import { addressOf, change, keepSnapshot, read } from "./service.js";
import { texts } from "./texts.js";
import { turns } from "./turns.js";

const GIVE_UP = 4; // attempts without a WebSocket after which the server's drawing is shown meanwhile
const POLL = 1000; // ms
const STILL = 1000; // ms between two pictures that the server draws for a tile
const STEP = 32; // pictures come in multiples of this width
const SHARP = 2; // more pixels of the screen than this for one of the page are not told apart in a grid
const AROUND = "25% 0px"; // of the window, beyond which a tile is not connected: a browser has sockets for few hundreds
const QUEUE = 2; // pictures that came between two turns: each is shown, one a turn
const PAUSE = 66; // ms between two turns of a grid, or two thirds of what lies between two pictures where that is less

export class CameraView extends EventTarget {
  camera;
  element;
  readings = [];
  paused = false;
  rules = null; // of the camera, where it has any
  editing = false;
  drawnRate = NaN;
  #connection;
  #classes = new Map();
  #queue = [];
  #sequence = 0; // of the newest picture that came
  #newest = 0; // of those that were drawn
  #drawn = null;
  #stopped = false;
  #offline = false;
  #fallback = false;
  #poll = 0;
  #still = 0;
  #ticks = [];
  #large;
  #inView = true;
  #near = false; // in view, or so little beyond it that it soon may be
  #extent = [0, 0]; // of the stage, in CSS pixels
  #status = null; // came, and is not shown yet
  #changed = false; // something, so that the next status may still tell of before
  #draw = () => this.#drawNext();
  #tell = () => this.#showStatus();
  #resize = new ResizeObserver(() => this.#measureStage());
  #scroll = new IntersectionObserver((entries) => this.#setInView(entries[entries.length - 1].isIntersecting));
  #approach = new IntersectionObserver((entries) => this.#setNear(entries[entries.length - 1].isIntersecting), { rootMargin: AROUND });
  #choose = () => this.#showChoices();

  constructor(camera, { large }) {
    super();
    this.camera = camera;
    this.#large = large;
    this.picture = make("canvas", { className: "picture", role: "img", "aria-label": texts.pictureOf(camera.title) });
    this.overlay = make("canvas", { className: "overlay", "aria-hidden": "true" });
    this.server = make("img", { className: "server", alt: texts.pictureOf(camera.title), hidden: true });
    this.server.addEventListener("error", () => setTimeout(() => this.#stopped || this.#showServer(this.#usesServer), 1500));
    this.server.addEventListener("load", () => this.#planStill());
    this.veil = make("p", { className: "veil" });
    this.trouble = make("p", { className: "trouble" });
    this.badges = make("div", { className: "badges" });
    this.stage = make("div", { className: "stage" }, this.picture, this.overlay, this.server, this.veil, this.badges, this.trouble);
    this.word = make("span", { className: "word" });
    this.rate = make("span", {});
    this.age = make("span", { className: "old" });
    this.figures = make("span", { className: "brief" }, this.rate, this.age);
    this.pauseButton = button("pause", texts.pause, () => this.pause(), { "data-act": "pause" });
    this.recordButton = button("record", texts.record, () => this.record(), { "data-act": "record" });
    this.snapshotButton = button("snapshot", texts.snapshot, () => this.snapshot(), { "data-act": "snapshot" });
    const name = large
      ? make("h1", {}, camera.title)
      : make("h2", {}, make("a", { href: `#/cameras/${camera.name}`, title: camera.title }, camera.title));
    this.element = make(
      "section",
      { className: large ? "camera large" : "camera", "data-name": camera.name },
      this.stage,
      make(
        "div",
        { className: "bar" },
        make("div", { className: "names" }, name, make("p", {}, this.word, this.figures)),
        make(
          "div",
          { className: "acts" },
          this.pauseButton,
          this.snapshotButton,
          this.recordButton,
          button("full", texts.fullScreen, () => this.fullScreen(), { "data-act": "full" }),
        ),
      ),
    );
    if (!large) this.stage.addEventListener("click", () => (location.hash = `#/cameras/${camera.name}`));
    else this.stage.addEventListener("dblclick", () => this.fullScreen());
    this.#connection = new Connection(camera.name);
    this.#listen();
    this.show(camera);
  }

  start() {
    choices.addEventListener("change", this.#choose);
    this.#resize.observe(this.stage);
    this.#scroll.observe(this.stage);
    this.#measureStage();
    if (this.#large) this.#setNear(true);
    else this.#approach.observe(this.stage);
    this.#showChoices();
  }

  stop() {
    choices.removeEventListener("change", this.#choose);
    this.#resize.disconnect();
    this.#scroll.disconnect();
    this.#approach.disconnect();
    this.#connection.close();
    clearInterval(this.#poll);
    clearTimeout(this.#still);
    turns.cancel(this.#draw);
    turns.cancel(this.#tell);
    this.server.removeAttribute("src");
    this.#stopped = true; // a picture that is decoded only now is for nobody
    for (const { image } of this.#queue.splice(0)) image.close();
  }

  // The picture of this viewer alone stands still; the camera and its recording go on.
  pause(paused = !this.paused) {
    this.paused = paused;
    if (paused) this.#freezeServer();
    else this.#showServer(!this.server.hidden);
    this.#ask();
    if (paused) this.#ticks = [];
    this.show();
  }

  async record() {
    if (this.camera.recording === null) return;
    const wanted = !this.camera.recording;
    const answer = await busy(this.recordButton, change(this.camera.name, { recording: wanted }));
    if (answer.ok) {
      this.#note(wanted ? texts.recordingOn : texts.recordingOff);
      this.showChanged(answer.body);
    } else this.#note(texts.failed(answer.why));
  }

  async snapshot() {
    const answer = await keepSnapshot(this.camera.name);
    if (answer.ok) this.#note(texts.saved(answer.body.name));
    else if (answer.status === 409) {
      make("a", { href: addressOf(`/cameras/${this.camera.name}/snapshot.jpg`), download: `${this.camera.name}.jpg` }).click();
      this.#note(texts.downloaded);
    } else this.#note(texts.failed(answer.why));
  }

  fullScreen() {
    toggleFullScreen(this.element);
  }

  show(camera = this.camera) {
    this.camera = camera;
    const word = this.#offline ? "lost" : camera.state;
    this.element.dataset.state = word;
    put(this.word, texts.states[word]);
    const { render_fps: rate } = camera.stats;
    put(this.rate, word === "live" && rate !== null ? texts.rate(rate) : "");
    put(this.age, word === "live" && camera.picture_age !== null ? `  ·  ${texts.old(camera.picture_age)}` : "");
    put(this.veil, this.#offline ? texts.lost : word === "live" ? "" : camera.text);
    put(this.trouble, this.#offline ? "" : [camera.picture_trouble, camera.endpoint_trouble, camera.machine_trouble, camera.recording_trouble].filter(Boolean).join("  ·  "));
    this.element.classList.toggle("dimmed", word !== "live");
    const badges = [
      this.paused && ["paused", texts.paused],
      camera.recording && !this.#offline && ["rec", texts.recording],
      camera.stale && word === "live" && ["stale", texts.stale],
      this.#fallback && ["fallback", texts.fallback],
    ].filter(Boolean);
    const kinds = badges.map(([kind]) => kind).join();
    if (this.badges.dataset.kinds !== kinds) {
      this.badges.dataset.kinds = kinds;
      this.badges.replaceChildren(...badges.map(([kind, text]) => make("span", { className: `badge ${kind}` }, text)));
    }
    relabel(this.pauseButton, this.paused ? "play" : "pause", this.paused ? texts.resume : texts.pause);
    this.recordButton.hidden = camera.recording === null;
    relabel(this.recordButton, camera.recording ? "stop" : "record", camera.recording ? texts.stopRecording : texts.record);
    this.recordButton.classList.toggle("on", camera.recording === true);
    this.dispatchEvent(new Event("change"));
  }

  // As the list of cameras has it, which was asked for at a moment: news of one that is not connected. Where there was no
  // answer, as it was.
  showListed(camera, askedAt) {
    this.#connection.stays(askedAt);
    if (!this.#near) this.show(camera);
  }

  // As it is since a change: a status that was on its way meanwhile is older.
  showChanged(camera) {
    this.#changed = true;
    this.#status = null;
    this.show(camera);
  }

  get #usesServer() {
    return choices.get("server") || this.#fallback;
  }

  #listen() {
    const connection = this.#connection;
    connection.addEventListener("class", (event) => this.#classes.set(event.detail.number, prepared(event.detail)));
    connection.addEventListener("frame", (event) => this.#take(event.detail));
    connection.addEventListener("status", (event) => {
      this.#setOffline(false);
      this.readings = [...this.readings, ...event.detail.readings].slice(-300);
      if (!this.#changed) this.#status = event.detail.camera;
      this.#changed = false;
      turns.ask(this.#tell, this.#pause);
    });
    connection.addEventListener("open", () => {
      this.#classes.clear();
      this.readings = [];
    });
    connection.addEventListener("lost", (event) => {
      if (event.detail.gone) dispatchEvent(new Event("cameras"));
      if (connection.failures < 2) return; // a short break is not worth a word
      this.#setOffline(true, event.detail.full);
      if (this.#fallback) return; // what is shown comes another way
      put(this.veil, event.detail.full ? texts.full : texts.lost);
      this.dispatchEvent(new Event("lost"));
    });
  }

  #showStatus() {
    this.#measure();
    this.show(this.#status ?? this.camera);
    this.#ask();
  }

  #setOffline(offline, full = false) {
    if (full && this.#fallback) this.#setFallback(false); // a server that is full draws for nobody more, either
    if (offline && !full && !this.#fallback && this.#connection.failures >= GIVE_UP) this.#tryFallback();
    if (!offline && this.#fallback) this.#setFallback(false);
    const changed = this.#offline !== (offline && !this.#fallback);
    this.#offline = offline && !this.#fallback;
    if (changed) this.show();
  }

  // Where pages come through and WebSockets do not, the server's drawing is shown, and its state asked for.
  async #tryFallback() {
    const answer = await read(`/api/cameras/${this.camera.name}`);
    if (answer.ok && !this.#stopped && this.#near && this.#connection.failures >= GIVE_UP) this.#setFallback(true);
  }

  #setFallback(fallback) {
    this.#fallback = fallback;
    clearInterval(this.#poll);
    if (fallback) {
      this.#offline = false;
      this.#poll = setInterval(async () => {
        const answer = await read(`/api/cameras/${this.camera.name}`);
        if (!this.#fallback) return;
        if (answer.ok) this.show(answer.body);
        else put(this.veil, texts.lost);
      }, POLL);
    }
    this.#showChoices();
    this.show();
  }

  async #take({ frame, picture }) {
    const sequence = ++this.#sequence;
    try {
      const image = await decoded(picture);
      if (this.#stopped || sequence < this.#newest) {
        image.close();
        return this.#connection.done();
      }
      this.#queue.push({ frame, image, sequence });
      this.#queue.sort((a, b) => a.sequence - b.sequence); // decoding may end in another order
      while (this.#queue.length > QUEUE) {
        this.#queue.shift().image.close();
        this.#connection.done();
      }
      turns.ask(this.#draw, this.#pause);
    } catch {
      this.#connection.done(); // a broken picture is left out
    }
  }

  #drawNext() {
    const { frame, image, sequence } = this.#queue.shift();
    this.#newest = sequence;
    if (this.#queue.length) turns.ask(this.#draw, this.#pause);
    if (!this.paused && !this.#usesServer) {
      const [width, height] = [image.displayWidth ?? image.width, image.displayHeight ?? image.height];
      if (this.picture.width !== width || this.picture.height !== height) {
        this.picture.width = width;
        this.picture.height = height;
      }
      this.picture.getContext("2d", { alpha: false }).drawImage(image, 0, 0);
      this.#drawn = frame;
      this.#drawOverlay();
      this.element.dataset.index = frame.index;
      this.#ticks.push(performance.now());
    }
    image.close();
    this.#connection.done();
  }

  // Tiles are drawn together, and none is late by more than two thirds of the time between two pictures of the fastest.
  get #pause() {
    return this.#large ? 0 : Math.min(PAUSE, 667 / (this.camera.stats.render_fps ?? Infinity));
  }

  // How wide pictures are to come; 0 is as wide as there are.
  get #width() {
    const width = this.place().width * Math.min(devicePixelRatio || 1, SHARP);
    return this.#large ? 0 : Math.max(1, Math.ceil(width / STEP)) * STEP;
  }

  // Pictures are asked for only while they can be seen.
  #ask() {
    this.#connection.want(this.#inView && !this.paused && !this.#usesServer, this.#width);
  }

  #setInView(inView) {
    this.#inView = inView;
    this.#ask();
    this.#showNextStill();
  }

  #setNear(near) {
    if (near === this.#near) return;
    this.#near = near;
    if (near) this.#connection.open();
    else {
      this.#connection.close();
      this.#setOffline(false);
    }
  }

  #measureStage() {
    this.#extent = [this.stage.clientWidth, this.stage.clientHeight];
    this.#ask();
    this.#drawOverlay();
  }

  #drawOverlay() {
    const { overlay } = this;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    const [width, height] = this.#extent.map((side) => Math.round(side * ratio));
    if (overlay.width !== width || overlay.height !== height) {
      overlay.width = width;
      overlay.height = height;
    }
    const context = overlay.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (this.#drawn === null || this.#usesServer) return;
    const size = this.#drawn.size;
    const scale = Math.min(width / size[0], height / size[1]);
    const place = { x: (width - size[0] * scale) / 2, y: (height - size[1] * scale) / 2, scale, ratio };
    const { rules } = this;
    if (rules && choices.get("zones") && !this.editing) drawShapes(context, rules, this.#drawn.readings, place, size);
    drawPoses(context, this.#drawn, this.#classes, place, (part) => choices.get(part));
    if (rules && choices.get("rules") && !this.editing) drawReadings(context, this.#drawn, rules, place);
  }

  // The frame that is shown, with what rules see on it; null before the first.
  get frame() {
    return this.#drawn;
  }

  showRules(rules) {
    this.rules = rules;
    this.#drawOverlay();
  }

  // Where the picture lies on the stage, in CSS pixels.
  place() {
    const [wide, tall] = this.#extent;
    const [width, height] = this.#drawn?.size ?? this.camera.size ?? [16, 9];
    const scale = Math.min(wide / width, tall / height);
    return { x: (wide - width * scale) / 2, y: (tall - height * scale) / 2, width: width * scale, height: height * scale };
  }

  #showChoices() {
    const server = this.#usesServer;
    if (server === this.server.hidden) this.#showServer(server);
    this.picture.hidden = this.overlay.hidden = server;
    this.#ask();
    this.#drawOverlay();
  }

  #showServer(shown) {
    this.server.hidden = !shown;
    // A browser has six connections to a server: endless streams of more tiles would leave none for anything else.
    const kind = this.#large ? "stream.mjpg" : "snapshot.jpg";
    if (shown && !this.#large && this.camera.state === "waiting") return this.#planStill(); // there is none yet
    if (shown && !this.paused) this.server.src = addressOf(`/cameras/${this.camera.name}/${kind}?at=${Date.now()}`);
    else if (!shown) this.server.removeAttribute("src");
  }

  #planStill() {
    clearTimeout(this.#still);
    if (!this.#large) this.#still = setTimeout(() => this.#showNextStill(), STILL);
  }

  #showNextStill() {
    if (!this.#large && this.#inView && !this.#stopped && !this.paused && this.#usesServer) this.#showServer(true);
  }

  #freezeServer() {
    if (!this.server.hidden) this.server.src = addressOf(`/cameras/${this.camera.name}/snapshot.jpg?at=${Date.now()}`);
  }

  #measure() {
    const since = performance.now() - 3000;
    this.#ticks = this.#ticks.filter((at) => at > since);
    const [first, last] = [this.#ticks[0], this.#ticks[this.#ticks.length - 1]];
    this.drawnRate = this.#ticks.length > 1 ? ((this.#ticks.length - 1) * 1000) / (last - first) : NaN;
  }

  #note(text) {
    dispatchEvent(new CustomEvent("note", { detail: text }));
  }
}

