// What happened: a list by time with filters, and of each event its clip, its picture, and what people say of it.

import { arrange, icon, make, put } from "./dom.js";
import { addressOf, mark, read } from "./service.js";
import { texts } from "./texts.js";

const PAGE = 60;
const MOST = 500; // that the server gives at once
const MARKS = ["seen", "false_alarm", "keep"];
const DAY = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });
const FILTERS = ["camera", "rule", "severity", "seen"];

export class EventsView {
  #updates;
  #rows = new Map(); // by identity: {event, element}
  #filters = new Map();
  #next = null;
  #loading = null; // a mark of the list that is under way
  #changed = []; // events of which something was told while a list was under way
  #chosen = "";
  #shown = null; // the event beside the list
  #parts = null; // of what is beside the list
  #player = null; // {key, element}: not made anew while its event goes on
  #begin = () => this.#load(false, Math.min(MOST, Math.max(PAGE, this.#rows.size))); // whoever has scrolled down stays there
  #change = (change) => this.#take(change.detail);
  #more = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.#load(true));

  constructor(updates, chosen) {
    this.#updates = updates;
    this.list = make("ol", { className: "list", "aria-label": texts.events });
    this.earlier = make("button", { type: "button", className: "earlier", hidden: true, onclick: () => this.#load(true) }, texts.earlier);
    this.state = make("p", { className: "empty", role: "status" }, texts.loading);
    this.detail = make("article", { className: "happened", "aria-live": "off" }, make("p", { className: "empty" }, texts.pickEvent));
    const side = make("div", { className: "side" }, this.#makeFilters(), make("div", { className: "rows" }, this.state, this.list, this.earlier));
    this.element = make("section", { className: "events" }, side, this.detail);
    this.#chosen = chosen;
  }

  start() {
    this.#updates.addEventListener("begin", this.#begin);
    this.#updates.addEventListener("change", this.#change);
    this.#more.observe(this.earlier);
    this.#load();
    this.show(this.#chosen);
  }

  stop() {
    this.#updates.removeEventListener("begin", this.#begin);
    this.#updates.removeEventListener("change", this.#change);
    this.#more.disconnect();
    this.#loading = this.#chosen = null; // what is answered from now on is for nobody
    this.detail.replaceChildren(); // or its clip plays on
  }

  // Whether an event that has just opened can be seen in the list.
  has(event) {
    return this.#fits(event);
  }

  async show(id) {
    this.#chosen = id;
    for (const [each, { element }] of this.#rows) element.firstChild.setAttribute("aria-pressed", String(each === id));
    this.element.classList.toggle("chosen", Boolean(id));
    if (!id) return;
    const before = this.#shown;
    const answer = await read(`/api/events/${encodeURIComponent(id)}`);
    if (this.#chosen !== id) return;
    const isTold = this.#shown !== before && this.#shown.event === id; // by a change meanwhile, which is newer
    if (answer.ok && !isTold) this.#showEvent(answer.body);
    else if (!isTold) {
      this.#parts = null;
      this.detail.replaceChildren(make("p", { className: "empty" }, answer.why));
    }
    if (matchMedia("(max-width: 800px)").matches) this.detail.scrollIntoView({ block: "start" });
  }

  #makeFilters() {
    const select = (name, ...options) => {
      const made = make("select", { name, "aria-label": texts.filters[name], onchange: () => this.#load() }, ...options);
      this.#filters.set(name, made);
      return made;
    };
    const option = (value, text) => make("option", { value }, text);
    return make(
      "div",
      { className: "filters", role: "group", "aria-label": texts.filter },
      select("camera", option("", texts.allCameras)),
      select("rule", option("", texts.allRules)),
      select("severity", option("", texts.allSeverities), ...Object.entries(texts.severities).map(([value, text]) => option(value, text))),
      select("seen", option("", texts.seenOrNot), option("false", texts.notSeen), option("true", texts.onlySeen)),
    );
  }

  // The names that there are come with each list; what is chosen stays.
  #showNames(name, names) {
    const select = this.#filters.get(name);
    const known = [...select.options].slice(1).map((one) => one.value);
    const wanted = select.value && !names.includes(select.value) ? [...names, select.value] : names;
    if (wanted.join("\n") === known.join("\n")) return;
    const value = select.value;
    select.replaceChildren(select.options[0], ...wanted.map((one) => make("option", { value: one }, one)));
    select.value = value;
  }

  async #load(more = false, limit = PAGE) {
    if (more && (this.#loading || this.#next === null)) return;
    const turn = (this.#loading = {});
    this.#changed = [];
    const query = new URLSearchParams({ limit });
    for (const name of FILTERS) if (this.#filters.get(name).value) query.set(name, this.#filters.get(name).value);
    if (more) query.set("before", this.#next);
    const answer = await read(`/api/events?${query}`);
    if (this.#loading !== turn) return; // another filter was chosen meanwhile, or another view
    this.#loading = null;
    if (!answer.ok) {
      put(this.state, answer.why);
      this.state.hidden = false;
      return;
    }
    const { events, next, cameras, rules } = answer.body;
    this.#showNames("camera", cameras);
    this.#showNames("rule", rules);
    const rows = events.map((event) => this.#rowOf(event));
    if (!more) this.#rows = new Map(rows.map((row) => [row.event.event, row]));
    arrange(this.list, [...(more ? this.list.children : []), ...rows.map((row) => row.element)]);
    this.#next = next;
    for (const event of this.#changed) this.#take(event);
    this.#showDays();
    this.earlier.hidden = next === null;
    this.#tellEmpty();
    // It is seen still where the list is short, and then nothing comes into sight.
    this.#more.unobserve(this.earlier);
    this.#more.observe(this.earlier);
  }

  #tellEmpty() {
    const filtered = FILTERS.some((name) => this.#filters.get(name).value);
    put(this.state, filtered ? texts.noSuchEvents : texts.noEvents);
    this.state.hidden = this.#rows.size > 0;
  }

  #take(event) {
    if (this.#loading) this.#changed.push(event);
    if (this.#rows.has(event.event)) this.#rowOf(event);
    else if (this.#fits(event) && this.#isAmongShown(event)) this.#insert(event);
    this.#showDays();
    this.#tellEmpty();
    if (event.event === this.#chosen) this.#showEvent(event);
  }

  #fits(event) {
    return FILTERS.every((name) => {
      const wanted = this.#filters.get(name).value;
      return !wanted || wanted === String(event[name]);
    });
  }

  #isAmongShown(event) {
    const last = this.list.lastChild;
    return this.#next === null || last === null || isBefore(this.#eventOf(last), event);
  }

  #insert(event) {
    const before = [...this.list.children].find((one) => isBefore(this.#eventOf(one), event)) ?? null;
    const { element } = this.#rowOf(event);
    element.classList.add("fresh");
    this.list.insertBefore(element, before);
  }

  // The row of an event as it is now.
  #rowOf(event) {
    const row = this.#rows.get(event.event) ?? this.#makeRow(event);
    this.#rows.set(event.event, row);
    this.#fillRow(row, event);
    return row;
  }

  #eventOf(row) {
    return this.#rows.get(row.dataset.event).event;
  }

  #makeRow(event) {
    const id = event.event;
    const picture = make("img", { alt: "", loading: "lazy", width: 96, height: 54 });
    picture.addEventListener("error", () => picture.removeAttribute("src"));
    const [rule, about, marks] = ["rule", "about", "marks"].map((className) => make("span", { className }));
    const button = make("button", { type: "button", onclick: () => (location.hash = `#/events/${id}`) }, picture, rule, about, marks);
    button.setAttribute("aria-pressed", String(id === this.#chosen));
    const day = event.began_at === null ? "" : DAY.format(new Date(event.began_at));
    return { event: {}, element: make("li", { "data-event": id }, button), day, picture, rule, about, marks };
  }

  // What is there already stays: whoever is at it with the keyboard stays there, and no picture is asked for twice.
  #fillRow(row, event) {
    const { element, event: before } = row;
    const classes = { open: event.ended_pts === null, seen: event.seen, false: event.false_alarm, [event.severity]: true, event: true };
    for (const [name, holds] of Object.entries(classes)) element.classList.toggle(name, holds);
    if (event.snapshot && (!before.snapshot || (event.state === "ended") !== (before.state === "ended")))
      row.picture.src = addressOf(`/api/events/${event.event}/snapshot.jpg?${event.state}`); // the strongest moment may be another at the end
    put(row.rule, event.rule);
    put(row.about, [clock(event), event.camera, lasted(event)].join("  ·  "));
    if (MARKS.some((name) => event[name] !== before[name])) row.marks.replaceChildren(...this.#makeMarks(event).filter(Boolean));
    row.event = event;
  }

  #makeMarks(event) {
    const mark = (kind, text) => make("span", { className: kind, title: text, role: "img", "aria-label": text }, icon(kind));
    return [
      event.severity === "alert" ? mark("alert", texts.severities.alert) : null,
      event.keep ? mark("keep", texts.marks.keep) : null,
      event.false_alarm ? mark("false_alarm", texts.marks.false_alarm) : null,
      event.seen ? mark("seen", texts.marks.seen) : null,
    ];
  }

  // A heading above the first event of each day.
  #showDays() {
    let day = "";
    for (const row of this.list.children) {
      const { day: own } = this.#rows.get(row.dataset.event);
      const shown = own && own !== day ? own : undefined;
      if (shown !== row.dataset.day) shown ? (row.dataset.day = shown) : delete row.dataset.day;
      day = own;
    }
  }

  #showEvent(event) {
    const isSame = this.#shown?.event === event.event && this.#parts !== null;
    this.#shown = event;
    if (!isSame) this.#makeDetail(event);
    const { media, marks, facts, links } = this.#parts;
    const player = this.#media(event);
    if (media.firstChild !== player) media.replaceChildren(player);
    for (const [name, button] of marks) button.setAttribute("aria-pressed", String(event[name]));
    facts.replaceChildren(...this.#facts(event).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    const offered = this.#links(event).filter(Boolean);
    if (offered.map(String).join() !== [...links.children].map(String).join()) links.replaceChildren(...offered); // by where they lead
  }

  #makeDetail(event) {
    const marks = MARKS.map((name) => [name, this.#makeMark(name)]);
    this.#parts = { media: make("div", {}), marks, facts: make("dl", { className: "figures" }), links: make("p", { className: "caption" }) };
    this.detail.replaceChildren(
      make("a", { className: "back", href: "#/events" }, icon("back"), texts.allEvents),
      this.#parts.media,
      make("div", { className: "title" }, make("h1", {}, event.rule), make("p", { className: `severity ${event.severity}` }, texts.severities[event.severity])),
      make("div", { className: "says", role: "group", "aria-label": texts.sayOfIt }, ...marks.map(([, button]) => button)),
      this.#parts.facts,
      this.#parts.links,
    );
  }

  #facts(event) {
    return [
      [texts.facts.camera, event.camera],
      [texts.facts.kind, event.kind.replaceAll("_", " ")],
      [texts.facts.who, event.tracker_ids.length ? event.tracker_ids.map((id) => `#${id}`).join(" ") : texts.everybody],
      event.zone === null ? null : [texts.facts.zone, event.zone],
      event.value === null ? null : [texts.facts.value, String(event.value)],
      [texts.facts.began, moment(event.began_at, event.began_pts)],
      [texts.facts.lasted, lasted(event) + (event.cut ? ` (${texts.cut})` : "")],
    ].filter(Boolean);
  }

  // The same element as long as there is nothing new to show: a clip that plays goes on.
  #media(event) {
    const key = `${event.event} ${event.clip ?? event.snapshot ?? ""}`;
    if (this.#player?.key === key && !this.#player.failed) return this.#player.element;
    const why = make("p", { className: "hint", role: "status" });
    const snapshot = addressOf(`/api/events/${event.event}/snapshot.jpg`);
    const player = { key, failed: false, element: make("div", { className: "media" }) };
    const failed = () => {
      player.failed = true; // it is tried again with the event's next change
      put(why, texts.noClipYet);
    };
    const shown = event.clip
      ? make("video", { src: addressOf(`/api/events/${event.event}/clip.mp4`), poster: event.snapshot ? snapshot : "", controls: true, autoplay: true, playsInline: true, muted: true, "aria-label": texts.clipOf(event.rule), onerror: failed })
      : event.snapshot
        ? make("img", { src: snapshot, alt: texts.snapshotOf(event.rule) })
        : make("p", { className: "empty" }, texts.noPicture);
    if (!event.clip && event.ended_pts === null) put(why, texts.clipComes);
    player.element.append(shown, why);
    this.#player = player;
    return player.element;
  }

  #links(event) {
    const link = (kind, text, ending) => make("a", { href: addressOf(`/api/events/${event.event}/${kind}`), download: `${event.rule} ${event.event.slice(0, 8)}.${ending}` }, text);
    return [event.clip ? link("clip.mp4", texts.downloadClip, "mp4") : null, event.snapshot ? link("snapshot.jpg", texts.downloadSnapshot, "jpg") : null];
  }

  #makeMark(name) {
    const press = async () => {
      const event = this.#shown;
      const answer = await mark(event.event, { [name]: !event[name] });
      if (!answer.ok) dispatchEvent(new CustomEvent("note", { detail: texts.failed(answer.why) }));
      else if (this.#shown === event) this.#take(answer.body); // what was told of it meanwhile is newer
    };
    return make("button", { type: "button", "data-mark": name, title: texts.markHints[name], onclick: press }, icon(name), texts.marks[name]);
  }
}

// The order of the list, the newest first: by when they began, then by their identity.
function isBefore(one, other) {
  const [first, second] = [one.began_at ?? "", other.began_at ?? ""];
  return first === second ? one.event < other.event : first < second;
}

function clock(event) {
  if (event.began_at === null) return texts.atPts(event.began_pts);
  return new Date(event.began_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function moment(at, pts) {
  return at === null ? texts.atPts(pts) : new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

function lasted(event) {
  if (event.ended_pts === null) return texts.goesOn;
  if (event.kind === "line_crossing" || event.kind === "repetitions") return texts.aMoment;
  return texts.duration(event.ended_pts - event.began_pts);
}
