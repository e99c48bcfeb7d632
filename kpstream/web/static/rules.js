// The rules of one camera: what each sees right now, what of it is armed, and the way to its zones and lines.

import { choices } from "./choices.js";
import { busy, make, put } from "./dom.js";
import { comparison, stateOf, wordsOf } from "./rule_drawing.js";
import { arm, read } from "./service.js";
import { texts } from "./texts.js";
import { ZoneEditor } from "./zones.js";

const REFRESH = 4000; // ms
const SHOW = 250;
const SHOWN = ["zones", "rules"];

export class RulesPanel {
  #view;
  #timer = 0;
  #showTimer = 0;
  #rows = new Map();
  #listed = "";
  #changing = 0; // changes under way
  #changes = 0; // changes that were answered, of zones and lines, too
  #editor = null;
  #choose = () => this.#showChoices();

  constructor(view) {
    this.#view = view;
    this.camera = make("input", { type: "checkbox", name: "armed", onchange: () => this.#arm({ armed: this.camera.checked }, this.camera) });
    this.list = make("ul", { className: "rules" });
    this.boxes = SHOWN.map((name) => {
      const box = make("input", { type: "checkbox", name: `draw-${name}`, onchange: () => choices.set(name, box.checked) });
      return box;
    });
    this.switches = make("div", { className: "switches" }, ...this.boxes.map((box, i) => make("label", { className: "switch" }, box, make("span", {}, texts.shown[SHOWN[i]]))));
    this.edit = make("button", { type: "button", className: "wide", "data-act": "zones", onclick: () => this.#edit() }, texts.editZones);
    this.hint = make("p", { className: "hint" });
    this.element = make(
      "section",
      { className: "block", hidden: true },
      make("h2", {}, texts.rules),
      make("label", { className: "switch whole" }, this.camera, make("span", {}, texts.armed)),
      this.list,
      this.hint,
      this.switches,
      this.edit,
    );
  }

  start() {
    choices.addEventListener("change", this.#choose);
    this.#showChoices();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.refresh(), REFRESH);
    this.refresh();
    this.#showTimer = setInterval(() => document.visibilityState === "visible" && this.#showReadings(), SHOW);
  }

  stop() {
    choices.removeEventListener("change", this.#choose);
    clearInterval(this.#timer);
    clearInterval(this.#showTimer);
    this.#timer = 0;
    this.#editor?.close();
  }

  async refresh() {
    if (!this.#timer) return; // it was stopped
    const changes = this.#changes;
    const answer = await read(`/api/cameras/${this.#view.camera.name}/rules`);
    const isNew = !this.#changing && changes === this.#changes; // else it may tell of before a change
    if (answer.ok && isNew) this.#show(answer.body);
  }

  #show(rules) {
    this.#view.showRules(rules);
    const { camera, zones, lines } = rules;
    const isBare = !(rules.rules.length || zones.length || lines.length);
    if (this.element.hidden && isBare) this.element.parentElement.append(this.element); // how it is doing comes first
    this.element.hidden = camera === null;
    if (camera === null) return;
    this.switches.hidden = isBare;
    this.camera.checked = rules.armed;
    this.camera.parentElement.hidden = !rules.rules.length;
    this.edit.disabled = this.#view.camera.size === null;
    put(this.hint, zones.length || lines.length ? "" : texts.noZones);
    const listed = JSON.stringify(rules.rules.map((rule) => [rule.name, rule.schedule]));
    if (listed !== this.#listed) this.#makeRows(rules, listed);
    for (const rule of rules.rules) {
      const row = this.#rows.get(rule.name);
      row.rule = rule;
      row.box.checked = rule.armed;
      row.element.classList.toggle("disarmed", !(rule.armed && rules.armed && rule.scheduled));
      put(row.schedule, rule.schedule.length ? [rule.schedule.join(", "), rules.timezone, rule.scheduled ? "" : texts.notNow].filter(Boolean).join("  ·  ") : "");
    }
    this.#showReadings();
  }

  #makeRows(rules, listed) {
    this.#listed = listed;
    this.#rows.clear();
    this.list.replaceChildren(
      ...rules.rules.map((rule) => {
        const box = make("input", { type: "checkbox", name: "armed-rule", onchange: () => this.#arm({ rule: rule.name, armed: box.checked }, box) });
        const sees = make("span", { className: "sees" });
        const schedule = make("span", { className: "schedule" });
        const element = make("li", { "data-rule": rule.name }, make("label", { className: "switch" }, box, make("span", {}, rule.name)), sees, schedule);
        box.setAttribute("aria-label", texts.armRule(rule.name));
        this.#rows.set(rule.name, { rule, box, sees, schedule, element });
        return element;
      }),
    );
  }

  // What a rule sees of whoever concerns it most: for whom it is open, then true, then unknown.
  #showReadings() {
    const readings = this.#view.frame?.readings ?? [];
    for (const [name, { rule, sees, element }] of this.#rows) {
      const own = readings.filter((reading) => reading.rule === name);
      const state = ["open", "true", "unknown", "false"].find((one) => own.some((reading) => stateOf(reading) === one));
      element.dataset.sees = state ?? "nobody";
      if (state === undefined) {
        put(sees, texts.nobody);
        continue;
      }
      const found = own.filter((reading) => stateOf(reading) === state);
      const [first] = found;
      const who = found.flatMap((reading) => reading.ids.map((id) => `#${id}`)).slice(0, 4).join(" ");
      const held = state === "true" && rule.for > 0 ? texts.heldOf(first.for, rule.for) : texts.held(first.for);
      put(sees, [wordsOf(first), held, comparison(first, rule), who].filter(Boolean).join("  ·  "));
    }
  }

  async #arm(change, box) {
    this.#changing += 1;
    const answer = await busy(box, arm(this.#view.camera.name, change));
    this.#changing -= 1;
    this.#changes += 1;
    if (!answer.ok) {
      box.checked = !box.checked;
      dispatchEvent(new CustomEvent("note", { detail: texts.failed(answer.why) }));
    }
    this.refresh();
  }

  #edit() {
    if (this.#editor !== null || !this.#view.rules) return;
    this.edit.disabled = true;
    this.#editor = new ZoneEditor(this.#view, this.#view.rules, () => {
      this.#editor = null;
      this.#changes += 1;
      this.edit.disabled = false;
      this.edit.focus();
      this.refresh();
    });
    this.#editor.open();
  }

  #showChoices() {
    this.boxes.forEach((box, i) => (box.checked = choices.get(SHOWN[i])));
  }
}
