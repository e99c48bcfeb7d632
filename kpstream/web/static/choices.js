// What this viewer chose to see. It is kept in this browser and changes nothing elsewhere.

const KEY = "kpstream.choices";
export const PARTS = ["boxes", "keypoints", "edges", "labels", "ids"];
const usual = { boxes: true, keypoints: true, edges: true, labels: true, ids: true, zones: true, rules: true, server: false };

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

class Choices extends EventTarget {
  #values = { ...usual, ...stored() };

  get(name) {
    return this.#values[name] === true;
  }

  set(name, value) {
    this.#values[name] = value;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // a browser that keeps nothing: it holds until the page is closed
    }
    this.dispatchEvent(new Event("change"));
  }

  toggle(name) {
    this.set(name, !this.get(name));
  }
}

export const choices = new Choices();
