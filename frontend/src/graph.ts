// The graph island: `<div data-graph="….json">`. It makes its tools, its canvas, the chosen node's links as a list,
// and a live region; what it shows can all be had by keyboard and be read aloud.
import { fetchJson, fill, language, make, words, type Words } from "./dom";
import { Canvas, type Scene } from "./graph-canvas";
import { Filter } from "./graph-filter";
import { Layout } from "./graph-layout";
import { Graph, other, type GraphJson, type GraphNode, type Link } from "./graph-model";
import { pointing } from "./graph-pointer";
import { Side } from "./graph-side";

const ENGLISH: Words = {
  label: "Graph of objects and their links",
  zoom_in: "Zoom in",
  zoom_out: "Zoom out",
  fit: "Show all",
  expand: "Expand",
  open: "Open",
  path_start: "Path from here",
  path_end: "Path to here",
  path_none: "No path between {from} and {to} among what is shown",
  path_found: "Path of {steps}: {names}",
  path_clear: "Clear the path",
  selected: "Chosen: {name}, {type}. Links: {links}",
  links: "Links: {count}",
  no_links: "No links are shown",
  loading: "Loading…",
  failed: "The graph could not be loaded ({why})",
  cut: "The graph was cut: there is more than it can show",
  shown: "Objects: {nodes}. Links: {links}",
  nothing_chosen: "Choose an object to see its links",
  layout_done: "The graph is ready. {shown}",
  expanded: "{count} more from {name}",
  nothing_new: "Nothing more is known beside {name}",
  hint: "Keys: arrows left and right choose a link, down goes along it, up goes back, Enter opens, e expands, p marks a path's ends, + − 0 zoom, Escape clears",
  outgoing: "to",
  incoming: "from",
  legend: "Types",
  more_links: "and {count} more",
};

class Island {
  private readonly said: Words;
  private readonly graph = new Graph();
  private readonly scene: Scene = { selected: null, hovered: null, aim: null, ends: [null, null], path: [], root: null };
  private readonly stage = make("div", { class: "graph-stage" });
  private readonly told = make("div", { class: "visually-hidden", role: "status" });
  private readonly count = make("span");
  private readonly way = make("p", { class: "notice notice-info", hidden: "" });
  private readonly history: GraphNode[] = [];
  private readonly canvas: Canvas;
  private readonly side: Side;
  private readonly filter: Filter;
  private readonly layout: Layout;
  private buttons: Record<string, HTMLButtonElement> = {};
  private moved = false;

