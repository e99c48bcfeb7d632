// Small plots of the last minutes.

import { make, put } from "./dom.js";
import { texts } from "./texts.js";

const POINTS = 300;
const HEIGHT = 60;

// A reading is [shown, captured, asked, picture age, answer age, latency, in flight].
const PLOTS = [
  ["rates", [["captured", 1], ["shown", 0]]],
  ["ages", [["latency", 5], ["answerAge", 4], ["pictureAge", 3]]],
  ["requests", [["inFlight", 6], ["asked", 2]]],
];

export class Plots {
  #plots;
  #readings = [];
  #resize = new ResizeObserver(() => this.draw(this.#readings));
  #scheme = matchMedia("(prefers-color-scheme: dark)");
  #redraw = () => this.draw(this.#readings);

  constructor() {
    this.#plots = PLOTS.map(([name, series]) => new Plot(texts.plotNames[name], series));
    this.element = make("div", { className: "plots" }, ...this.#plots.map((plot) => plot.element));
    this.#resize.observe(this.element);
    this.#scheme.addEventListener("change", this.#redraw);
  }

  stop() {
    this.#resize.disconnect();
    this.#scheme.removeEventListener("change", this.#redraw);
  }

  draw(readings) {
    this.#readings = readings;
    for (const plot of this.#plots) plot.draw(readings);
  }
}

class Plot {
  constructor(name, series) {
    this.series = series;
    this.canvas = make("canvas", { role: "img", "aria-label": texts.plotLabel(name) });
    this.top = make("span", { className: "top" });
    this.keys = series.map(([key], i) =>
      make("span", { className: `key series${i}` }, make("i", {}), `${texts.series[key]} `, make("b", {})),
    );
    this.element = make(
      "figure",
      { className: "plot" },
      make("figcaption", {}, make("span", {}, name), this.top),
      this.canvas,
      make("div", { className: "ends", "aria-hidden": "true" }, make("span", {}, texts.minutesAgo), make("span", {}, texts.now)),
      make("div", { className: "legend" }, ...this.keys),
    );
  }

  draw(readings) {
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    if (!width) return;
    if (this.canvas.width !== Math.round(width * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = HEIGHT * ratio;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    const values = readings.flatMap((reading) => this.series.map(([, at]) => reading[at])).filter((value) => value !== null);
    const top = roundUp(Math.max(0, ...values));
    put(this.top, values.length ? String(top) : "");
    const style = getComputedStyle(this.element);
    this.#grid(context, width, style.getPropertyValue("--line"));
    this.series.forEach(([, at], i) => {
      const newest = readings.at(-1)?.[at] ?? null;
      put(this.keys[i].querySelector("b"), newest === null ? "–" : newest < 10 ? newest.toFixed(at > 2 && at < 6 ? 2 : 1) : newest.toFixed(0));
      context.strokeStyle = style.getPropertyValue(`--series${i}`);
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      context.beginPath();
      let drawing = false;
      readings.forEach((reading, place) => {
        if (reading[at] === null) {
          drawing = false;
          return;
        }
        const x = width - ((readings.length - 1 - place) * width) / (POINTS - 1);
        const y = HEIGHT - 1 - (Math.max(0, reading[at]) / top) * (HEIGHT - 4);
        if (drawing) context.lineTo(x, y);
        else context.moveTo(x, y);
        drawing = true;
      });
      context.stroke();
    });
  }

  #grid(context, width, color) {
    context.strokeStyle = color;
    context.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(2 + share * (HEIGHT - 4)) + 0.5;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
    }
  }
}

function roundUp(value) {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => Number((step * unit).toPrecision(3))).find((step) => step >= value * 1.02) ?? 10 * unit;
}
