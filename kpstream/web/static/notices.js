// A notice for each event that opens, with its picture, wherever on the page one is.

import { button, make } from "./dom.js";
import { addressOf } from "./service.js";
import { texts } from "./texts.js";

const STAYS = 12_000; // ms
const MOST = 3;

export class Notices {
  element = make("div", { id: "notices", role: "log", "aria-live": "polite", "aria-label": texts.newEvents });

  show(event) {
    const link = make(
      "a",
      { href: `#/events/${event.event}` },
      event.snapshot ? this.#picture(event) : null,
      make("span", { className: "words" }, make("strong", {}, event.rule), make("span", {}, `${texts.severities[event.severity]}  ·  ${event.camera}`)),
    );
    const card = make("div", { className: `toast ${event.severity}` }, link, button("close", texts.close, () => card.remove()));
    link.addEventListener("click", () => card.remove());
    this.element.append(card);
    while (this.element.children.length > MOST) this.element.firstChild.remove();
    const leave = () => (card.matches(":hover, :focus-within") ? setTimeout(leave, STAYS / 4) : card.remove());
    setTimeout(leave, STAYS); // but from under nobody's pointer or keyboard
  }

  #picture(event) {
    const picture = make("img", { src: addressOf(`/api/events/${event.event}/snapshot.jpg`), alt: "", width: 96, height: 54 });
    picture.addEventListener("error", () => picture.remove());
    return picture;
  }
}
