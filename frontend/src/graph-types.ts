/** How a STIX type is drawn: a family's colour and shape, and two letters of its own: never colour alone. */
export type Shape = "diamond" | "hexagon" | "down" | "up" | "square" | "cross" | "tall" | "circle";

export interface Look {
  /** A colour token of console.css. */
  colour: string;
  shape: Shape;
  letters: string;
}

const FAMILIES: [string, Shape, Record<string, string>][] = [
  ["--type-actor", "diamond", { "threat-actor": "TA", "intrusion-set": "IS", campaign: "Ca" }],
  ["--type-means", "hexagon", { malware: "Ma", "malware-analysis": "MA", tool: "To", infrastructure: "If" }],
  ["--type-way", "down", { "attack-pattern": "AP", "course-of-action": "CA" }],
  ["--type-sign", "up", { indicator: "In", "observed-data": "OD", sighting: "Si" }],
  ["--type-party", "square", { identity: "Id", location: "Lo" }],
  ["--type-hole", "cross", { vulnerability: "Vu" }],
  ["--type-account", "tall", { report: "Re", note: "No", opinion: "Op", grouping: "Gr", incident: "Ic" }],
];

const known = new Map<string, Look>();
for (const [colour, shape, types] of FAMILIES)
  for (const [type, letters] of Object.entries(types)) known.set(type, { colour, shape, letters });

/** The look of a type; one that is not known (an observable, an extension) is a circle with its first letters. */
export function look(type: string): Look {
  let found = known.get(type);
  if (!found) {
    const parts = type.split("-");
    const letters = parts.length > 1 ? `${parts[0]?.[0] ?? ""}${parts[1]?.[0] ?? ""}` : type.slice(0, 2);
    found = { colour: "--type-other", shape: "circle", letters: letters.replace(/^./, (first) => first.toUpperCase()) };
    known.set(type, found);
  }
  return found;
}

/** Adds the outline of a shape to a path. All shapes cover about the same area. */
export function outline(path: CanvasRenderingContext2D, shape: Shape, x: number, y: number, r: number): void {
  const corners = (points: [number, number][]): void => {
    points.forEach(([dx, dy], i) => (i ? path.lineTo(x + dx * r, y + dy * r) : path.moveTo(x + dx * r, y + dy * r)));
    path.closePath();
  };
  switch (shape) {
    case "circle":
      path.moveTo(x + r, y);
      path.arc(x, y, r, 0, 2 * Math.PI);
      return;
    case "square":
      return path.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
    case "tall":
      return path.rect(x - 0.75 * r, y - 1.05 * r, 1.5 * r, 2.1 * r);
    case "diamond":
      return corners([[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]);
    case "up":
      return corners([[0, -1.25], [1.25, 0.95], [-1.25, 0.95]]);
    case "down":
      return corners([[0, 1.25], [1.25, -0.95], [-1.25, -0.95]]);
    case "hexagon":
      return corners([[0, -1.15], [1, -0.58], [1, 0.58], [0, 1.15], [-1, 0.58], [-1, -0.58]]);
    case "cross":
      return corners([
        [-0.45, -1.15], [0.45, -1.15], [0.45, -0.45], [1.15, -0.45], [1.15, 0.45], [0.45, 0.45],
        [0.45, 1.15], [-0.45, 1.15], [-0.45, 0.45], [-1.15, 0.45], [-1.15, -0.45], [-0.45, -0.45],
      ]);
  }
}
