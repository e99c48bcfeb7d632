// Poses on a canvas, in the colours of the drawn recording.

const PALETTE = ["#2DD4BF", "#A78BFA", "#F472B6", "#FACC15", "#A3E635", "#F87171", "#D6C7AE", "#E2E8F0"];
const LEFT = "#FF963C";
const RIGHT = "#3CBEFF";
const FADED = [128, 128, 128];
const DARK = "#12141880";

// Adds to a class what drawing needs: the colour of each vertex and edge; null is the pose's own colour.
export function prepared(found) {
  const sides = found.names.map(() => 0);
  for (const [first, second] of found.symmetries) {
    if (!(first in found.names) || !(second in found.names)) continue;
    const swapped = /right/i.test(found.names[first]) || /left/i.test(found.names[second]);
    sides[first] = swapped ? -1 : 1;
    sides[second] = swapped ? 1 : -1;
  }
  const bySide = (side) => (side > 0 ? LEFT : side < 0 ? RIGHT : null);
  const chosen = (colors, index, otherwise) => (/^#[0-9a-f]{6}$/i.test(colors[index] ?? "") ? colors[index] : otherwise);
  return {
    ...found,
    vertexColors: sides.map((side, i) => chosen(found.vertex_colors, i, bySide(side))),
    edgeColors: found.edges.map(([a, b], i) =>
      chosen(found.edge_colors, i, sides[a] * sides[b] < 0 ? null : bySide(sides[a] || sides[b])),
    ),
  };
}

function faded(color) {
  const own = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return `rgb(${own.map((value, i) => Math.round((value * 2 + FADED[i] * 3) / 5)).join(" ")})`;
}

function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 120 ? "#121418" : "#F5F5F5";
}

// place: where the picture lies on the canvas {x, y, scale, ratio}, in device pixels; ratio is that of a CSS pixel.
export function drawPoses(context, frame, classes, place, shows) {
  const poses = frame.poses
    .map((pose) => ({ pose, look: classes.get(pose.class) }))
    .filter((item) => item.look !== undefined)
    .map((item) => ({
      ...item,
      stale: frame.stale || item.pose.stale,
      color: PALETTE[(item.pose.id ?? item.look.class_id) % PALETTE.length],
    }));
  const pen = penFor(frame, place);
  context.lineCap = context.lineJoin = "round";
  for (const item of poses) if (shows("boxes") && item.pose.box) drawBox(context, item, place, pen);
  for (const item of poses) drawLimbs(context, item, place, pen, shows);
  if (shows("labels") || shows("ids")) drawLabels(context, poses, frame, place, shows);
}

function penFor(frame, place) {
  const diagonal = Math.hypot(frame.size[0], frame.size[1]) * place.scale;
  return Math.max(1.5 * place.ratio, diagonal / 640);
}

function penOf(pose, place, pen) {
  if (!pose.box) return pen;
  const extent = Math.hypot(pose.box[2] - pose.box[0], pose.box[3] - pose.box[1]) * place.scale;
  return Math.max(place.ratio, Math.min(pen, extent / 60)); // someone far away is drawn with finer strokes
}

function drawBox(context, { pose, color, stale }, place, pen) {
  const [left, top, right, bottom] = pose.box.map((side, i) => place[i % 2 ? "y" : "x"] + side * place.scale);
  context.lineWidth = pen;
  context.strokeStyle = stale ? faded(color) : color;
  context.setLineDash(stale ? [4 * pen, 4 * pen] : []);
  context.strokeRect(left, top, right - left, bottom - top);
  context.setLineDash([]);
}

function drawLimbs(context, { pose, look, color, stale }, place, pen, shows) {
  const points = pose.points.map((point) => point && [place.x + point[0] * place.scale, place.y + point[1] * place.scale]);
  const line = penOf(pose, place, pen);
  const tint = (own) => (stale ? faded(own ?? color) : own ?? color);
  if (shows("edges")) {
    for (const outlined of stale ? [false] : [true, false]) {
      context.lineWidth = outlined ? line + 1.5 * place.ratio : stale ? line / 2 : line;
      look.edges.forEach(([a, b], i) => {
        if (!points[a] || !points[b]) return;
        context.strokeStyle = outlined ? DARK : tint(look.edgeColors[i]);
        context.beginPath();
        context.moveTo(...points[a]);
        context.lineTo(...points[b]);
        context.stroke();
      });
    }
  }
  if (shows("keypoints")) {
    context.lineWidth = Math.max(place.ratio * 0.75, line / 3);
    points.forEach((point, i) => {
      if (!point) return;
      context.beginPath();
      context.arc(point[0], point[1], line * 1.35, 0, 2 * Math.PI);
      context.strokeStyle = stale ? tint(look.vertexColors[i]) : DARK;
      context.fillStyle = tint(look.vertexColors[i]);
      if (!stale) context.fill();
      context.stroke();
    });
  }
}

function drawLabels(context, poses, frame, place, shows) {
  const small = frame.size[0] * place.scale < 560 * place.ratio;
  const size = (small ? 10 : 12) * place.ratio;
  const [padding, height] = [size / 3, size * 1.5];
  const [width, bottom] = [frame.size[0] * place.scale + place.x, frame.size[1] * place.scale + place.y];
  const taken = [];
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  // Always in the same order, or labels that give way to each other would change places.
  for (const { pose, look, color, stale } of [...poses].sort((a, b) => (a.pose.id ?? -1) - (b.pose.id ?? -1))) {
    const words = [];
    if (shows("labels")) words.push(`${look.name} ${(pose.confidence ?? 0).toFixed(2)}`);
    if (shows("ids") && pose.id !== null) words.push(`#${pose.id}`);
    if (!words.length || !pose.box) continue;
    const text = words.join(" ");
    const wide = context.measureText(text).width + 2 * padding;
    const x = Math.max(place.x, Math.min(place.x + pose.box[0] * place.scale, width - wide));
    let y = Math.max(place.y, place.y + pose.box[1] * place.scale - height);
    while (taken.some((spot) => x < spot.x + spot.wide && spot.x < x + wide && Math.abs(spot.y - y) < height)) y += height;
    if (y + height > bottom) continue;
    taken.push({ x, y, wide });
    context.fillStyle = stale ? faded(color) : color;
    context.fillRect(x, y, wide, height);
    context.fillStyle = stale ? "#F5F5F5" : inkOn(color);
    context.fillText(text, x + padding, y + height / 2);
  }
}
