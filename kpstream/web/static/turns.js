// When pictures are drawn: all that wait for it at once, so that the browser puts the page together less often.

class Turns {
  #waiting = new Map(); // when each may be drawn at the earliest, by what draws it
  #timer = 0;
  #frame = 0;
  #drawnAt = -Infinity;

  // Draws at a turn of the screen, so many milliseconds after the last drawing of anything. Once, however often it is asked.
  ask(draw, pause) {
    if (this.#waiting.has(draw)) return;
    this.#waiting.set(draw, this.#drawnAt + pause);
    this.#plan();
  }

  cancel(draw) {
    this.#waiting.delete(draw);
  }

  #plan() {
    if (this.#frame) return;
    clearTimeout(this.#timer);
    const wait = Math.min(...this.#waiting.values()) - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#request(), wait);
    else this.#request();
  }

  #request() {
    this.#frame = requestAnimationFrame(() => this.#drawAll());
  }

  #drawAll() {
    this.#frame = 0;
    this.#drawnAt = performance.now();
    for (const draw of [...this.#waiting.keys()]) if (this.#waiting.delete(draw)) draw(); // one may cancel another
  }
}

export const turns = new Turns();
