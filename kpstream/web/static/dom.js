// Elements without markup: nothing that comes over the network is ever read as HTML.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// What a browser refuses is left as it was.
export function toggleFullScreen(element) {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  else element.requestFullscreen?.().catch(() => {});
}

// The text is only touched when it changed, so that a screen reader is not told the same thing twice a second.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A list becomes these elements; those that it has already are not moved, for somebody may be at them.
export function arrange(list, elements) {
  const stay = new Set(elements);
  for (const one of [...list.children]) if (!stay.has(one)) one.remove();
  let at = list.firstChild;
  for (const element of elements) {
    if (element === at) at = at.nextSibling;
    else list.insertBefore(element, at);
  }
}

const paths = {
  pause: "M7 5h3v14H7zM14 5h3v14h-3z",
  play: "M8 5l11 7-11 7z",
  snapshot: "M9 5l-1.500 2H4v12h16V7h-3.500L15 5zM12 16.500a3.500 3.500 0 1 1 0-7 3.500 3.500 0 0 1 0 7z",
  record: "M12 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12z",
  stop: "M7 7h10v10H7z",
  full: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  open: "M4 5h16v14H4zM6 7v10h8V7z",
  back: "M14.500 5l1.500 1.500L10.500 12l5.500 5.500L14.500 19l-7-7z",
  download: "M11 4h2v8h3l-4 5-4-5h3zM5 18h14v2H5z",
  device: "M4 6h11v4l5-3v10l-5-3v4H4z",
  close: "M6.400 5 12 10.600 17.600 5 19 6.400 13.400 12 19 17.600 17.600 19 12 13.400 6.400 19 5 17.600 10.600 12 5 6.400z",
  alert: "M12 3.500 22 20.500H2zM11 10v5h2v-5zM11 16.500v2h2v-2z",
  seen: "M9.500 17.500 4 12l1.400-1.400 4.100 4.100L18.600 5.600 20 7z",
  false_alarm: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm0 2a6 6 0 0 0-4.700 9.700l8.400-8.400A6 6 0 0 0 12 6zm4.700 2.700-8.400 8.400A6 6 0 0 0 16.700 8.700z",
  keep: "M7 3h10v18l-5-4-5 4z",
  keys: "M3 7h18v10H3zM5 9v2h2V9zM9 9v2h2V9zM13 9v2h2V9zM17 9v2h2V9zM7 13v2h10v-2z",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

export function button(name, label, onclick, properties = {}) {
  return make("button", { type: "button", className: "icon", title: label, "aria-label": label, onclick, ...properties }, icon(name));
}

// Something that a control began is under way, and the control begins no more meanwhile. Disabled it would be for that
// while, too, but whoever is at it with the keyboard would be nowhere then, and their next key would go to the page.
export async function busy(control, work) {
  control.setAttribute("aria-disabled", "true");
  control.addEventListener("click", refuse, true);
  try {
    return await work;
  } finally {
    control.removeAttribute("aria-disabled");
    control.removeEventListener("click", refuse, true);
  }
}

function refuse(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

export function relabel(element, name, label) {
  if (element.dataset.icon === name && element.title === label) return;
  element.dataset.icon = name;
  element.title = label;
  element.setAttribute("aria-label", label);
  element.replaceChildren(icon(name));
}
