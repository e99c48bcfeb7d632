// Zones and lines on the picture, and beside each object what the rules see of it right now.

import { texts } from "./texts.js";

const ZONE = "#4FD8FF";
const LINE = "#FFB547";
const STATES = { open: "#FF5A4F", true: "#FFCF70", unknown: "#C3CCD6", false: "#8FE3B0" };
const ORDER = ["open", "true", "unknown", "false"];
const NEWS = 5; // seconds for which it is shown beside an object that a rule has become false
const GROUND = "#0C0E10D9";
const INK = "#F2F5F8";

export const stateOf = (reading) => (reading.open ? "open" : reading.truth === null ? "unknown" : String(reading.truth));

// The same in words: what is open may have become false, or unknown, a moment ago.
export const wordsOf = (reading) => {
  const truth = texts.truths[reading.truth === null ? "unknown" : String(reading.truth)];
  return !reading.open ? truth : reading.truth ? texts.truths.open : `${texts.truths.open}, ${truth}`;
};

// The value and its bounds, as in "72° (≥ 60°)"; empty where a rule compares nothing.
export function comparison(reading, rule) {
  if (reading.value === null || !rule || (rule.min === null && rule.max === null)) return "";
  const sign = rule.unit === "degrees" ? "°" : "";
  const shown = (value) => `${Number(value.toFixed(Math.abs(value) < 10 && rule.unit ? 2 : 0))}${sign}`;
  const [low, high] = [rule.min, rule.max].map((bound) => (bound === null ? "" : shown(bound)));
  return `${shown(reading.value)} (${low && high ? `${low} – ${high}` : low ? `≥ ${low}` : `≤ ${high}`})`;
}

// place: where the picture lies on the canvas {x, y, scale, ratio}, in device pixels; size: of the picture.
export function drawShapes(context, rules, readings, place, size) {
  const at = ([x, y]) => [place.x + x * size[0] * place.scale, place.y + y * size[1] * place.scale];
  const state = (key, name) => {
    const names = rules.rules.filter((rule) => rule[key] === name).map((rule) => rule.name);
    const states = readings.filter((reading) => names.includes(reading.rule)).map(stateOf);
    return ORDER.slice(0, 2).find((one) => states.includes(one));
  };
  context.lineJoin = context.lineCap = "round";
  for (const zone of rules.zones) {
    const color = STATES[state("zone", zone.name)] ?? ZONE;
    const corners = zone.polygon.map(at);
    context.beginPath();
    corners.forEach((corner, i) => (i ? context.lineTo(...corner) : context.moveTo(...corner)));
    context.closePath();
    context.fillStyle = `${color}22`;
    context.fill();
    stroke(context, color, place);
    drawName(context, zone.name, corners[0], color, place);
  }
  for (const line of rules.lines) {
    const [start, end] = [at(line.from), at(line.to)];
    drawArrow(context, start, end, place);
    drawName(context, line.name, [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2], LINE, place);
  }
}

function stroke(context, color, place) {
  context.lineWidth = 3.5 * place.ratio;
  context.strokeStyle = "#12141880";
  context.stroke();
  context.lineWidth = 2 * place.ratio;
  context.strokeStyle = color;
  context.stroke();
}

function drawArrow(context, start, end, place) {
  const angle = Math.atan2(end[1] - start[1], end[0] - start[0]);
  context.beginPath();
  context.moveTo(...start);
  context.lineTo(...end);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(...end);
    context.lineTo(end[0] + 12 * place.ratio * Math.cos(angle + turn), end[1] + 12 * place.ratio * Math.sin(angle + turn));
  }
  stroke(context, LINE, place);
}

function drawName(context, name, [x, y], color, place) {
  const size = 11 * place.ratio;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(name).width + size;
  const left = Math.max(0, Math.min(x, context.canvas.width - width));
  const top = Math.max(0, Math.min(y, context.canvas.height - 1.6 * size));
  context.fillStyle = GROUND;
  context.fillRect(left, top, width, 1.6 * size);
  context.fillStyle = color;
  context.fillText(name, left + size / 2, top + 0.8 * size);
}

export function drawReadings(context, frame, rules, place) {
  const known = new Map(rules.rules.map((rule) => [rule.name, rule]));
  const small = frame.size[0] * place.scale < 560 * place.ratio;
  const blocks = frame.poses
    .filter((pose) => pose.box && pose.id !== null)
    .sort((a, b) => a.id - b.id) // always in the same order, or blocks that give way to each other would change places
    .map((pose) => ({ pose, readings: frame.readings.filter((reading) => reading.ids.includes(pose.id)) }));
  const font = (small ? 9 : 11) * place.ratio;
  context.font = `600 ${font}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const taken = [];
  for (const { pose, readings } of blocks) {
    const rows = rowsOf(readings, known, small);
    if (rows.length) drawBlock(context, rows, pose.box, place, font, taken);
  }
}

function rowsOf(readings, known, small) {
  return readings
    .map((reading) => ({ reading, state: stateOf(reading), rule: known.get(reading.rule) }))
    .filter(({ state, reading }) => (state === "false" ? reading.for < NEWS : true) && (!small || ORDER.indexOf(state) < 2))
    .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
    .slice(0, small ? 2 : 5)
    .map(({ reading, state, rule }) => ({
      state,
      text: [reading.rule, wordsOf(reading), texts.held(reading.for), comparison(reading, rule)].filter(Boolean).join("  "),
    }));
}

function drawBlock(context, rows, box, place, font, taken) {
  const height = 1.55 * font;
  const wide = Math.max(...rows.map((row) => context.measureText(row.text).width)) + 2.4 * font;
  const tall = rows.length * height + 0.4 * font;
  const [left, top, right, bottom] = box.map((side, i) => place[i % 2 ? "y" : "x"] + side * place.scale);
  const { width, height: depth } = context.canvas;
  const fits = (x, y) =>
    x >= 0 && y >= 0 && x + wide <= width && y + tall <= depth &&
    !taken.some((spot) => x < spot.x + spot.wide && spot.x < x + wide && y < spot.y + spot.tall && spot.y < y + tall);
  const xs = [right + 4, left - wide - 4, Math.max(0, Math.min(left, width - wide))];
  const ys = [bottom - tall, top, (top + bottom - tall) / 2, top - tall - 1.6 * height, bottom + 4];
  const spot = ys.flatMap((y) => xs.map((x) => [x, Math.max(0, Math.min(y, depth - tall))])).find(([x, y]) => fits(x, y));
  if (spot === undefined) return;
  const [x, y] = spot;
  taken.push({ x, y, wide, tall });
  context.fillStyle = GROUND;
  context.fillRect(x, y, wide, tall);
  rows.forEach(({ state, text }, i) => {
    const middle = y + 0.2 * font + (i + 0.5) * height;
    context.beginPath();
    context.arc(x + 0.9 * font, middle, 0.36 * font, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = STATES[state];
    context.lineWidth = 1.5 * place.ratio;
    if (state === "open" || state === "true") context.fill();
    context.stroke();
    context.fillStyle = INK;
    context.fillText(text, x + 1.8 * font, middle);
  });
}
