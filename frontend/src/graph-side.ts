/** The chosen node and its links, as text: what the canvas shows, for those who read or hear it. */
import { fill, make, type Words } from "./dom";
import { other, type GraphNode, type Link } from "./graph-model";

const MOST = 200;

interface Acts {
  choose(node: GraphNode): void;
  openAddress(node: GraphNode): string;
}

export class Side {
  readonly element = make("section", { class: "graph-side", tabindex: "0" });

  constructor(
    private readonly said: Words,
    private readonly acts: Acts,
  ) {
    this.element.setAttribute("aria-label", said["nothing_chosen"] ?? "");
    this.show(null, []);
  }

  show(node: GraphNode | null, links: Link[]): void {
    if (!node) return this.element.replaceChildren(make("p", { class: "muted" }, this.said["nothing_chosen"] ?? ""));
    this.element.setAttribute("aria-label", node.name);
    const address = this.acts.openAddress(node);
    const title = make("h2", {}, address ? make("a", { href: address }, make("bdi", {}, node.name)) : make("bdi", {}, node.name));
    const about = make("p", { class: "cluster tight" }, this.badge(node));
    if (node.tlp) about.append(make("span", { class: `tlp ${tlpClass(node.tlp)}` }, node.tlp));
    const list = make("ul");
    for (const link of links.slice(0, MOST)) list.append(this.row(link, node));
    const count = make("p", { class: "muted" }, links.length ? fill(this.said["links"], { count: links.length }) : (this.said["no_links"] ?? ""));
    this.element.replaceChildren(title, about, count, list);
    if (links.length > MOST)
      this.element.append(make("p", { class: "muted" }, fill(this.said["more_links"], { count: links.length - MOST })));
  }

  private badge(node: GraphNode): HTMLElement {
    return make("span", { class: `type type-${node.type}` }, this.said[`type.${node.type}`] ?? node.type);
  }

  private row(link: Link, node: GraphNode): HTMLElement {
    const far = other(link, node);
    const out = link.source === node;
    const arrow = make("span", { "aria-hidden": "true" }, out ? "→" : "←");
    const way = make("span", { class: "muted small" }, link.label, " ", make("span", { class: "visually-hidden" }, (out ? this.said["outgoing"] : this.said["incoming"]) ?? ""));
    const button = make("button", { type: "button", class: "small" }, arrow, way, make("bdi", {}, far.name), this.badge(far));
    button.addEventListener("click", () => this.acts.choose(far));
    return make("li", {}, button);
  }
}

/** The class of a marking's badge; what is not known is shown as unmarked. */
function tlpClass(tlp: string): string {
  const name = tlp.replace(/^TLP:/, "").replace("+", "-").toLowerCase();
  return ["red", "amber", "amber-strict", "green", "clear"].includes(name) ? `tlp-${name}` : "tlp-none";
}
