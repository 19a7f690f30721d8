/** Mouse, pen and fingers on the canvas: drag the ground, drag a node, pinch or wheel to zoom, choose, open. */
import type { Canvas, Scene } from "./graph-canvas";
import type { GraphNode } from "./graph-model";

interface Acts {
  choose(node: GraphNode | null): void;
  open(node: GraphNode): void;
  /** The reader has moved the view: it is theirs from now on. */
  touched(): void;
}

/** Further than this is a drag, not a click. */
const SLIP = 4;

export function pointing(canvas: Canvas, scene: Scene, acts: Acts): void {
  const { element } = canvas;
  const fingers = new Map<number, { x: number; y: number }>();
  let held: GraphNode | null = null;
  let travelled = 0;

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    held = fingers.size === 1 ? canvas.hit(event.offsetX, event.offsetY) : null;
    travelled = 0;
  });

  element.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) {
      const over = canvas.hit(event.offsetX, event.offsetY);
      if (over === scene.hovered) return;
      scene.hovered = over;
      return canvas.draw();
    }
    const [dx, dy] = [event.offsetX - last.x, event.offsetY - last.y];
    const [one, two] = [...fingers.values()];
    const before = one && two ? Math.hypot(one.x - two.x, one.y - two.y) : 0;
    last.x = event.offsetX;
    last.y = event.offsetY;
    travelled += Math.hypot(dx, dy);
    if (travelled < SLIP) return;
    acts.touched();
    if (one && two) {
      const apart = Math.hypot(one.x - two.x, one.y - two.y);
      canvas.zoom(before > 0 ? apart / before : 1, [(one.x + two.x) / 2, (one.y + two.y) / 2]);
    } else if (held) {
      [held.x, held.y] = canvas.world(event.offsetX, event.offsetY);
      canvas.draw();
    } else canvas.pan(dx, dy);
  });

  const lift = (event: PointerEvent): void => {
    if (!fingers.delete(event.pointerId)) return;
    if (event.type === "pointerup" && travelled < SLIP && fingers.size === 0 && held) acts.choose(held);
    held = null;
  };
  element.addEventListener("pointerup", lift);
  element.addEventListener("pointercancel", lift);
  element.addEventListener("dblclick", (event) => {
    const node = canvas.hit(event.offsetX, event.offsetY);
    if (node) acts.open(node);
  });

  // The page keeps its own scrolling: the wheel zooms only where the reader has turned to the graph.
  element.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== element && !event.ctrlKey) return;
      event.preventDefault();
      acts.touched();
      canvas.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), [event.offsetX, event.offsetY]);
    },
    { passive: false },
  );
}
