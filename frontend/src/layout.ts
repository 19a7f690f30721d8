// The graph's layout, in a worker of its own file: the page's policy allows no worker made of text. Positions go back
// while they settle, so that the reader can look around before it is done.
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type SimulationNodeDatum } from "d3-force";
import type { LayoutAsk, LayoutAnswer } from "./layout-messages";

interface Scope {
  onmessage: ((event: MessageEvent<LayoutAsk>) => void) | null;
  postMessage(message: LayoutAnswer, transfer: Transferable[]): void;
}
const scope = self as unknown as Scope;

const LOOK_MS = 80;
/** Beyond this many nodes, keeping them from touching costs more than it shows. */
const COLLIDE = 700;

let running = 0;

function positions(nodes: SimulationNodeDatum[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(nodes.length * 2);
  nodes.forEach((node, i) => {
    out[2 * i] = node.x ?? 0;
    out[2 * i + 1] = node.y ?? 0;
  });
  return out;
}

scope.onmessage = ({ data }) => {
  const run = ++running;
  const count = data.positions.length / 2;
  const nodes: SimulationNodeDatum[] = Array.from({ length: count }, (_, i) => ({
    x: data.positions[2 * i] ?? 0,
    y: data.positions[2 * i + 1] ?? 0,
  }));
  const links = Array.from({ length: data.links.length / 2 }, (_, i) => ({
    source: data.links[2 * i] ?? 0,
    target: data.links[2 * i + 1] ?? 0,
  }));
  const ticks = count < 300 ? 300 : count < 1000 ? 220 : 160;
  const start = data.settled ? 0.35 : 1;
  const simulation = forceSimulation(nodes)
    .stop()
    .alpha(start)
    .alphaDecay(1 - Math.pow(0.001 / start, 1 / ticks))
    .force("link", forceLink(links).distance(count < 300 ? 60 : 42))
    .force("charge", forceManyBody().strength(count < 300 ? -190 : -70).theta(1).distanceMax(900))
    .force("x", forceX().strength(0.05))
    .force("y", forceY().strength(0.065));
  if (count <= COLLIDE) simulation.force("collide", forceCollide(15));

  const begun = performance.now();
  let done = 0;
  const step = (): void => {
    if (run !== running) return; // asked anew: the graph has grown
    const until = performance.now() + LOOK_MS;
    while (done < ticks && performance.now() < until) {
      simulation.tick();
      done++;
    }
    const at = positions(nodes);
    const ended = done >= ticks;
    scope.postMessage({ run: data.run, positions: at, done: ended, ms: performance.now() - begun }, [at.buffer]);
    if (!ended) setTimeout(step);
  };
  step();
};
