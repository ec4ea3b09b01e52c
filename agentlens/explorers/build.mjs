// Bundles src/ into static/ (committed), or the unit tests into .tests/ when called with --tests.
import { build } from "esbuild";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const tests = fileURLToPath(new URL("../../tests/frontend/", import.meta.url));
const common = { bundle: true, target: "es2020", absWorkingDir: here, logLevel: "warning", charset: "utf8" };
const shipped = { ...common, minify: true, charset: "ascii", legalComments: "inline" };

// One ES module and one style sheet a view; `report` is all of them for the HTML report, `report_plain` those without charts.
const views = ["trace_tree", "charts", "overview", "agent_map", "findings", "conversation", "compare", "drift", "origin"];
const sources = (names, end) => names.map((name) => `src/${name}.${end}`).filter((path) => existsSync(here + path));

async function buildStatic() {
  await build({ ...shipped, entryPoints: sources(views, "ts"), format: "esm", outdir: "static" });
  await build({ ...shipped, entryPoints: ["src/report.ts", "src/report_plain.ts", "src/loader.ts"], format: "iife", outdir: "static" });
  await build({ ...shipped, entryPoints: sources([...views, "report"], "css"), outdir: "static" });
}

async function buildTests() {
  const entryPoints = readdirSync(tests).filter((name) => name.endsWith(".test.ts")).map((name) => tests + name);
  await build({
    ...common, entryPoints, format: "esm", platform: "node", outdir: ".tests", outExtension: { ".js": ".mjs" },
    alias: { "#src": `${here}src` },
  });
}

await (process.argv.includes("--tests") ? buildTests() : buildStatic());
