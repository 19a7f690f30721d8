/** The objects and links that the graph holds, without a drawing. */
import { look, type Look } from "./graph-types";
import { shown } from "./dom";

export interface GraphJson {
  nodes: { id: string; type: string; name: string | null; tlp: string | null; depth: number }[];
  edges: { source: string; target: string; label: string }[];
  more: boolean;
}

export interface GraphNode {
  id: string;
  type: string;
  name: string;
  tlp: string | null;
  look: Look;
  x: number;
  y: number;
  /** Whether its filter shows it. */
  seen: boolean;
  links: Link[];
  order: number;
}

export interface Link {
  source: GraphNode;
  target: GraphNode;
  label: string;
}

export const other = (link: Link, node: GraphNode): GraphNode => (link.source === node ? link.target : link.source);

/** The angle between neighbours on a sunflower: places are spread evenly, and the same at every visit. */
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly links: Link[] = [];
  readonly hiddenTypes = new Set<string>();
  private readonly byId = new Map<string, GraphNode>();
  private readonly keys = new Set<string>();

  get(id: string): GraphNode | undefined {
    return this.byId.get(id);
  }

  /** Adds what is not there yet, near `beside` if it is given; the number of objects that came. */
  add(json: GraphJson, beside?: GraphNode): number {
    const before = this.nodes.length;
    for (const { id, type, name, tlp } of json.nodes) {
      if (this.byId.has(id)) continue;
      const order = this.nodes.length;
      const radius = beside ? 25 + 4 * Math.sqrt(order - before) : 22 * Math.sqrt(order);
      const node: GraphNode = {
        id,
        type,
        name: shown(name || id).slice(0, 300),
        tlp,
        look: look(type),
        x: (beside?.x ?? 0) + radius * Math.cos(order * GOLDEN),
        y: (beside?.y ?? 0) + radius * Math.sin(order * GOLDEN),
        seen: !this.hiddenTypes.has(type),
        links: [],
        order,
      };
      this.nodes.push(node);
      this.byId.set(id, node);
    }
    for (const { source, target, label } of json.edges) {
      const [from, to] = [this.byId.get(source), this.byId.get(target)];
      const key = `${source} ${target} ${label}`;
      if (!from || !to || from === to || this.keys.has(key)) continue;
      this.keys.add(key);
      const link = { source: from, target: to, label: shown(label) };
      this.links.push(link);
      from.links.push(link);
      to.links.push(link);
    }
    return this.nodes.length - before;
  }

  /** How many objects of each type there are, the most frequent first. */
  types(): [string, number][] {
    const counts = new Map<string, number>();
    for (const { type } of this.nodes) counts.set(type, (counts.get(type) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  }

  show(type: string, seen: boolean): void {
    if (seen) this.hiddenTypes.delete(type);
    else this.hiddenTypes.add(type);
    for (const node of this.nodes) if (node.type === type) node.seen = seen;
  }

  /** A node's links that are shown, by type and name of the other end. */
  linksOf(node: GraphNode): Link[] {
    return node.links
      .filter((link) => other(link, node).seen)
      .sort((a, b) => {
        const [one, two] = [other(a, node), other(b, node)];
        return one.type.localeCompare(two.type) || one.name.localeCompare(two.name) || one.order - two.order;
      });
  }

  /** The fewest links between two nodes, in either direction, among those shown; null where there is no way. */
  path(from: GraphNode, to: GraphNode): GraphNode[] | null {
    const came = new Map<GraphNode, GraphNode | null>([[from, null]]);
    const waiting = [from];
    for (let node = waiting.shift(); node; node = waiting.shift()) {
      if (node === to) {
        const way: GraphNode[] = [];
        for (let at: GraphNode | null | undefined = node; at; at = came.get(at)) way.unshift(at);
        return way;
      }
      for (const link of node.links) {
        const next = other(link, node);
        if (!next.seen || came.has(next)) continue;
        came.set(next, node);
        waiting.push(next);
      }
    }
    return null;
  }
}
