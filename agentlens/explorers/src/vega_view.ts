// A Vega-Lite spec -> a picture. Expressions are interpreted (no eval), and nothing can be fetched.

import * as vega from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";
import { showInline } from "./format.ts";
import { categoryColours, errorColour } from "./palette.ts";
import { formatValue, type Column, type TableData, type Value } from "./table.ts";
import type { Theme } from "./theme.ts";

const refuse = async (uri: string): Promise<never> => {
  throw new Error(`a chart may load nothing, and asked for ${uri}`);
};
const NO_LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

function makeConfig(theme: Theme): Record<string, unknown> {
  const words = { labelColor: theme.text, titleColor: theme.dim, labelFont: theme.font, titleFont: theme.font, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  return {
    background: "transparent", font: theme.font, view: { stroke: null },
    axis: { ...words, gridColor: theme.grid, domainColor: theme.dim, tickColor: theme.dim, domainOpacity: 0.5, labelLimit: 220 },
    legend: { ...words, labelLimit: 220, symbolType: "square" }, header: words, title: { color: theme.text, subtitleColor: theme.dim, anchor: "start", fontSize: 13 },
    range: { category: categoryColours(theme.name) }, mark: { color: categoryColours(theme.name)[0] }, text: { color: theme.text }, rule: { color: theme.dim },
    bar: { cornerRadiusEnd: 2 }, line: { strokeWidth: 2 }, point: { filled: true, size: 45 },
    // `signal`-style names for specs that mark failures and baselines themselves.
    style: { failure: { color: errorColour(theme.name) }, baseline: { color: theme.dim, strokeDash: [4, 3] }, inverse: { color: theme.name === "dark" ? "#101215" : "#ffffff", fill: theme.name === "dark" ? "#101215" : "#ffffff" } },
  };
}

export interface ChartClick {
  row: number;
}

export interface ChartHost {
  onPick(row: number): void;
  // The words of a tooltip, or null when the pointer left.
  onHover(lines: [string, string][] | null, x: number, y: number): void;
}

// Rows become objects with `__row`, their number, so that a click can be walked back to the table. They stand in for the
// data set that the spec calls `rows`; `numbers` are the rows' own where only some are shown. Hidden characters are shown, and texts that are missing have their name.
export function attachRows(spec: Record<string, unknown>, { columns, rows }: TableData, numbers?: number[]): Record<string, unknown> {
  const show = (value: Value, column: Column) => {
    if (column.kind === "text") return formatValue(value, column);
    return typeof value === "string" ? showInline(value) : value;
  };
  const values = rows.map((row, at) => ({ ...Object.fromEntries(columns.map((column, k) => [column.name, show(row[k], column)])), __row: numbers ? numbers[at] : at }));
  return { ...spec, datasets: { ...(spec["datasets"] as object | undefined), rows: values } };
}

const SHEET = new CSSStyleSheet();
SHEET.replaceSync('svg { display: block; max-width: none; } [role="graphics-symbol"] { cursor: pointer; }');

// A tree of ids of its own: a notebook holds a copy of Vega for every explorer, and each counts the ids of its clips from 1, so that bars would be
// cut to those of another chart.
function ownTree(place: HTMLElement): HTMLElement {
  const tree = place.attachShadow({ mode: "open" });
  tree.adoptedStyleSheets = [SHEET];
  return tree.appendChild(document.createElement("div"));
}

export async function mountChart(spec: Record<string, unknown>, theme: Theme, place: HTMLElement, host: ChartHost): Promise<() => void> {
  const silent = vega.logger(vega.Error);
  const compiled = compile(spec as any, { config: makeConfig(theme) as any, logger: silent as any }).spec;
  const view = new vega.View(vega.parse(compiled, undefined, { ast: true }), {
    expr: expressionInterpreter, loader: NO_LOADER as any, renderer: "svg", container: ownTree(place), hover: true, logger: silent,
    tooltip: (_handler: unknown, event: MouseEvent | null, _item: unknown, value: unknown) =>
      host.onHover(event ? describe(value) : null, event?.clientX ?? 0, event?.clientY ?? 0),
  } as any);
  view.addEventListener("click", (_event, item) => {
    const row = (item as any)?.datum?.__row;
    if (typeof row === "number") host.onPick(row);
  });
  await view.runAsync();
  const clear = () => view.finalize();
  return Object.assign(clear, { view });
}

// Tells a spec that declares the parameter `picked_row` which row is picked.
export function markPicked(handle: unknown, row: number): void {
  const view = (handle as { view?: vega.View }).view;
  if (!view) return;
  const { signals } = view.getState({ signals: (name?: string) => name === "picked_row" });
  if (signals && "picked_row" in signals) void view.signal("picked_row", row).runAsync();
}

function describe(value: unknown): [string, string][] | null {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value !== "object") return [["", showInline(String(value))]];
  return Object.entries(value as Record<string, unknown>).map(([name, part]) => [showInline(name), showInline(String(part))]);
}
