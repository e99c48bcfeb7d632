// Videos and snapshots, with players.

import { arrange, icon, make, put } from "./dom.js";
import { addressOf, read } from "./service.js";
import { texts } from "./texts.js";

export class RecordingsView {
  #rows = new Map(); // by name: {element, button, about}
  #timer = 0;

  constructor() {
    this.list = make("ul", { className: "files" });
    this.player = make("div", { className: "player" }, make("p", { className: "empty" }, texts.pickRecording));
    this.element = make("section", { className: "recordings" }, this.list, this.player);
  }

  start() {
    this.refresh();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.refresh(), 5000);
  }

  stop() {
    clearInterval(this.#timer);
    this.player.replaceChildren();
  }

  async refresh() {
    const answer = await read("/api/recordings");
    if (!answer.ok) return;
    const files = answer.body.recordings;
    this.#rows = new Map(files.map((file) => [file.name, this.#rows.get(file.name) ?? this.#makeRow(file)]));
    for (const file of files) this.#fillRow(file);
    if (files.length) arrange(this.list, [...this.#rows.values()].map((row) => row.element));
    else this.list.replaceChildren(make("li", { className: "empty" }, texts.noRecordings));
  }

  #makeRow(file) {
    const about = make("span", { className: "about" });
    const button = make(
      "button",
      { type: "button", className: "file", onclick: () => this.#play(file) },
      icon(file.kind === "video" ? "play" : "snapshot"),
      make("span", { className: "name" }, file.name),
      about,
    );
    button.setAttribute("aria-pressed", "false");
    return { element: make("li", { "data-file": file.name }, button), button, about };
  }

  #fillRow(file) {
    const when = new Date(file.changed).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    put(this.#rows.get(file.name).about, `${texts.kinds[file.kind]}  ·  ${when}  ·  ${texts.bytes(file.bytes)}`);
  }

  #play(file) {
    for (const [name, { button }] of this.#rows) button.setAttribute("aria-pressed", String(name === file.name));
    const why = make("p", { className: "hint", role: "status" });
    const shown =
      file.kind === "video"
        ? make("video", { src: addressOf(file.url), controls: true, autoplay: true, playsInline: true, muted: true, onerror: () => put(why, texts.cannotPlay) })
        : make("img", { src: addressOf(file.url), alt: file.name });
    this.player.replaceChildren(
      shown,
      make("p", { className: "caption" }, make("span", {}, file.name), make("a", { href: addressOf(file.url), download: file.name.split("/").at(-1) }, texts.download)),
      why,
    );
    if (matchMedia("(max-width: 800px)").matches) this.player.scrollIntoView({ block: "nearest" });
  }
}
