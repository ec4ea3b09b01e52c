// Bundles src/ into static/ (committed), or the unit tests into .tests/ when called with --tests.
import { build } from "esbuild";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const tests = fileURLToPath(new URL("../../tests/frontend/", import.meta.url));
const common = { bundle: true, target: "es2020", absWorkingDir: here, logLevel: "warning", charset: "utf8" };
const shipped = { ...common, minify: true, charset: "ascii", legalComments: "inline" };

async function buildStatic() {
  await build({ ...shipped, entryPoints: ["src/trace_tree.ts", "src/charts.ts"], format: "esm", outdir: "static" });
  await build({ ...shipped, entryPoints: ["src/report.ts"], format: "iife", globalName: "agentlens_report", outdir: "static" });
  await build({ ...shipped, entryPoints: ["src/trace_tree.css", "src/charts.css"], outdir: "static" });
}

async function buildTests() {
  const entryPoints = readdirSync(tests).filter((name) => name.endsWith(".test.ts")).map((name) => tests + name);
  await build({
    ...common, entryPoints, format: "esm", platform: "node", outdir: ".tests", outExtension: { ".js": ".mjs" },
    alias: { "#src": `${here}src` },
  });
}

await (process.argv.includes("--tests") ? buildTests() : buildStatic());
