// Bundles GraphiQL into static files whose names carry the hash of their content.
// Usage: node build.mjs [folder]
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const home = import.meta.dirname;
const out = path.resolve(process.argv[2] ?? path.join(home, "../static"));
const monaco = "monaco-editor/esm/vs";

// GraphiQL's style sheets carry their fonts as data: URLs, which the page's content policy forbids.
// Latin scripts stay; others fall back to the system's fonts, as they do in most of the editor anyway.
const fonts = {
  name: "fonts",
  setup({ onLoad, onResolve }) {
    const found = new Map();
    onLoad({ filter: /[\\/]font[\\/][\w-]+\.css$/ }, async (args) => {
      const family = path.basename(args.path, ".css");
      const faces = (await readFile(args.path, "utf8")).match(/@font-face\s*\{[^}]*\}/g);
      const latin = faces.filter((face) => /unicode-range:\s*U\+0[01]00-/.test(face));
      const contents = latin.map((face, index) =>
        face.replace(/url\(["']?data:font\/(\w+);base64,([^)"']+)["']?\)/, (_, kind, data) => {
          const name = `${family}-${index}.${kind}`;
          found.set(name, Buffer.from(data, "base64"));
          return `url("font:${name}")`;
        }),
      );
      return { contents: contents.join("\n"), loader: "css" };
    });
    onResolve({ filter: /^font:/ }, (args) => ({ path: args.path.slice(5), namespace: "font" }));
    onLoad({ filter: /.*/, namespace: "font" }, (args) => ({ contents: found.get(args.path), loader: "file" }));
  },
};

const common = {
  absWorkingDir: home,
  assetNames: "[name]-[hash]",
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"' },
  entryNames: "[name]-[hash]",
  legalComments: "none",
  loader: { ".svg": "copy", ".ttf": "file" },
  logLevel: "warning",
  mainFields: ["module", "main"], // one copy of graphql, whether imported or required
  metafile: true,
  minify: true,
  outdir: out,
  plugins: [fonts],
  target: ["chrome111", "firefox115", "safari16.4"],
};

// Every package in the bundles, with the licence that its own folder holds.
async function licences(metafiles) {
  const files = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const folders = new Set(files.map((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean));
  const texts = [];
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(path.join(home, folder, "package.json"), "utf8"));
    const file = (await readdir(path.join(home, folder))).sort().find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(path.join(home, folder, file), "utf8") : "";
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}`.trim());
  }
  return `${texts.sort().join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const workers = await build({
  ...common,
  entryPoints: {
    "editor.worker": `${monaco}/editor/editor.worker.js`,
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": `${monaco}/language/json/json.worker.js`,
  },
  format: "iife",
});
const names = Object.entries(workers.metafile.outputs).map(([file, { entryPoint }]) => [
  path.basename(entryPoint).split(".")[0],
  `./${path.basename(file)}`,
]);
const page = await build({
  ...common,
  define: { ...common.define, WORKERS: JSON.stringify(Object.fromEntries(names.sort())) },
  entryPoints: { graphiql: "src/main.jsx", icon: "src/icon.svg" },
  format: "esm",
  jsx: "automatic",
  keepNames: true, // GraphiQL titles its icons by the names of their functions
});
const notices = await licences([workers.metafile, page.metafile]);
const hash = createHash("sha256").update(notices).digest("hex").slice(0, 8).toUpperCase();
await writeFile(path.join(out, `licences-${hash}.txt`), notices);
