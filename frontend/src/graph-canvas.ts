/** Draws a graph on a plain canvas, which every laptop can do quickly without a graphics card. */
import { outline } from "./graph-types";
import { other, type Graph, type GraphNode, type Link } from "./graph-model";

export interface Scene {
  selected: GraphNode | null;
  hovered: GraphNode | null;
  /** The link that the arrow keys would go along. */
  aim: Link | null;
  ends: (GraphNode | null)[];
  path: GraphNode[];
  root: GraphNode | null;
}

const NAMES = 40;
/** How many names are tried in one frame: measuring a text takes its time. */
const TRIES = 160;
const [SMALLEST, LARGEST] = [0.02, 8];
/** Lines in one path: long paths are slow to fill where they cross. */
const BATCH = 24;
/** Up to here every link has its arrow head; above, only those of the chosen node. */
const HEADS = 500;

export class Canvas {
  private readonly context: CanvasRenderingContext2D;
  private colours = new Map<string, string>();
  private waiting = false;
  private x = 0;
  private y = 0;
  private width = 0;
  private height = 0;
  private font = "";
  /** Nodes by how many links they have, made anew when there are more of them. */
  private ranked: GraphNode[] = [];
  scale = 1;

  constructor(
    readonly element: HTMLCanvasElement,
    private readonly graph: Graph,
    private readonly scene: Scene,
  ) {
    const context = element.getContext("2d");
    if (!context) throw new Error("canvas");
    this.context = context;
    new ResizeObserver(() => this.size()).observe(element);
    this.size();
  }

  /** Takes the colours anew from the style sheet: another theme. */
  recolour(): void {
    this.colours.clear();
    this.draw();
  }

