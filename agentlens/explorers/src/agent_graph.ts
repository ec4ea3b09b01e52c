// The map: agents as boxes and what passed between them as lines. Dagre places the boxes; the lines are our own.

import { Graph, layout } from "@dagrejs/dagre";
import { findLoops, measureDepth } from "./agent_links.ts";
import { h, icon, svg, type IconName } from "./dom.ts";
import { countOf, formatCost, formatCount, formatDuration, formatTokens, showInline } from "./format.ts";

export interface MapAgent {
  name: string;
  role: string | null;
  model: string | null;
  state: string | null;
  status: string | null;
  critical: number | null;
  warning: number | null;
  spans: number;
  tokens: number;
  cost: number | null;
  errors: number;
}

export interface MapEdge {
  key: string;
  from: string;
  to: string;
  kind: string;
  count: number;
  errors: number;
  p50_ms: number | null;
  p95_ms: number | null;
  tokens: number | null;
  cost: number | null;
  forbidden: boolean;
}

export const BOX = { width: 200, height: 66 };
const LINE = 17;
const LABEL = 116;
// Between two lines at the side of a box.
const PACE = 9;

export interface PlacedAgent {
  agent: MapAgent;
  // The middle.
  x: number;
  y: number;
  height: number;
}

export interface PlacedEdge {
  edge: MapEdge;
  path: string;
  tip: { x: number; y: number; right: boolean };
  label: { x: number; y: number };
}

export interface MapLayout {
  width: number;
  height: number;
  agents: PlacedAgent[];
  edges: PlacedEdge[];
}

// All edges between two agents share a corridor; those of an agent with itself stand over its box.
function bundleEdges(edges: MapEdge[]): Map<string, MapEdge[]> {
  const bundles = new Map<string, MapEdge[]>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to].sort());
    bundles.set(key, [...(bundles.get(key) ?? []), edge]);
  }
  return bundles;
}

export function layOutMap(agents: MapAgent[], edges: MapEdge[]): MapLayout {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 12, ranksep: 100, edgesep: 6, marginx: 12, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(agents.map(({ name }) => name));
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  const bundles = bundleEdges(drawn);
  for (const { name } of agents) graph.setNode(name, { width: BOX.width, height: boxHeight(name, drawn) });
  for (const members of bundles.values()) {
    const { from, to } = members.find(({ kind }) => kind === "delegation") ?? members[0];
    if (from !== to) graph.setEdge(from, to, { width: LABEL, height: members.length * LINE, labelpos: "c" });
  }
  layout(graph);
  const places = new Map(agents.map((agent) => [agent.name, placeOf(graph, agent)]));
  const size = graph.graph();
  const ways = [...bundles.values()].flatMap((members) => labelBundle(graph, members));
  const loops = [...bundles.values()].filter(([first]) => first.from === first.to).flatMap((members) => members.map((edge, nth) => routeLoop(edge, places.get(edge.from)!, nth)));
  const anchors = new Anchors(ways, places);
  return { width: size.width ?? 0, height: size.height ?? 0, agents: [...places.values()], edges: [...ways.map((way) => routeEdge(way, places, anchors)), ...loops] };
}

// A hub is tall enough for all its lines.
function boxHeight(name: string, edges: MapEdge[]): number {
  const ends = edges.filter(({ from, to }) => from !== to && (from === name || to === name)).length;
  return Math.max(BOX.height, ends * PACE + 16);
}

function placeOf(graph: Graph, agent: MapAgent): PlacedAgent {
  const { x, y, height } = graph.node(agent.name) as { x: number; y: number; height: number };
  return { agent, x, y, height };
}

interface Spot {
  x: number;
  y: number;
}

interface Way {
  edge: MapEdge;
  label: Spot;
  // Between the boxes, in the direction of the edge: past the boxes that stand in between.
  bends: Spot[];
}

