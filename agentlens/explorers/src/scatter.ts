// Tool calls as points, how long against how large, both axes logarithmic.

import { h, svg } from "./dom.ts";
import { formatBytes, formatDuration, formatTick, showInline } from "./format.ts";

export type Point = [tool: string | null, spanId: string, bytes: number, ms: number, failed: boolean];

const WIDTH = 380;
const HEIGHT = 220;
const EDGE = { left: 62, right: 20, top: 8, bottom: 26 };
// Round lengths of time in ms, for the axis.
const LENGTHS = [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 864_000_000];

export interface LogScale {
  from: number;
  to: number;
  place(value: number): number;
  ticks: number[];
}

// Whole powers of ten around the values, mapped to [low, high] px; at most five ticks.
export function logScale(values: number[], low: number, high: number): LogScale {
  const logs = values.map(Math.log10);
  const from = Math.floor(logs.reduce((a, b) => Math.min(a, b), Infinity) - 1e-9);
  const most = Math.ceil(logs.reduce((a, b) => Math.max(a, b), -Infinity) + 1e-9);
  const to = most > from ? most : from + 1;
  const step = Math.ceil((to - from) / 5);
  const ticks = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, k) => 10 ** (from + k * step));
  return { from: 10 ** from, to: 10 ** to, ticks, place: (value) => low + ((Math.log10(value) - from) / (to - from)) * (high - low) };
}

export function drawScatter(points: Point[], picked: string | null, onPick: (spanId: string) => void): HTMLElement {
  if (points.length < 3) return h("p", { class: "al-nothing" }, "Too few tool calls with a result and a duration to draw.");
  const x = logScale(points.map((point) => point[2]), EDGE.left, WIDTH - EDGE.right);
  const y = logScale(points.map((point) => point[3]), HEIGHT - EDGE.bottom, EDGE.top);
  const drawn = [...points].sort((a, b) => Number(a[0] === picked) - Number(b[0] === picked)).map((point) => drawPoint(point, x, y, picked));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "al-scatter", role: "img", "aria-label": describeScatter(points, picked) },
    ...axes(x, y), svg("g", { class: "al-points" }, ...drawn));
  picture.addEventListener("click", (event) => {
    const point = (event.target as Element).closest<SVGElement>("[data-span]");
    if (point) onPick(point.dataset["span"]!);
  });
  return h("figure", { class: "al-figure" }, picture, h("figcaption", {}, "Tool calls: duration against size of the result"));
}

function describeScatter(points: Point[], picked: string | null): string {
  const tool = picked === null ? "all tools" : showInline(picked);
  return `Duration against size of the result for ${points.length} tool calls, ${tool} in colour`;
}

function drawPoint([tool, span, bytes, ms, failed]: Point, x: LogScale, y: LogScale, picked: string | null): SVGElement {
  const [left, top] = [x.place(bytes).toFixed(1), y.place(ms).toFixed(1)];
  const style = `al-point${failed ? " al-point-failed" : ""}${picked !== null && tool === picked ? " al-point-picked" : ""}${picked !== null && tool !== picked ? " al-point-other" : ""}`;
  const words = `${showInline(tool ?? "no tool")}: ${formatDuration(ms)}, ${formatBytes(bytes)}${failed ? ", failed" : ""}`;
  const shape = failed ? svg("path", { d: `M${+left - 3} ${+top - 3}l6 6m0 -6l-6 6` }) : svg("circle", { cx: left, cy: top, r: 2.6 });
  return svg("g", { class: style, "data-span": span }, svg("title", {}, words), shape);
}

function axes(x: LogScale, y: LogScale): SVGElement[] {
  const across = x.ticks.flatMap((value) => [
    svg("line", { x1: x.place(value), x2: x.place(value), y1: EDGE.top, y2: HEIGHT - EDGE.bottom, class: "al-grid-line" }),
    svg("text", { x: x.place(value), y: HEIGHT - EDGE.bottom + 14, class: "al-tick", "text-anchor": "middle" }, formatBytes(value))]);
  const up = LENGTHS.filter((value) => value >= y.from && value <= y.to).flatMap((value) => [
    svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y.place(value), y2: y.place(value), class: "al-grid-line" }),
    svg("text", { x: EDGE.left - 6, y: y.place(value) + 4, class: "al-tick", "text-anchor": "end" }, formatTick(value))]);
  return [...across, ...up];
}