  /** Draws before the next frame. */
  draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  fit(): void {
    const seen = this.graph.nodes.filter((node) => node.seen);
    if (!seen.length) return;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y } of seen) {
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
    const { clientWidth, clientHeight } = this.element;
    const wanted = Math.min(clientWidth / (right - left + 90), clientHeight / (bottom - top + 70), 1.6);
    this.scale = Math.max(SMALLEST, wanted);
    this.x = clientWidth / 2 - (this.scale * (left + right)) / 2;
    this.y = clientHeight / 2 - (this.scale * (top + bottom)) / 2;
    this.draw();
  }

  pan(dx: number, dy: number): void {
    this.x += dx;
    this.y += dy;
    this.draw();
  }

  /** Zoom about a point of the canvas, its middle if none is given. */
  zoom(factor: number, at?: [number, number]): void {
    const [px, py] = at ?? [this.element.clientWidth / 2, this.element.clientHeight / 2];
    const next = Math.max(SMALLEST, Math.min(LARGEST, this.scale * factor));
    this.x = px - ((px - this.x) * next) / this.scale;
    this.y = py - ((py - this.y) * next) / this.scale;
    this.scale = next;
    this.draw();
  }

  /** Moves the view only where the node is not well inside it. */
  reveal(node: GraphNode): void {
    const [x, y] = this.place(node);
    const { clientWidth, clientHeight } = this.element;
    const margin = 60;
    const dx = x < margin ? margin - x : x > clientWidth - margin ? clientWidth - margin - x : 0;
    const dy = y < margin ? margin - y : y > clientHeight - margin ? clientHeight - margin - y : 0;
    this.pan(dx, dy);
  }

  place(node: GraphNode): [number, number] {
    return [node.x * this.scale + this.x, node.y * this.scale + this.y];
  }

  world(px: number, py: number): [number, number] {
    return [(px - this.x) / this.scale, (py - this.y) / this.scale];
  }

  radius(node: GraphNode): number {
    const r = Math.max(3, Math.min(15, 10 * this.scale));
    return node === this.scene.root || node === this.scene.selected ? Math.max(6, r * 1.25) : r;
  }

  /** The node under a point, with 24 px of room (WCAG 2.5.8). */
  hit(px: number, py: number): GraphNode | null {
    let [best, nearest]: [GraphNode | null, number] = [null, Infinity];
    for (const node of this.graph.nodes) {
      if (!node.seen) continue;
      const [x, y] = this.place(node);
      const far = Math.hypot(x - px, y - py);
      if (far < nearest && far <= Math.max(12, this.radius(node))) [best, nearest] = [node, far];
    }
    return best;
  }

  private size(): void {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this.element;
    this.element.width = Math.round(clientWidth * ratio);
    this.element.height = Math.round(clientHeight * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  /** A colour token as a canvas can use it: `light-dark()` is resolved by asking an element what it got. */
  private colour(token: string): string {
    let found = this.colours.get(token);
    if (found === undefined) {
      const probe = this.element.parentElement ?? this.element;
      probe.style.setProperty("color", `var(${token})`);
      found = getComputedStyle(probe).color;
      probe.style.removeProperty("color");
      this.colours.set(token, found);
    }
    return found;
  }

  private onPage(x: number, y: number, margin = 20): boolean {
    return x > -margin && y > -margin && x < this.width + margin && y < this.height + margin;
  }

  private paint(): void {
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    this.context.clearRect(0, 0, this.width, this.height);
    this.font = "";
    const { selected, path } = this.scene;
    const onPath = new Set(path);
    const isPath = (link: Link): boolean =>
      onPath.has(link.source) && onPath.has(link.target) && Math.abs(path.indexOf(link.source) - path.indexOf(link.target)) === 1;

    const links = this.graph.links.filter((link) => link.source.seen && link.target.seen && this.crosses(link));
    const own = selected ? links.filter((link) => link.source === selected || link.target === selected) : [];
    const faded = selected !== null || path.length > 0;
    this.lines(links, this.colour(faded ? "--line" : "--line-strong"), 1, links.length <= HEADS);
    if (path.length) this.lines(links.filter(isPath), this.colour("--bad"), 4, true);
    if (own.length) this.lines(own, this.colour("--accent"), 1.6, true);
    if (this.scene.aim) this.lines([this.scene.aim], this.colour("--focus"), 3.5, true);
    this.shapes(faded ? new Set([...onPath, ...own.flatMap((link) => [link.source, link.target])]) : null);
    this.marks(onPath);
    this.names(own);
  }

  /** Whether a link may be on the page: not if both its ends lie beyond the same edge. */
  private crosses({ source, target }: Link): boolean {
    const [x0, y0] = [source.x * this.scale + this.x, source.y * this.scale + this.y];
    const [x1, y1] = [target.x * this.scale + this.x, target.y * this.scale + this.y];
    return !((x0 < 0 && x1 < 0) || (y0 < 0 && y1 < 0) || (x0 > this.width && x1 > this.width) || (y0 > this.height && y1 > this.height));
  }

  private write(font: string): void {
    if (font === this.font) return; // parsing a font costs more than writing two letters
    this.context.font = this.font = font;
  }

  private lines(links: Link[], colour: string, width: number, heads: boolean): void {
    const pen = this.context;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = width;
    for (let at = 0; at < links.length; at += BATCH) {
      pen.beginPath();
      for (const { source, target } of links.slice(at, at + BATCH)) {
        pen.moveTo(source.x * this.scale + this.x, source.y * this.scale + this.y);
        pen.lineTo(target.x * this.scale + this.x, target.y * this.scale + this.y);
      }
      pen.stroke();
    }
    if (!heads || this.scale < 0.25) return;
    const size = 5 + width;
    pen.beginPath();
    for (const { source, target } of links) {
      const [x0, y0] = this.place(source);
      const [x1, y1] = this.place(target);
      const long = Math.hypot(x1 - x0, y1 - y0);
      const back = this.radius(target) * 1.15 + 1;
      if (long < back + size) continue;
      const [ux, uy] = [(x1 - x0) / long, (y1 - y0) / long];
      const [x, y] = [x1 - ux * back, y1 - uy * back];
      pen.moveTo(x, y);
      pen.lineTo(x - ux * size - uy * size * 0.5, y - uy * size + ux * size * 0.5);
      pen.lineTo(x - ux * size + uy * size * 0.5, y - uy * size - ux * size * 0.5);
      pen.closePath();
    }
    pen.fill();
  }

  /** Every node. With `near`, the others step back. */
  private shapes(near: Set<GraphNode> | null): void {
    const pen = this.context;
    const byColour = new Map<string, GraphNode[]>();
    for (const node of this.graph.nodes) {
      if (!node.seen) continue;
      const key = near && !near.has(node) && node !== this.scene.selected ? `~${node.look.colour}` : node.look.colour;
      const row = byColour.get(key);
      if (row) row.push(node);
      else byColour.set(key, [node]);
    }
    // The faded first, so that what matters lies on top.
    for (const [key, nodes] of [...byColour].sort(([a], [b]) => Number(b[0] === "~") - Number(a[0] === "~"))) {
      const faded = key[0] === "~";
      pen.globalAlpha = faded ? 0.45 : 1;
      pen.fillStyle = this.colour(faded ? key.slice(1) : key);
      for (let at = 0; at < nodes.length; at += BATCH) {
        pen.beginPath();
        for (const node of nodes.slice(at, at + BATCH)) {
          const [x, y] = this.place(node);
          if (this.onPage(x, y)) outline(pen, node.look.shape, x, y, this.radius(node));
        }
        pen.fill();
      }
      if (!faded) this.letters(nodes);
    }
    pen.globalAlpha = 1;
  }

  private letters(nodes: GraphNode[]): void {
    const pen = this.context;
    pen.fillStyle = this.colour("--on-type");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const node of nodes) {
      const r = this.radius(node);
      if (r < 7.5) continue;
      const [x, y] = this.place(node);
      if (!this.onPage(x, y)) continue;
      this.write(`700 ${Math.round(r * 0.9)}px system-ui, sans-serif`);
      const lower = node.look.shape === "up" ? r * 0.25 : node.look.shape === "down" ? -r * 0.25 : 0;
      pen.fillText(node.look.letters, x, y + lower);
    }
  }

  /** Rings: the chosen node, the one the graph began with, the path and its ends. */
  private marks(onPath: Set<GraphNode>): void {
    const pen = this.context;
    const ring = (node: GraphNode, colour: string, width: number, more: number, dash: number[] = []): void => {
      const [x, y] = this.place(node);
      pen.strokeStyle = this.colour(colour);
      pen.lineWidth = width;
      pen.setLineDash(dash);
      pen.beginPath();
      pen.arc(x, y, this.radius(node) * 1.3 + more, 0, 2 * Math.PI);
      pen.stroke();
      pen.setLineDash([]);
    };
    const { root, selected, hovered, ends, aim } = this.scene;
    if (root?.seen) ring(root, "--ink", 2, 2);
    for (const node of onPath) ring(node, "--bad", 3, 2);
    for (const node of ends) if (node?.seen) ring(node, "--bad", 3, 6, [4, 3]);
    if (hovered && hovered !== selected) ring(hovered, "--accent", 2, 3);
    if (selected?.seen) ring(selected, "--focus", 4, 4);
    if (aim && selected) ring(other(aim, selected), "--focus", 2, 3, [3, 3]);
  }

  /** Names, the ones that matter first, each only where there is room; then what the chosen node's links say. */
  private names(own: Link[]): void {
    const pen = this.context;
    const { selected, hovered, path, root, ends, aim } = this.scene;
    const taken: [number, number, number, number][] = [];
    const must = [selected, hovered, aim && selected ? other(aim, selected) : null, ...ends, ...path, root].filter((node) => node?.seen);
    const near = own.slice(0, 60).map((link) => (link.source === selected ? link.target : link.source));
    if (this.ranked.length !== this.graph.nodes.length)
      this.ranked = [...this.graph.nodes].sort((a, b) => b.links.length - a.links.length || a.order - b.order);
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.lineJoin = "round";
    let [drawn, tried] = [0, 0];
    const seen = new Set<GraphNode>();
    const write = (text: string, x: number, y: number, force: boolean, weight: string): boolean => {
      this.write(`${weight} 12px system-ui, sans-serif`);
      const half = pen.measureText(text).width / 2 + 3;
      const box: [number, number, number, number] = [x - half, y - 12, x + half, y + 4];
      if (!force && taken.some(([l, t, r, b]) => box[0] < r && box[2] > l && box[1] < b && box[3] > t)) return false;
      taken.push(box);
      pen.lineWidth = 4;
      pen.strokeStyle = this.colour("--paper");
      pen.strokeText(text, x, y);
      pen.fillStyle = this.colour("--ink");
      pen.fillText(text, x, y);
      return true;
    };
    for (const node of [...must, ...near, ...(selected || path.length ? [] : this.ranked)]) {
      if (!node || !node.seen || seen.has(node) || drawn >= NAMES || tried >= TRIES) continue;
      seen.add(node);
      const [x, y] = this.place(node);
      if (!this.onPage(x, y, 0)) continue;
      tried++;
      const text = node.name.length > 32 ? `${node.name.slice(0, 31)}…` : node.name;
      const forced = node === selected || node === hovered;
      if (write(text, x, y + this.radius(node) * 1.3 + 14, forced, forced ? "700" : "400")) drawn++;
    }
    if (own.length > 12 && !aim) return;
    for (const link of aim ? [aim] : own) {
      const [x0, y0] = this.place(link.source);
      const [x1, y1] = this.place(link.target);
      if (Math.hypot(x1 - x0, y1 - y0) > 70) write(link.label, (x0 + x1) / 2, (y0 + y1) / 2, false, "italic 400");
    }
  }
}