// Where the labels of a bundle stand: one below the other, where Dagre left room.
function labelBundle(graph: Graph, members: MapEdge[]): Way[] {
  const [first] = members;
  if (first.from === first.to) return [];
  const placed = members.find(({ from, to }) => graph.hasEdge(from, to))!;
  const way = graph.edge(placed.from, placed.to) as Spot & { points: Spot[] };
  const ahead = Math.sign(way.points[way.points.length - 1].x - way.points[0].x);
  return members.map((edge, nth) => {
    const label = { x: way.x, y: way.y + (nth - (members.length - 1) / 2) * LINE };
    // A line runs straight under its label.
    const [before, after] = [-1, 1].map((side) => ({ x: label.x + (side * ahead * LABEL) / 2, y: label.y }));
    const bends = way.points.slice(1, -1).flatMap(({ x, y }) => (Math.abs(x - label.x) < 1 ? [before, after] : [{ x, y: y + label.y - way.y }]));
    return { edge, label, bends: edge.from === placed.from ? bends : bends.reverse() };
  });
}

// Lines leave the side of a box in the order of their labels, so that they do not cross at the box.
class Anchors {
  private heights = new Map<string, number>();

  constructor(ways: Way[], places: Map<string, PlacedAgent>) {
    for (const [name, box] of places) {
      for (const right of [true, false]) {
        const side = ways.filter(({ edge, label }) => (edge.from === name || edge.to === name) && label.x > box.x === right).sort((a, b) => a.label.y - b.label.y);
        const pace = Math.min(PACE * 1.6, (box.height - 16) / Math.max(1, side.length));
        side.forEach(({ edge }, nth) => this.heights.set(`${name}\n${edge.key}`, box.y + (nth - (side.length - 1) / 2) * pace));
      }
    }
  }

  at(box: PlacedAgent, edge: MapEdge): number {
    return this.heights.get(`${box.agent.name}\n${edge.key}`) ?? box.y;
  }
}

function routeEdge({ edge, label, bends }: Way, places: Map<string, PlacedAgent>, anchors: Anchors): PlacedEdge {
  const [from, to] = [places.get(edge.from)!, places.get(edge.to)!];
  const right = to.x > (bends[bends.length - 1] ?? label).x;
  const start = { x: from.x + (label.x > from.x ? 1 : -1) * (BOX.width / 2), y: anchors.at(from, edge) };
  const end = { x: to.x + (right ? -1 : 1) * (BOX.width / 2 + 7), y: anchors.at(to, edge) };
  const stops = [start, ...bends, end];
  const path = `M${at(start)}${stops.slice(1).map((stop, nth) => curve(stops[nth], stop)).join("")}`;
  return { edge, path, tip: { ...end, right }, label };
}

function curve(from: { x: number; y: number }, to: { x: number; y: number }): string {
  const reach = (to.x - from.x) / 2;
  return `C${at({ x: from.x + reach, y: from.y })} ${at({ x: to.x - reach, y: to.y })} ${at(to)}`;
}

function at({ x, y }: { x: number; y: number }): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function routeLoop(edge: MapEdge, box: PlacedAgent, nth: number): PlacedEdge {
  const top = box.y - box.height / 2;
  const [left, right] = [box.x - 30 - nth * 14, box.x + 30 + nth * 14];
  const path = `M${left} ${top}C${left} ${top - 28} ${right} ${top - 28} ${right} ${top - 7}`;
  return { edge, path, tip: { x: right, y: top - 1, right: true }, label: { x: box.x, y: top - 18 } };
}

// What a line says in words: for screen readers and as its title.
export function describeEdge(edge: MapEdge): string {
  const verb = { delegation: "delegated to", report: "reported to", message: "wrote to" }[edge.kind] ?? "passed to";
  const facts = [`${showInline(edge.from)} ${verb} ${showInline(edge.to)} ${edge.count === 1 ? "once" : `${formatCount(edge.count)} times`}`,
    edge.errors ? `${formatCount(edge.errors)} ended badly` : "", edge.p50_ms === null ? "" : `median ${formatDuration(edge.p50_ms)}`,
    edge.p95_ms === null || edge.count < 3 ? "" : `95 % within ${formatDuration(edge.p95_ms)}`,
    edge.tokens ? `${formatTokens(edge.tokens)} tokens inside` : "", edge.cost ? formatCost(edge.cost) : "",
    edge.forbidden ? "the delegation matrix does not allow it" : ""];
  return facts.filter(Boolean).join(", ");
}

