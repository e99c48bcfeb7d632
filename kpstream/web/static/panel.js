// What stands beside one large camera: figures, plots, what is drawn, and what can be changed.

import { choices, PARTS } from "./choices.js";
import { make, put } from "./dom.js";
import { Plots } from "./plots.js";
import { change } from "./service.js";
import { texts } from "./texts.js";

const number = (value, digits, unit) => (value === null || Number.isNaN(value) ? "–" : `${value.toFixed(digits)} ${unit}`.trim());
const ms = (value) => number(value === null ? null : value * 1000, 0, texts.milliseconds);

const FIGURES = {
  shown: (camera) => number(camera.stats.render_fps, 1, texts.perSecond),
  captured: (camera) => number(camera.stats.capture_fps, 1, texts.perSecond),
  asked: (camera) => number(camera.stats.sample_fps, 1, texts.perSecond),
  here: (_, view) => number(view.drawnRate, 1, texts.perSecond),
  pictureAge: (camera) => ms(camera.picture_age),
  answerAge: (camera) => number(camera.answer_age, 2, texts.seconds),
  latency: (camera) => number(camera.stats.latency, 2, texts.seconds),
  inFlight: (camera) => String(camera.stats.in_flight),
  spent: (camera) => String(camera.stats.requests),
  left: (camera) => (camera.stats.requests_left === null ? "–" : String(camera.stats.requests_left)),
  lost: (camera) => String(camera.stats.lost),
  late: (camera) => String(camera.stats.stale),
  dropped: (camera) => String(camera.stats.dropped),
  reconnects: (camera) => String(camera.stats.reconnects),
  poses: (camera) => String(camera.poses_in_view),
  viewers: (camera) => String(camera.viewers),
};

const SETTINGS = [
  ["rate", 0.5, 30, 0.5],
  ["confidence", 0, 1, 0.01],
  ["keypoint_confidence", 0, 1, 0.01],
];

export class Panel {
  #view;
  #plots = new Plots();
  #values = new Map();
  #sliders = new Map();
  #switches = new Map();
  #update = () => this.#show();
  #choose = () => this.#showChoices();

  constructor(view) {
    this.#view = view;
    this.controls = this.#makeControls();
    this.element = make(
      "aside",
      { className: "panel" },
      block(texts.figures, this.#makeFigures()),
      block(texts.plots, this.#plots.element),
      block(texts.drawing, this.#makeSwitches(), make("p", { className: "hint" }, texts.onlyHere)),
      this.controls,
    );
  }

  start() {
    this.#view.addEventListener("change", this.#update);
    choices.addEventListener("change", this.#choose);
    this.#showChoices();
    this.#show();
  }

  stop() {
    this.#view.removeEventListener("change", this.#update);
    choices.removeEventListener("change", this.#choose);
    this.#plots.stop();
  }

  #makeFigures() {
    const list = make("dl", { className: "figures" });
    for (const name of Object.keys(FIGURES)) {
      const value = make("dd", { "data-figure": name }, "–");
      this.#values.set(name, value);
      list.append(make("div", {}, make("dt", {}, texts.figureNames[name]), value));
    }
    return list;
  }

  #makeSwitches() {
    const made = [...PARTS, "server"].map((name) => {
      const box = make("input", { type: "checkbox", name: `draw-${name}`, onchange: () => choices.set(name, box.checked) });
      this.#switches.set(name, box);
      const label = name === "server" ? texts.serverDrawn : texts.parts[name];
      return make("label", { className: "switch", title: name === "server" ? texts.serverDrawnHint : "" }, box, make("span", {}, label));
    });
    return make("div", { className: "switches" }, ...made);
  }

  #makeControls() {
    const rows = SETTINGS.map(([name, min, max, step]) => {
      const shown = make("output", {});
      const slider = make("input", { type: "range", name, min, max, step, "aria-label": texts.settingNames[name] });
      slider.addEventListener("input", () => {
        slider.dataset.held = "yes";
        put(shown, slider.value);
      });
      slider.addEventListener("change", () => this.#apply(name, slider));
      this.#sliders.set(name, { slider, shown });
      return make("label", { className: "setting" }, make("span", {}, texts.settingNames[name]), shown, slider);
    });
    const made = block(texts.settings, ...rows, make("p", { className: "hint" }, texts.forEverybody));
    made.hidden = true;
    return made;
  }

  // One change after the other: what is chosen meanwhile is sent behind it, and is not taken back by its answer.
  async #apply(name, slider) {
    if (slider.dataset.sent) return;
    let answer;
    do {
      slider.dataset.sent = slider.value;
      answer = await change(this.#view.camera.name, { [name]: Number(slider.value) });
    } while (answer.ok && slider.value !== slider.dataset.sent);
    delete slider.dataset.sent;
    delete slider.dataset.held;
    if (answer.ok) this.#view.showChanged(answer.body);
    else {
      dispatchEvent(new CustomEvent("note", { detail: texts.failed(answer.why) }));
      this.#show();
    }
  }

  #show() {
    const { camera, readings } = this.#view;
    for (const [name, read] of Object.entries(FIGURES)) put(this.#values.get(name), read(camera, this.#view));
    this.#plots.draw(readings);
    this.controls.hidden = camera.settings === null;
    if (camera.settings === null) return;
    for (const [name, { slider, shown }] of this.#sliders) {
      if (slider.dataset.held) continue;
      const value = camera.settings[name] ?? Number(slider.max); // without a limit
      if (Number(slider.max) < value) slider.max = value;
      slider.value = value;
      put(shown, camera.settings[name] === null ? "–" : String(Number(value.toFixed(2))));
    }
  }

  #showChoices() {
    for (const [name, box] of this.#switches) {
      box.checked = choices.get(name);
      if (name !== "server") box.disabled = choices.get("server");
    }
  }
}

function block(title, ...children) {
  return make("section", { className: "block" }, make("h2", {}, title), ...children);
}
