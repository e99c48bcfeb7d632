// One camera's WebSocket: pictures when they are wanted, status all the time, and back by itself after anything.

import { closeSocket, socketOf } from "./service.js";

const WANTED = 3; // pictures under way or not yet drawn
const SILENCE = 4000; // ms; status comes twice a second
const CONNECTS = [10_000, 4000, 8000, 12_000, 16_000]; // ms, by failures; a browser connects one tile after the other
const PAUSES = [300, 700, 1500, 2500];
const TOO_MANY = 1013;
const GONE = 4404;

export class Connection extends EventTarget {
  #name;
  #socket = null;
  #timer = 0;
  #failures = 0;
  #heardAt = 0;
  #underWay = 0;
  #undrawn = 0;
  #wants = true;
  #width = 0;
  #closed = false;
  #goneAt = null; // when it was told that the camera was taken off the page
  #watch = 0;
  #wake = () => this.#check(true);

  constructor(name) {
    super();
    this.#name = name;
  }

  get failures() {
    return this.#failures;
  }

  open() {
    this.#closed = false;
    this.#failures = 0;
    this.#watch = setInterval(() => this.#check(false), 1000);
    for (const event of ["online", "pageshow"]) addEventListener(event, this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  close() {
    this.#closed = true;
    clearInterval(this.#watch);
    clearTimeout(this.#timer);
    for (const event of ["online", "pageshow"]) removeEventListener(event, this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
  }

  // Whether pictures are wanted at all, and how wide; 0 is as wide as there are. Status comes in any case.
  want(wants, width) {
    this.#wants = wants;
    this.#width = width;
    this.#ask();
  }

  // A list of cameras that was asked for at a moment has this one, or nobody knows.
  stays(askedAt) {
    if (this.#goneAt !== null && this.#goneAt <= askedAt && !this.#closed) this.#connect();
  }

  // A picture that came was drawn, or left out.
  done() {
    this.#undrawn = Math.max(0, this.#undrawn - 1);
    this.#ask();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#goneAt = null;
    const socket = new WebSocket(socketOf(`/ws/cameras/${encodeURIComponent(this.#name)}`));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#underWay = this.#undrawn = 0;
    socket.onopen = () => {
      this.#heardAt = performance.now();
      this.dispatchEvent(new Event("open"));
      this.#ask();
    };
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#lost(event.code);
    };
  }

  #hear(data) {
    this.#heardAt = performance.now();
    this.#failures = 0;
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
      return;
    }
    this.#underWay = Math.max(0, this.#underWay - 1);
    this.#undrawn += 1;
    const length = new DataView(data).getUint32(0);
    const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    this.dispatchEvent(new CustomEvent("frame", { detail: { frame, picture: new Uint8Array(data, 4 + length) } }));
  }

  #ask() {
    // A tab that nobody sees draws nothing, and has no use for pictures.
    if (!this.#wants || document.visibilityState === "hidden") return;
    if (this.#socket === null || this.#socket.readyState !== WebSocket.OPEN) return;
    while (this.#underWay + this.#undrawn < WANTED) {
      this.#socket.send(this.#width ? `more ${this.#width}` : "more");
      this.#underWay += 1;
    }
  }

  #check(atOnce) {
    if (this.#closed || document.visibilityState === "hidden") return;
    if (this.#goneAt !== null) return;
    const connects = this.#socket?.readyState === WebSocket.CONNECTING;
    const longest = connects ? CONNECTS[Math.min(this.#failures, CONNECTS.length - 1)] : SILENCE;
    if (this.#socket === null) atOnce && this.#connect();
    else if (performance.now() - this.#heardAt > longest) this.#lost(0);
    else this.#ask();
  }

  #lost(code) {
    this.#drop();
    if (this.#closed) return;
    this.#failures += 1;
    if (code === GONE) this.#goneAt = performance.now(); // whether it is back, a later list of cameras tells
    this.dispatchEvent(new CustomEvent("lost", { detail: { full: code === TOO_MANY, gone: code === GONE } }));
    if (code === GONE) return;
    const pause = PAUSES[Math.min(this.#failures, PAUSES.length) - 1] * (0.8 + 0.4 * Math.random());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (this.#closed) closeSocket(socket);
    else socket.close(); // at once, while it connects too, or the next would wait
  }
}
