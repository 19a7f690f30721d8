// The map island: `<div data-map="….json">`. Arcs between the parties' countries; the page has the same figures in a
// table, so that nobody needs the picture.
import world from "world:";
import { fetchJson, fill, language, make, shown, words, type Words } from "./dom";

interface Party {
  id: string;
  name: string;
  country: string | null;
}

interface MapJson {
  parties: Party[];
  flows: { from: string; to: string; sent: number; received: number }[];
}

const ENGLISH: Words = {
  label: "Map of the parties and what flowed between them",
  flow: "From {from} to {to}: {sent}",
  parties: "{country}: {names}",
  elsewhere: "Not on the map: {names}",
  failed: "The map could not be loaded ({why})",
  none: "Nothing flowed in this time",
};

const SVG = "http://www.w3.org/2000/svg";
/** Widths of arcs, and below sizes of dots and names, on a map of the whole world; a part of it has them smaller. */
const [THINNEST, THICKEST] = [7, 34];

function draw<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number>,
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** A country's name in the page's language, from the browser. */
function countryName(code: string): string {
  try {
    return new Intl.DisplayNames([language()], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

type Point = [number, number];

/** A bent line with its head: there and back lie on different sides. */
function arc([x0, y0]: Point, [x1, y1]: Point, width: number, unit: number): { line: string; head: string } {
  const long = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [ux, uy] = [(x1 - x0) / long, (y1 - y0) / long];
  const bend = Math.min(420, 60 * unit + long * 0.22);
  const [cx, cy] = [(x0 + x1) / 2 + uy * bend, (y0 + y1) / 2 - ux * bend];
  // The head points the way that the line arrives, and stops short of the place's own dot.
  const arrive = Math.hypot(x1 - cx, y1 - cy) || 1;
  const [ax, ay] = [(x1 - cx) / arrive, (y1 - cy) / arrive];
  const [tx, ty] = [x1 - ax * 26 * unit, y1 - ay * 26 * unit];
  const size = Math.min(34 * unit + width * 1.4, long * 0.4);
  const [bx, by] = [tx - ax * size, ty - ay * size];
  const n = (value: number): string => value.toFixed(1);
  return {
    line: `M${n(x0)} ${n(y0)}Q${n(cx)} ${n(cy)} ${n(bx)} ${n(by)}`,
    head: `M${n(tx)} ${n(ty)}L${n(bx - ay * size * 0.5)} ${n(by + ax * size * 0.5)}L${n(bx + ay * size * 0.5)} ${n(by - ax * size * 0.5)}z`,
  };
}

/** Width over height of the tallest map. */
const TALLEST = 1.6;

/** The part of the world to show: all places with room round them. */
function view(points: Point[]): { x: number; y: number; width: number; height: number } {
  const { width, height } = world;
  if (!points.length) return { x: 0, y: 0, width, height };
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const within = (middle: number, size: number, whole: number): number => Math.max(0, Math.min(whole - size, middle - size / 2));
  // Neither a sliver nor a pin-prick: at least two fifths of the world, and not taller than fits on a page.
  const h = Math.min(height, Math.max(0.4 * height, bottom - top + 400, (right - left + 700) * (height / width)));
  const w = Math.min(width, Math.max(h * TALLEST, right - left + 700));
  return { x: within((left + right) / 2, w, width), y: within((top + bottom) / 2, h, height), width: w, height: h };
}

class Flow {
  constructor(
    readonly from: string,
    readonly to: string,
    public count: number,
  ) {}
}

/** What went from country to country, in both directions of each row. */
function flows(json: MapJson, country: Map<string, string>): Flow[] {
  const found = new Map<string, Flow>();
  const add = (from: string | undefined, to: string | undefined, count: number): void => {
    if (!from || !to || from === to || !(count > 0)) return;
    const known = found.get(`${from}>${to}`);
    if (known) known.count += count;
    else found.set(`${from}>${to}`, new Flow(from, to, count));
  };
  for (const { from, to, sent, received } of json.flows) {
    add(country.get(from), country.get(to), sent);
    add(country.get(to), country.get(from), received);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

function picture(json: MapJson, said: Words, narrow: boolean, tell: (text: string) => void): SVGSVGElement {
  const country = new Map(
    json.parties.filter((party) => party.country && world.at[party.country]).map((party) => [party.id, party.country ?? ""]),
  );
  const there = new Map<string, string[]>();
  for (const party of json.parties) {
    const code = country.get(party.id);
    if (code) there.set(code, [...(there.get(code) ?? []), shown(party.name)]);
  }
  const box = view([...there.keys()].map((code) => world.at[code] ?? [0, 0]));
  const unit = (box.width / world.width) * (narrow ? 2 : 1);
  const shape = [box.x, box.y, box.width, box.height].map((each) => each.toFixed(0)).join(" ");
  const svg = draw("svg", { viewBox: shape, role: "group", "aria-label": said["label"] ?? "" });
  svg.append(draw("path", { class: "land", d: world.land, "stroke-width": 3 * unit, "aria-hidden": "true" }));

  const all = flows(json, country);
  const most = Math.max(1, ...all.map((flow) => flow.count));
  const format = new Intl.NumberFormat(language());
  for (const flow of all) {
    const [start, end] = [world.at[flow.from], world.at[flow.to]];
    if (!start || !end) continue;
    const width = unit * (THINNEST + (THICKEST - THINNEST) * Math.sqrt(flow.count / most));
    const { line, head } = arc(start, end, width, unit);
    const text = fill(said["flow"], { from: countryName(flow.from), to: countryName(flow.to), sent: format.format(flow.count) });
    const link = draw(
      "a",
      { tabindex: 0, role: "img", "aria-label": text },
      draw("title", {}, text),
      draw("path", { class: "flow-hit", d: line, "stroke-width": 70 * unit }),
      draw("path", { class: "flow", d: line, "stroke-width": width.toFixed(1) }),
      draw("path", { class: "flow-head", d: head }),
    );
    for (const name of ["focus", "mouseenter"]) link.addEventListener(name, () => tell(text));
    svg.append(link);
  }
  svg.append(places(there, said, unit));
  return svg;
}

/** A dot and a name for each country; a name goes where no other stands yet, below its dot if it can. */
function places(there: Map<string, string[]>, said: Words, unit: number): SVGGElement {
  const group = draw("g", { "aria-hidden": "true" });
  const taken: Point[] = [];
  for (const [code, names] of there) {
    const [x, y] = world.at[code] ?? [0, 0];
    const name = countryName(code);
    const near = (other: Point, at: number): boolean => Math.abs(other[0] - x) < 420 * unit && Math.abs(other[1] - at) < 64 * unit;
    const tries = [84, -44, 150, -110].map((down) => y + down * unit);
    const at = tries.find((each) => !taken.some((other) => near(other, each))) ?? y + 84 * unit;
    taken.push([x, at]);
    const text = fill(said["parties"], { country: name, names: names.join(", ") });
    group.append(
      draw("circle", { class: "place", cx: x, cy: y, r: 20 * unit, "stroke-width": 6 * unit }, draw("title", {}, text)),
      draw("text", { class: "place-name", x, y: at, "font-size": 54 * unit, "stroke-width": 14 * unit }, name),
    );
  }
  return group;
}

async function show(element: HTMLElement): Promise<void> {
  const said = words(element, ENGLISH);
  const told = make("p", { class: "told", role: "status" });
  try {
    const json = await fetchJson<MapJson>(element.dataset["map"] ?? "");
    element.replaceChildren(picture(json, said, element.clientWidth < 640, (text) => (told.textContent = text)), told);
    const elsewhere = json.parties.filter((party) => !party.country || !world.at[party.country]);
    if (elsewhere.length) {
      const names = elsewhere.map((party) => shown(party.name)).join(", ");
      element.append(make("p", { class: "muted small" }, fill(said["elsewhere"], { names })));
    }
    if (!json.flows.some((flow) => flow.sent > 0 || flow.received > 0)) told.textContent = said["none"] ?? "";
    element.dataset["state"] = "ready";
  } catch (wrong) {
    element.dataset["state"] = "failed";
    const why = wrong instanceof Error ? wrong.message : String(wrong);
    // What the page itself says stays: it leads to the table.
    element.append(make("p", { class: "notice notice-bad", role: "alert" }, fill(said["failed"], { why })));
  }
}

for (const element of document.querySelectorAll<HTMLElement>("[data-map]")) void show(element);