function describeAgent(agent: MapAgent, depth: number | undefined, loop: boolean): string {
  const facts = [`agent ${showInline(agent.name)}`, showInline(agent.role ?? ""), agent.status ? `last known ${showInline(agent.status)}` : (agent.state ?? ""),
    `${formatTokens(agent.tokens) || "no"} tokens`, agent.cost === null ? "" : formatCost(agent.cost), agent.errors ? countOf(agent.errors, "error") : "",
    depth === undefined ? "" : `depth ${depth}`, loop ? "part of a delegation loop" : ""];
  return facts.filter(Boolean).join(", ");
}

// SVG icons are elements of their own: placed, not styled, where they stand.
function signAt(name: IconName, x: number, y: number, style: string): SVGElement {
  const sign = icon(name);
  for (const [attribute, value] of Object.entries({ x, y, width: 13, height: 13 })) sign.setAttribute(attribute, String(value));
  sign.setAttribute("class", `${sign.getAttribute("class")} ${style}`);
  return sign;
}

function clip(text: string, most: number): string {
  const letters = Array.from(showInline(text));
  return letters.length <= most ? letters.join("") : `${letters.slice(0, most - 1).join("")}…`;
}

function drawAgent(placed: PlacedAgent, depth: number | undefined, loop: boolean): SVGElement {
  const { agent, x, y, height } = placed;
  const [left, top] = [x - BOX.width / 2, y - height / 2];
  const middle = y - BOX.height / 2;
  const words = describeAgent(agent, depth, loop);
  const spent = [formatTokens(agent.tokens) ? `${formatTokens(agent.tokens)} tok` : "", agent.cost === null ? "" : formatCost(agent.cost)].filter(Boolean).join(" · ");
  const group = svg("g", { class: "al-node", role: "button", tabindex: 0, "aria-label": words, "data-kind": "agent", "data-key": agent.name }, svg("title", {}, words),
    svg("rect", { x: left, y: top, width: BOX.width, height, rx: 6, class: "al-node-box" }),
    svg("text", { x: left + 10, y: middle + 19, class: "al-node-name" }, clip(agent.name, agent.critical || agent.warning ? 13 : 19)),
    svg("text", { x: left + 10, y: middle + 36, class: "al-node-sub" }, clip(agent.role ?? agent.model ?? agent.state ?? "", depth === undefined ? 28 : 21)),
    depth === undefined ? null : svg("text", { x: left + BOX.width - 10, y: middle + 36, class: "al-node-sub", "text-anchor": "end" }, `depth ${depth}`),
    svg("text", { x: left + 10, y: middle + 54, class: "al-node-sub" }, spent || "no tokens recorded"));
  group.append(...drawSigns(agent, left + BOX.width - 8, middle, loop));
  return group;
}

const STATES: Record<string, [IconName, string]> = {
  done: ["done", "al-state-done"], trouble: ["blocked", "al-state-trouble"], silent: ["silent", "al-state-trouble"], failed: ["error", "al-state-trouble"],
  unfinished: ["unfinished", "al-state-work"], "at work": ["work", "al-state-work"],
};

// Signs at the right edge: state, loop and findings beside the name, errors beside the tokens.
function drawSigns(agent: MapAgent, right: number, top: number, loop: boolean): SVGElement[] {
  const signs: SVGElement[] = [];
  const state = STATES[agent.state ?? ""];
  if (state) signs.push(signAt(state[0], right - 13, top + 8, state[1]));
  if (loop) signs.push(signAt("retry", right - 29, top + 8, "al-warning"));
  const found: Counted[] = [[agent.warning ?? 0, "warning", "al-warning"], [agent.critical ?? 0, "critical", "al-critical"]];
  signs.push(...drawCounts(found, right - (loop ? 34 : 19), top + 19), ...drawCounts([[agent.errors, "error", "al-critical"]], right, top + 54));
  return signs;
}

type Counted = [count: number, name: IconName, style: string];

// From right to left.
function drawCounts(counts: Counted[], right: number, y: number): SVGElement[] {
  let x = right;
  return counts.filter(([count]) => count > 0).flatMap(([count, name, style]) => {
    const text = formatCount(count);
    x -= 7 * text.length;
    const signs = [svg("text", { x, y, class: `al-node-count ${style}` }, text), signAt(name, x - 16, y - 11, style)];
    x -= 22;
    return signs;
  });
}

