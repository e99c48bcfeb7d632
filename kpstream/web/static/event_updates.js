// What becomes of events, as the server tells it: each change once, also after a break.

import { addressOf, read } from "./service.js";

const RETRY = 3000; // ms
const COUNT_AFTER = 300;

export class EventUpdates extends EventTarget {
  unseen = 0;
  #source = null;
  #timer = 0;
  #counting = 0;
  #asked = 0;
  #counted = 0; // the last of what was asked that has been answered
  #seen = new Map(); // by identity, of the events that this page knows
  #newest = "";
  #visible = () => (document.visibilityState === "visible" ? this.#open() : this.#close());

  // A browser gives one site six connections that last, in all its tabs together: one that nobody sees gives its own back.
  start() {
    document.addEventListener("visibilitychange", this.#visible);
    this.#visible();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#visible);
    this.#close();
  }

  #open() {
    clearTimeout(this.#timer);
    if (this.#source !== null) return;
    const source = new EventSource(addressOf("/api/events/stream"));
    this.#source = source;
    source.onopen = () => this.#begin();
    source.onmessage = (message) => this.#take(JSON.parse(message.data));
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return; // it comes back by itself
      this.#close();
      this.#timer = setTimeout(() => this.#visible(), RETRY);
    };
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#counting);
    this.#source?.close();
    this.#source = null;
  }

  async #begin() {
    const events = await this.#count(50);
    if (events === null) return;
    for (const event of events) this.#know(event);
    this.dispatchEvent(new Event("begin"));
  }

  #take(event) {
    const before = this.#seen.get(event.event);
    if (this.#know(event)) this.dispatchEvent(new CustomEvent("opened", { detail: event }));
    this.dispatchEvent(new CustomEvent("change", { detail: event }));
    if (before === event.seen) return;
    clearTimeout(this.#counting);
    this.#counting = setTimeout(() => this.#count(1), COUNT_AFTER);
  }

  // Whether it is news: what somebody says of an old event is a change, and none.
  #know(event) {
    const opened = event.opened_at ?? "";
    const isNew = !this.#seen.has(event.event) && (event.state === "opened" || opened > this.#newest);
    this.#seen.set(event.event, event.seen);
    if (opened > this.#newest) this.#newest = opened;
    return isNew;
  }

  // Tells how many nobody has seen, and returns the newest events, or null.
  async #count(limit) {
    const turn = ++this.#asked;
    const answer = await read(`/api/events?limit=${limit}`);
    if (!answer.ok) return null;
    if (turn > this.#counted) {
      this.#counted = turn;
      this.unseen = answer.body.unseen;
      this.dispatchEvent(new Event("count"));
    }
    return answer.body.events;
  }
}
