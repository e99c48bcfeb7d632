// Videos and snapshots, with players.

import { icon, make, put } from "./dom.js";
import { addressOf, read } from "./service.js";
import { texts } from "./texts.js";

export class RecordingsView {
  #told = "";
  #timer = 0;
  #chosen = "";

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
    const told = JSON.stringify(answer.body.recordings);
    if (told === this.#told) return;
    this.#told = told;
    if (!answer.body.recordings.length) {
      this.list.replaceChildren(make("li", { className: "empty" }, texts.noRecordings));
      return;
    }
    this.list.replaceChildren(...answer.body.recordings.map((file) => this.#row(file)));
  }

  #row(file) {
    const when = new Date(file.changed).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const row = make(
      "button",
      { type: "button", className: "file", onclick: () => this.#play(file) },
      icon(file.kind === "video" ? "play" : "snapshot"),
      make("span", { className: "name" }, file.name),
      make("span", { className: "about" }, `${texts.kinds[file.kind]}  ·  ${when}  ·  ${texts.bytes(file.bytes)}`),
    );
    row.setAttribute("aria-pressed", String(file.name === this.#chosen));
    return make("li", { "data-file": file.name }, row);
  }

  #play(file) {
    this.#chosen = file.name;
    for (const row of this.list.children) row.firstChild.setAttribute?.("aria-pressed", String(row.dataset.file === file.name));
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
