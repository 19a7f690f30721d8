/** Sends the graph to the layout's worker and brings the places back. */
import type { LayoutAnswer, LayoutAsk } from "./layout-messages";
import type { Graph } from "./graph-model";

// Beside this file, wherever the node serves it from. Read while the script runs: later it is null.
const here = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : location.href;

export class Layout {
  private readonly worker: Worker;
  private current = 0;

  constructor(
    private readonly graph: Graph,
    private readonly moved: (done: boolean, ms: number) => void,
  ) {
    this.worker = new Worker(new URL("layout.js", here));
    this.worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => this.take(data);
    // Without a layout the nodes stay on their sunflower: not beautiful, but all there.
    this.worker.onerror = () => this.moved(true, 0);
  }

  run(settled: boolean): void {
    const { nodes, links } = this.graph;
    const index = new Map(nodes.map((node, i) => [node, i]));
    const positions = new Float32Array(nodes.flatMap(({ x, y }) => [x, y]));
    const pairs = new Uint32Array(links.flatMap(({ source, target }) => [index.get(source) ?? 0, index.get(target) ?? 0]));
    const ask: LayoutAsk = { run: ++this.current, positions, links: pairs, settled };
    this.worker.postMessage(ask, [positions.buffer, pairs.buffer]);
  }

  private take({ run, positions, done, ms }: LayoutAnswer): void {
    if (run !== this.current) return;
    for (let i = 0; 2 * i < positions.length; i++) {
      const node = this.graph.nodes[i];
      if (!node) break;
      node.x = positions[2 * i] ?? 0;
      node.y = positions[2 * i + 1] ?? 0;
    }
    this.moved(done, ms);
  }
}
