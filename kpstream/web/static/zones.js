// Zones and lines, drawn and moved on the live picture: with the mouse, with a finger, and with the keyboard.

import { busy, make, put } from "./dom.js";
import { writeShapes } from "./service.js";
import { texts } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.005; // of the picture, for an arrow key; with the shift key ten times that
const TAP = 6; // CSS pixels that a tap may move
const NAME = /^[A-Za-z0-9]([A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_.-])?$/;

const clip = (share) => Math.max(0, Math.min(1, share));

export class ZoneEditor {
  #view;
  #onClose;
  #shapes;
  #chosen = -1;
  #point = -1;
  #drawing = null; // {kind, points}: what is being drawn
  #drag = null;
  #resize = new ResizeObserver(() => this.#render());

  constructor(view, rules, onClose) {
    this.#view = view;
    this.#onClose = onClose;
    this.#shapes = [
      ...rules.zones.map((zone) => ({ kind: "zone", name: zone.name, points: zone.polygon.map((point) => [...point]) })),
      ...rules.lines.map((line) => ({ kind: "line", name: line.name, points: [[...line.from], [...line.to]] })),
    ];
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "editor");
    this.svg.setAttribute("role", "group");
    this.svg.setAttribute("tabindex", "-1");
    this.svg.setAttribute("aria-label", texts.editZones);
    this.svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.svg.addEventListener("pointermove", (event) => this.#move(event));
    this.svg.addEventListener("pointerup", (event) => this.#up(event));
    this.svg.addEventListener("pointercancel", () => (this.#drag = null));
    this.svg.addEventListener("dblclick", (event) => event.stopPropagation());
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    const act = (name, onclick) => make("button", { type: "button", "data-act": name, onclick }, texts.zoneActs[name]);
    this.name = make("input", { type: "text", name: "shape-name", maxLength: 64, "aria-label": texts.shapeName, oninput: () => this.#rename() });
    this.hint = make("p", { className: "hint", role: "status" });
    this.acts = {
      zone: act("zone", () => this.#begin("zone")),
      line: act("line", () => this.#begin("line")),
      finish: act("finish", () => this.#finish()),
      remove: act("remove", () => this.#removePoint()),
      save: act("save", () => this.#save()),
      cancel: act("cancel", () => this.close()),
    };
    this.acts.save.classList.add("main");
    this.tools = make("div", { className: "tools", role: "group", "aria-label": texts.editZones }, this.hint, this.name, ...Object.values(this.acts));
    this.tools.addEventListener("keydown", (event) => this.#key(event));
  }

  open() {
    this.#view.editing = true;
    this.#view.stage.append(this.svg);
    this.#view.stage.after(this.tools);
    this.#resize.observe(this.#view.stage);
    this.#render();
    this.acts.zone.focus({ preventScroll: true });
    this.#view.stage.scrollIntoView({ block: "nearest" });
  }

  close() {
    if (!this.svg.isConnected) return;
    this.#view.editing = false;
    this.#resize.disconnect();
    this.svg.remove();
    this.tools.remove();
    this.#onClose();
  }

  get #shape() {
    return this.#shapes[this.#chosen] ?? null;
  }

  // ---- what is drawn

  #begin(kind) {
    this.#drawing = { kind, points: [] };
    this.#drag = null; // of another finger, or of the mouse where the keyboard did this
    this.#chosen = this.#point = -1;
    this.#render();
  }

  #finish() {
    const { kind, points } = this.#drawing;
    if (points.length < (kind === "zone" ? 3 : 2)) return;
    this.#drawing = this.#drag = null;
    this.#shapes.push({ kind, name: this.#freeName(kind), points, isNew: true, changed: true });
    this.#chosen = this.#shapes.length - 1;
    this.#render();
    this.name.focus({ preventScroll: true });
    this.name.select();
  }

  #freeName(kind) {
    const taken = new Set(this.#shapes.filter((shape) => shape.kind === kind).map((shape) => shape.name));
    for (let number = 1; ; number++) if (!taken.has(`${kind} ${number}`)) return `${kind} ${number}`;
  }

  #rename() {
    if (this.#shape?.isNew) this.#shape.name = this.name.value.trim();
    this.#tell();
  }

  #removePoint() {
    const shape = this.#shape;
    this.#drag = null;
    if (this.#drawing?.points.length) this.#drawing.points.pop();
    else if (shape?.kind === "zone" && shape.points.length > 3 && this.#point >= 0) {
      shape.points.splice(this.#point, 1);
      shape.changed = true;
      this.#point = Math.min(this.#point, shape.points.length - 1);
    }
    this.#render();
  }

  // ---- pointers

  #at(event) {
    const box = this.svg.getBoundingClientRect();
    const place = this.#view.place();
    return [clip((event.clientX - box.left - place.x) / place.width), clip((event.clientY - box.top - place.y) / place.height)];
  }

  #down(event) {
    if (event.button > 0 || this.#drag !== null) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    const { part, shape, point } = event.target.dataset ?? {};
    this.#drag = { id: event.pointerId, part, at, from: [event.clientX, event.clientY], moved: false };
    if (this.#drawing) {
      this.#drag.part = "new";
      this.#drag.isSecond = this.#drawing.points.length > 0;
      if (this.#drawing.kind === "line" && !this.#drawing.points.length) this.#drawing.points = [at, at];
    } else if (part) {
      this.#chosen = Number(shape);
      this.#point = part === "corner" ? Number(point) : -1;
      if (part === "middle") {
        this.#shape.points.splice(Number(point) + 1, 0, at);
        this.#shape.changed = true;
        this.#point = Number(point) + 1;
        this.#drag.part = "corner";
      }
    } else this.#chosen = this.#point = -1;
    this.#render();
  }

  #move(event) {
    const drag = this.#drag;
    if (drag?.id !== event.pointerId) return;
    const at = this.#at(event);
    drag.moved ||= Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) > TAP;
    const shape = this.#shape;
    if (drag.part === "new") {
      if (this.#drawing.kind === "line" && drag.moved) this.#drawing.points[1] = at;
    } else if (!drag.moved || shape === null) return;
    else if (drag.part === "corner") {
      shape.points[this.#point] = at;
      shape.changed = true;
    } else if (drag.part === "body") this.#shift(shape, at[0] - drag.at[0], at[1] - drag.at[1]);
    drag.at = at;
    this.#render();
  }

  #up(event) {
    const drag = this.#drag;
    if (drag?.id !== event.pointerId) return;
    this.#drag = null;
    if (drag.part !== "new") return;
    const at = this.#at(event);
    const { kind, points } = this.#drawing;
    if (kind === "line") {
      if (drag.isSecond) points[1] = at; // two taps draw it as well as one stroke
      if (drag.moved || drag.isSecond) this.#finish();
    } else {
      const first = points[0];
      const place = this.#view.place();
      const closes = points.length > 2 && Math.hypot((at[0] - first[0]) * place.width, (at[1] - first[1]) * place.height) < 3 * TAP;
      if (closes) this.#finish();
      else points.push(at);
    }
    this.#render();
  }

  // The whole shape, as far as the picture reaches.
  #shift(shape, x, y) {
    const [xs, ys] = [shape.points.map((point) => point[0]), shape.points.map((point) => point[1])];
    const right = Math.max(-Math.min(...xs), Math.min(1 - Math.max(...xs), x));
    const down = Math.max(-Math.min(...ys), Math.min(1 - Math.max(...ys), y));
    shape.points = shape.points.map((point) => [point[0] + right, point[1] + down]);
    shape.changed = true;
  }

  // ---- the keyboard

  #key(event) {
    event.stopPropagation();
    if (event.key === "Escape") {
      if (this.#drawing) this.#drawing = this.#drag = null;
      else return this.close();
      return this.#render();
    }
    if (event.key === "Enter" && event.target === this.name) return this.acts.save.focus();
    const { part, shape, point } = event.target.dataset ?? {};
    if (!part) return;
    const step = STEP * (event.shiftKey ? 10 : 1);
    const [x, y] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    [this.#chosen, this.#point] = [Number(shape), part === "corner" ? Number(point) : -1];
    if (x || y) {
      if (part === "body") this.#shift(this.#shape, x, y);
      else {
        const [left, top] = this.#shape.points[this.#point];
        this.#shape.points[this.#point] = [clip(left + x), clip(top + y)];
        this.#shape.changed = true;
      }
    } else if (event.key === "Delete" || event.key === "Backspace") this.#removePoint();
    else if (event.key === "+" && part === "corner" && this.#shape.kind === "zone") {
      const following = this.#shape.points[(this.#point + 1) % this.#shape.points.length];
      const own = this.#shape.points[this.#point];
      this.#shape.points.splice(this.#point + 1, 0, [(own[0] + following[0]) / 2, (own[1] + following[1]) / 2]);
      this.#shape.changed = true;
    } else return;
    event.preventDefault();
    this.#render();
    this.#focus({ part, shape, point: this.#point }); // another one where a corner was removed
  }

  #focus({ part, shape, point }) {
    const own = part === "corner" ? `[data-point="${point}"]` : "";
    this.svg.querySelector(`[data-part=${part}][data-shape="${shape}"]${own}`)?.focus({ preventScroll: true });
  }

  // ---- showing

  #render() {
    const place = this.#view.place();
    const at = ([x, y]) => [place.x + x * place.width, place.y + y * place.height];
    const parts = [];
    const add = (tag, attributes) => {
      const element = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      parts.push(element);
      return element;
    };
    const outline = (points) => points.map((point) => at(point).map((value) => value.toFixed(1)).join(",")).join(" ");
    this.#shapes.forEach((shape, i) => {
      const chosen = i === this.#chosen;
      const body = { class: `${shape.kind}${chosen ? " chosen" : ""}`, points: outline(shape.points), "data-part": "body", "data-shape": i };
      if (shape.kind === "line") add("polyline", { ...body, class: "reach" });
      add(shape.kind === "zone" ? "polygon" : "polyline", { ...body, tabindex: 0, role: "button", "aria-label": texts.moveShape(shape.name) });
      const [x, y] = at(shape.points[0]);
      add("text", { x: x + 8, y: Math.max(14, y - 10), "aria-hidden": "true" }).textContent = shape.name;
      if (!chosen) return;
      if (shape.kind === "zone")
        shape.points.forEach((point, j) => {
          const next = shape.points[(j + 1) % shape.points.length];
          const [mx, my] = at([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2]);
          const data = { "data-part": "middle", "data-shape": i, "data-point": j };
          add("circle", { class: "middle", cx: mx, cy: my, r: 4.5, ...data });
          add("circle", { class: "reach", cx: mx, cy: my, r: 13, ...data });
        });
      shape.points.forEach((point, j) => {
        const [cx, cy] = at(point);
        const data = { "data-part": "corner", "data-shape": i, "data-point": j };
        add("circle", { class: j === this.#point ? "corner chosen" : "corner", cx, cy, r: 7, tabindex: 0, role: "button", "aria-label": texts.corner(j + 1, shape.name), ...data });
        add("circle", { class: "reach", cx, cy, r: 18, ...data });
      });
    });
    if (this.#drawing) {
      const { points } = this.#drawing;
      add("rect", { class: "reach", x: 0, y: 0, width: "100%", height: "100%" });
      if (points.length) add("polyline", { class: "drawing", points: outline(points) });
      for (const point of points) add("circle", { class: "corner", cx: at(point)[0], cy: at(point)[1], r: 7, "pointer-events": "none" });
    }
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset : null;
    this.svg.replaceChildren(...parts);
    if (focused) this.#focus(focused); // whoever uses the keyboard stays where they are when the picture changes its size
    this.svg.classList.toggle("draws", this.#drawing !== null);
    this.#tell();
  }

  #tell() {
    const shape = this.#shape;
    const { acts } = this;
    const drawing = this.#drawing;
    put(this.hint, drawing ? texts.drawHints[drawing.kind] : shape ? texts.drawHints.chosen : texts.drawHints.none);
    this.name.hidden = !shape?.isNew;
    if (shape?.isNew && this.name.value.trim() !== shape.name) this.name.value = shape.name;
    acts.zone.hidden = acts.line.hidden = drawing !== null;
    acts.finish.hidden = drawing?.kind !== "zone";
    acts.finish.disabled = !drawing || drawing.points.length < 3;
    acts.remove.hidden = !drawing && shape?.kind !== "zone";
    acts.remove.disabled = drawing ? !drawing.points.length : !(this.#point >= 0 && shape?.points.length > 3);
    const faulty = this.#shapes.find((one) => !NAME.test(one.name) || this.#shapes.some((other) => other !== one && other.kind === one.kind && other.name === one.name));
    this.name.setCustomValidity(faulty ? texts.badName : "");
    acts.save.disabled = drawing !== null || faulty !== undefined || !this.#shapes.some((one) => one.changed);
    this.#keepFocus();
  }

  // Whoever was at something that is hidden, disabled or gone now: their next key is for the drawing, not for the page.
  #keepFocus() {
    const at = document.activeElement;
    if (!at || at === document.body || at.hidden || at.disabled) this.svg.focus({ preventScroll: true });
  }

  // ---- writing

  async #save() {
    const rounded = (points) => points.map((point) => point.map((share) => Number(share.toFixed(4))));
    const changed = this.#shapes.filter((shape) => shape.changed);
    const zones = changed.filter((shape) => shape.kind === "zone").map(({ name, points }) => ({ name, polygon: rounded(points) }));
    const lines = changed.filter((shape) => shape.kind === "line").map(({ name, points }) => ({ name, from: rounded(points)[0], to: rounded(points)[1] }));
    const answer = await busy(this.acts.save, writeShapes(this.#view.camera.name, { zones, lines }));
    if (!answer.ok) return dispatchEvent(new CustomEvent("note", { detail: texts.failed(answer.why) }));
    if (answer.body.written) {
      dispatchEvent(new CustomEvent("note", { detail: texts.shapesWritten }));
      this.close();
    } else if (this.svg.isConnected) this.#showToml(answer.body.toml);
  }

  #showToml(toml) {
    const text = make("textarea", { readOnly: true, rows: Math.min(16, toml.split("\n").length), spellcheck: false, "aria-label": texts.tomlTitle }, toml);
    text.addEventListener("focus", () => text.select());
    const copy = async () => {
      text.select();
      try {
        await navigator.clipboard.writeText(toml);
      } catch {
        document.execCommand("copy"); // where the page is served by http
      }
      dispatchEvent(new CustomEvent("note", { detail: texts.copied }));
    };
    const dialog = make(
      "dialog",
      { className: "toml", "aria-label": texts.tomlTitle },
      make("h2", {}, texts.tomlTitle),
      make("p", {}, texts.tomlHint),
      text,
      make("p", { className: "ends" }, make("button", { type: "button", onclick: copy }, texts.copy), make("button", { type: "button", onclick: () => dialog.close() }, texts.close)),
    );
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}
