// The world map, from Natural Earth's shapes (public domain): the land's outline and one point for each country.
// No borders: several are disputed between those who read this map, and it needs none to show what flows.
// Computed at build time: the browser gets paths in the map's own units and needs no projection library.
import iso from "iso-3166-1";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { feature } from "topojson-client";

const require = createRequire(import.meta.url);

/** Map units: the Natural Earth projection's width over its height is about 1.92. */
const WIDTH = 4000;
const SCALE = WIDTH / (2 * Math.PI * 0.8707);
/** What is left out at the bottom: Antarctica is no party. */
const SOUTH = -58;
const NORTH = 84;

/** The map's middle. Its edge is then 169° west, in the Bering Strait, where it cuts no country. */
const MIDDLE = 11;

/**
 * A ring whose longitudes run on, instead of jumping at 180°, on the side of the map's edge where most of it lies:
 * the shapes are cut there in the file, and a map with another middle must not show it.
 */
function whole(ring) {
  let [before, turn] = [ring[0][0], 0];
  const out = ring.map(([longitude, latitude]) => {
    if (longitude - before > 180) turn -= 360;
    if (longitude - before < -180) turn += 360;
    before = longitude;
    return [longitude + turn, latitude];
  });
  const mean = out.reduce((sum, [longitude]) => sum + longitude, 0) / out.length;
  const shift = mean < MIDDLE - 180 ? 360 : mean > MIDDLE + 180 ? -360 : 0;
  return out.map(([longitude, latitude]) => [longitude + shift, latitude]);
}

/** Natural Earth I, the polynomial of Šavrič et al. 2011 (as in d3-geo): degrees to map units. */
function place([longitude, latitude]) {
  const lambda = ((longitude - MIDDLE) * Math.PI) / 180;
  const phi = (Math.max(SOUTH, Math.min(NORTH, latitude)) * Math.PI) / 180;
  const two = phi * phi;
  const four = two * two;
  const x = lambda * (0.8707 - 0.131979 * two + four * (-0.013791 + four * (0.003971 * two - 0.001529 * four)));
  const y = phi * (1.007226 + two * (0.015085 + four * (-0.044475 + 0.028874 * two - 0.005916 * four)));
  return [x * SCALE, y * SCALE];
}

const top = place([MIDDLE, NORTH])[1];
const onPage = (point) => {
  const [x, y] = place(point);
  return [Math.round(x + WIDTH / 2), Math.round(top - y)];
};
export const height = () => Math.round(top - place([MIDDLE, SOUTH])[1]);

const rings = (geometry) => (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates);

/** A ring as a path of relative steps, without the points that fall together. */
function path(cut) {
  const ring = whole(cut);
  let [px, py] = onPage(ring[0]);
  let text = `M${px} ${py}l`;
  const steps = [];
  for (const point of ring.slice(1)) {
    const [x, y] = onPage(point);
    if (x === px && y === py) continue;
    steps.push(`${x - px} ${y - py}`);
    [px, py] = [x, y];
  }
  return steps.length > 1 ? `${text}${steps.join(" ").replaceAll(" -", "-")}z` : "";
}

/** Twice the signed area and the centre of a ring, in map units. */
function centre(cut) {
  const ring = whole(cut);
  let [area, cx, cy] = [0, 0, 0];
  for (let i = 0; i + 1 < ring.length; i++) {
    const [x0, y0] = place(ring[i]);
    const [x1, y1] = place(ring[i + 1]);
    const cross = x0 * y1 - x1 * y0;
    area += cross;
    cx += (x0 + x1) * cross;
    cy += (y0 + y1) * cross;
  }
  if (area === 0) return { area: 0, at: onPage(ring[0]) };
  return { area: Math.abs(area), at: [Math.round(cx / (3 * area) + WIDTH / 2), Math.round(top - cy / (3 * area))] };
}

function features(kind, detail) {
  const topology = JSON.parse(readFileSync(require.resolve(`world-atlas/${kind}-${detail}.json`), "utf8"));
  return feature(topology, topology.objects[kind]).features;
}

// Kosovo has no code of ISO 3166-1; XK is the user-assigned one that Natural Earth and others give it.
const code = (country) => (country.properties.name === "Kosovo" ? "XK" : iso.whereNumeric(String(country.id ?? ""))?.alpha2);

/** {width, height, land: path, at: {code: [x, y]}} */
export function world() {
  const north = (ring) => ring.some(([, latitude]) => latitude > SOUTH);
  const land = features("land", "110m")
    .flatMap((each) => rings(each.geometry))
    .filter((polygon) => north(polygon[0]))
    .map((polygon) => polygon.map(path).join(""))
    .join("");
  const at = {};
  const largest = {};
  for (const country of features("countries", "10m")) {
    const name = code(country);
    if (!name || name === "AQ") continue;
    for (const polygon of rings(country.geometry)) {
      const { area, at: point } = centre(polygon[0]);
      if (area >= (largest[name] ?? -1)) [largest[name], at[name]] = [area, point];
    }
  }
  return { width: WIDTH, height: height(), land, at };
}
