// Bundles src/*.ts into the folder named as the only argument. `npm run build -- FOLDER`; hatch_build.py calls it.
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { world } from "./world.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2] ?? join(here, "..", "src", "titian", "web", "static", "built");

/** `import world from "world:"`: the map's shapes, computed here so that no browser has to. */
const worldModule = {
  name: "world",
  setup(building) {
    building.onResolve({ filter: /^world:$/ }, () => ({ path: "world", namespace: "world" }));
    building.onLoad({ filter: /.*/, namespace: "world" }, () => ({ contents: JSON.stringify(world()), loader: "json" }));
  },
};

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["theme", "console", "graph", "layout", "map", "passkey"].map((name) => `src/${name}.ts`),
  outdir: folder,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none", // every licence stands in LICENSES.txt
  metafile: true,
  logLevel: "warning",
  plugins: [worldModule],
});

/** The packages whose text is in what was built; the two whose data is. */
function packages() {
  const found = new Set(["world-atlas", "topojson-client", "iso-3166-1"]);
  for (const input of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name) found.add(name);
  }
  return [...found].sort();
}

function licence(name) {
  const root = join(here, "node_modules", name);
  const about = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const file = readdirSync(root).find((each) => /^licen[cs]e/i.test(each));
  const text = file ? readFileSync(join(root, file), "utf8").trim() : `Licence: ${about.license}. The package holds no text of it.`;
  return `${name} ${about.version} (${about.license})\n${"-".repeat(72)}\n${text}\n`;
}

const preface = `The files in this folder hold, besides Titian's own code (Apache-2.0), what follows.
The map's shapes are Natural Earth's, which are in the public domain.
`;
if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "LICENSES.txt"), [preface, ...packages().map(licence)].join("\n"));