function drawEdge({ edge, path, tip }: PlacedEdge, inLoop: boolean): SVGElement {
  const words = describeEdge(edge);
  const wide = Math.min(5, 1.2 + Math.log2(edge.count) * 0.6).toFixed(2);
  const back = tip.right ? -8 : 8;
  const line = svg("path", { d: path, class: "al-edge-line" });
  line.style.strokeWidth = wide;
  return svg("g", { class: classOf(edge, inLoop), role: "button", tabindex: 0, "aria-label": words, "data-kind": "edge", "data-key": edge.key },
    svg("title", {}, words), svg("path", { d: path, class: "al-edge-reach" }), line,
    svg("path", { d: `M${tip.x + (tip.right ? 6 : -6)} ${tip.y}L${tip.x + back / 2} ${tip.y - 4.5}L${tip.x + back / 2} ${tip.y + 4.5}z`, class: "al-edge-tip" }));
}

function classOf(edge: MapEdge, inLoop = false): string {
  const marks = [edge.forbidden && "al-edge-forbidden", edge.errors && "al-edge-bad", inLoop && "al-edge-loop"];
  return ["al-edge", `al-edge-${edge.kind.replace(/\W/g, "")}`, ...marks].filter(Boolean).join(" ");
}

// How often and how long, on a plate above all lines. The line itself says it to screen readers.
function drawEdgeLabel({ edge, label }: PlacedEdge): SVGElement {
  const text = [`${formatCount(edge.count)} ×`, edge.p50_ms === null ? "" : formatDuration(edge.p50_ms)].filter(Boolean).join(" · ");
  const signs: SVGElement[] = [];
  let x = label.x + text.length * 3 + 4;
  if (edge.errors) signs.push(signAt("error", x, label.y - 7, "al-critical"));
  if (edge.errors) x += 15;
  if (edge.forbidden) signs.push(signAt("forbidden", x, label.y - 7, "al-critical"));
  return svg("g", { class: `${classOf(edge)} al-edge-note`, "aria-hidden": "true", "data-edge": edge.key }, svg("title", {}, describeEdge(edge)),
    svg("rect", { x: label.x - text.length * 3 - 4, y: label.y - 8, width: text.length * 6 + 8 + 15 * signs.length, height: 16, rx: 3, class: "al-edge-plate" }),
    svg("text", { x: label.x, y: label.y + 4, class: "al-edge-label", "text-anchor": "middle" }, text), ...signs);
}

export function drawMap(agents: MapAgent[], edges: MapEdge[]): { picture: SVGSVGElement; loops: string[][] } {
  const placed = layOutMap(agents, edges);
  const loops = findLoops(edges);
  const looping = new Set(loops.flat());
  const inLoop = ({ edge }: PlacedEdge) => edge.kind === "delegation" && loops.some((loop) => loop.includes(edge.from) && loop.includes(edge.to));
  const depth = measureDepth(edges);
  const picture = svg("svg", { class: "al-map", viewBox: `0 0 ${Math.ceil(placed.width)} ${Math.ceil(placed.height)}`, width: Math.ceil(placed.width), height: Math.ceil(placed.height), role: "group", "aria-label": "Map of agents" },
    svg("g", {}, ...placed.edges.map((one) => drawEdge(one, inLoop(one)))), svg("g", {}, ...placed.edges.map(drawEdgeLabel)), svg("g", {}, ...placed.agents.map((one) => drawAgent(one, depth.get(one.agent.name), looping.has(one.agent.name)))));
  return { picture, loops };
}

export function drawMapLegend(edges: MapEdge[], hasMatrix: boolean, hasLoop: boolean): HTMLElement {
  const kinds = [...new Set(edges.map(({ kind }) => kind))].sort();
  const items = kinds.map((kind) => h("li", {}, svg("svg", { width: 26, height: 8, class: `al-edge al-edge-${kind.replace(/\W/g, "")}`, "aria-hidden": "true" }, svg("path", { d: "M0 4H26", class: "al-edge-line" })), kind));
  const failed = edges.some(({ errors }) => errors > 0) ? h("li", { class: "al-critical" }, icon("error"), "ended badly") : null;
  const matrix = hasMatrix ? h("li", {}, icon("forbidden"), "outside the delegation matrix") : h("li", { class: "al-quiet" }, "no delegation matrix in the lens");
  const loop = hasLoop ? h("li", { class: "al-warning" }, icon("retry"), "delegation loop") : null;
  return h("ul", { class: "al-legend", "aria-label": "Lines" }, ...items, failed, loop, matrix);
}