  constructor(private readonly element: HTMLElement) {
    this.said = words(element, ENGLISH);
    const hint = make("span", { id: `${element.id || "graph"}-hint` }, this.said["hint"] ?? "");
    const surface = make("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": this.said["label"] ?? "",
      "aria-describedby": hint.id,
    });
    this.stage.append(surface);
    this.side = new Side(this.said, {
      choose: (node) => this.choose(node),
      openAddress: (node) => this.address(element.dataset["open"], node),
    });
    element.replaceChildren(
      this.tools(),
      this.stage,
      this.side.element,
      this.way,
      make("div", { class: "graph-foot" }, this.count, hint),
      this.told,
    );
    this.way.classList.add("graph-way");
    this.canvas = new Canvas(surface, this.graph, this.scene);
    this.filter = new Filter(element, this.graph, this.said, () => this.filtered());
    this.layout = new Layout(this.graph, (done, ms) => this.settled(done, ms));
    pointing(this.canvas, this.scene, {
      choose: (node) => this.choose(node),
      open: (node) => this.open(node),
      touched: () => (this.moved = true),
    });
    surface.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("titian:theme", () => this.canvas.recolour());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.canvas.recolour());
  }

  async load(): Promise<void> {
    this.element.dataset["state"] = "loading";
    this.tell(this.said["loading"] ?? "");
    try {
      this.take(await fetchJson<GraphJson>(this.element.dataset["graph"] ?? ""));
      const root = this.graph.get(this.element.dataset["root"] ?? "") ?? this.graph.nodes[0];
      this.scene.root = root ?? null;
      this.canvas.fit();
      if (root) this.choose(root, false);
      this.layout.run(false);
    } catch (wrong) {
      this.element.dataset["state"] = "failed";
      const why = wrong instanceof Error ? wrong.message : String(wrong);
      const text = fill(this.said["failed"], { why });
      this.stage.replaceChildren(make("p", { class: "notice notice-bad", role: "alert" }, text));
    }
  }

  private tools(): HTMLElement {
    const button = (name: string, mark: string, act: () => void): HTMLButtonElement => {
      const made = make("button", { type: "button", class: "small" }, mark || (this.said[name] ?? ""));
      if (mark) made.setAttribute("aria-label", this.said[name] ?? "");
      if (mark) made.title = this.said[name] ?? "";
      made.addEventListener("click", act);
      this.buttons[name] = made;
      return made;
    };
    const chosen = (act: (node: GraphNode) => void) => () => {
      if (this.scene.selected) act(this.scene.selected);
    };
    return make(
      "div",
      { class: "graph-tools", role: "group", "aria-label": this.said["label"] ?? "" },
      button("zoom_in", "+", () => this.zoom(1.3)),
      button("zoom_out", "−", () => this.zoom(1 / 1.3)),
      button("fit", "", () => this.canvas.fit()),
      button("expand", "", chosen((node) => void this.expand(node))),
      button("path_start", "", chosen((node) => this.mark(node))),
      button("path_clear", "", () => this.clear()),
      button("open", "", chosen((node) => this.open(node))),
    );
  }

  private address(template: string | undefined, node: GraphNode): string {
    return (template ?? "").replace("{id}", encodeURIComponent(node.id));
  }

  private open(node: GraphNode): void {
    const address = this.address(this.element.dataset["open"], node);
    if (address) location.assign(address);
  }

  private zoom(factor: number): void {
    this.moved = true;
    this.canvas.zoom(factor);
  }

  private take(json: GraphJson, beside?: GraphNode): number {
    const came = this.graph.add(json, beside);
    if (json.more) this.way.textContent = this.said["cut"] ?? "";
    this.way.hidden = !json.more;
    this.filter.refresh();
    this.counted();
    return came;
  }

  private counted(): string {
    const format = new Intl.NumberFormat(language());
    const nodes = this.graph.nodes.filter((node) => node.seen).length;
    const links = this.graph.links.filter((link) => link.source.seen && link.target.seen).length;
    this.count.textContent = fill(this.said["shown"], { nodes: format.format(nodes), links: format.format(links) });
    return this.count.textContent;
  }

  /** The layout moved the nodes; when it is done, the reader is told once. */
  private settled(done: boolean, ms: number): void {
    if (!this.moved) this.canvas.fit();
    this.canvas.draw();
    this.element.dataset["state"] = done ? "ready" : "layout";
    if (!done) return;
    this.element.dataset["layoutMs"] = String(Math.round(ms));
    this.tell(fill(this.said["layout_done"], { shown: this.count.textContent ?? "" }));
  }

  private choose(node: GraphNode | null, tell = true): void {
    const { selected } = this.scene;
    if (node && selected && node !== selected) this.history.push(selected);
    this.scene.selected = node;
    this.scene.aim = null;
    if (node) this.canvas.reveal(node);
    this.canvas.draw();
    const links = node ? this.graph.linksOf(node) : [];
    this.side.show(node, links);
    for (const name of ["expand", "open", "path_start"]) {
      const button = this.buttons[name];
      if (button) button.disabled = node === null;
    }
    const clear = this.buttons["path_clear"];
    if (clear) clear.disabled = !this.scene.ends[0];
    const path = this.buttons["path_start"];
    if (path) path.textContent = (this.scene.ends[0] && !this.scene.ends[1] ? this.said["path_end"] : this.said["path_start"]) ?? "";
    if (node && tell)
      this.tell(fill(this.said["selected"], { name: node.name, type: this.typeName(node), links: links.length }));
  }

  private typeName(node: GraphNode): string {
    return this.said[`type.${node.type}`] ?? node.type;
  }

  private describe(link: Link, node: GraphNode): string {
    const far = other(link, node);
    const way = link.source === node ? this.said["outgoing"] : this.said["incoming"];
    return `${link.label} ${way ?? ""} ${far.name}, ${this.typeName(far)}`;
  }

  private aim(step: number): void {
    const { selected, aim } = this.scene;
    if (!selected) return this.choose(this.scene.root);
    const links = this.graph.linksOf(selected);
    if (!links.length) return this.tell(this.said["no_links"] ?? "");
    const at = aim ? links.indexOf(aim) : step > 0 ? -1 : links.length;
    const next = links[(at + step + links.length) % links.length] ?? null;
    this.scene.aim = next;
    if (!next) return;
    this.canvas.reveal(other(next, selected));
    this.canvas.draw();
    this.tell(this.describe(next, selected));
  }

  private along(): void {
    const { selected, aim } = this.scene;
    if (selected && aim) return this.choose(other(aim, selected));
    this.aim(1);
  }

  private back(): void {
    const node = this.history.pop();
    if (!node) return;
    this.choose(node);
    this.history.pop(); // going back is not a step of its own
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { selected } = this.scene;
    const acts: Record<string, () => void> = {
      ArrowRight: () => this.aim(1),
      ArrowLeft: () => this.aim(-1),
      ArrowDown: () => this.along(),
      ArrowUp: () => this.back(),
      Enter: () => selected && this.open(selected),
      Home: () => this.choose(this.scene.root),
      e: () => selected && void this.expand(selected),
      p: () => selected && this.mark(selected),
      "+": () => this.zoom(1.3),
      "=": () => this.zoom(1.3),
      "-": () => this.zoom(1 / 1.3),
      "0": () => this.canvas.fit(),
      Escape: () => this.clear(),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** The first and the second end of a path; a third begins anew. */
  private mark(node: GraphNode): void {
    const [first, second] = this.scene.ends;
    if (!first || second) this.scene.ends = [node, null];
    else if (node !== first) this.scene.ends = [first, node];
    this.findPath();
    this.choose(node, false);
    this.canvas.draw();
  }

  private findPath(): void {
    const [from, to] = this.scene.ends;
    this.scene.path = [];
    if (!from || !to) {
      if (from) this.tell(`${this.said["path_start"]}: ${from.name}`);
      return;
    }
    const path = this.graph.path(from, to);
    this.scene.path = path ?? [];
    const text = path
      ? fill(this.said["path_found"], { steps: path.length - 1, names: path.map((each) => each.name).join(" → ") })
      : fill(this.said["path_none"], { from: from.name, to: to.name });
    this.way.textContent = text;
    this.way.hidden = false;
    this.tell(text);
  }

  private clear(): void {
    this.scene.ends = [null, null];
    this.scene.path = [];
    this.scene.aim = null;
    this.way.hidden = true;
    this.choose(this.scene.selected, false);
  }

  private filtered(): void {
    const { selected } = this.scene;
    this.scene.aim = null;
    if (this.scene.ends.every(Boolean)) this.findPath();
    this.choose(selected?.seen ? selected : null, false);
    this.tell(this.counted());
  }

  private async expand(node: GraphNode): Promise<void> {
    const address = this.address(this.element.dataset["expand"], node);
    if (!address) return;
    this.tell(this.said["loading"] ?? "");
    try {
      const came = this.take(await fetchJson<GraphJson>(address), node);
      const text = came ? this.said["expanded"] : this.said["nothing_new"];
      this.tell(fill(text, { count: came, name: node.name }));
      this.choose(node, false);
      this.moved = true;
      this.layout.run(true);
    } catch (wrong) {
      this.tell(fill(this.said["failed"], { why: wrong instanceof Error ? wrong.message : String(wrong) }));
    }
  }

  private tell(text: string): void {
    this.told.textContent = text;
  }
}

for (const element of document.querySelectorAll<HTMLElement>("[data-graph]")) void new Island(element).load();
