// The picture of a way: one lane an agent, one row a step, downwards in order of time, an arrow for every hop. Rows are steps in
// their order, not a scale of time. `_origin_still.py` draws the same for print.

import { svg } from "./dom.ts";
import { showInline } from "./format.ts";

export interface Step {
  key: string;
  lane: string;
  kind: "model" | "tool" | "document" | "message";
  name: string;
  sides: string[];
  span_id: string | null;
  trace_id: string | null;
  time_ms: number | null;
  is_error: boolean;
  is_similar: boolean;
  marked: boolean;
  // What stands before the passage, the passage, and what follows.
  passage: [before: string, passage: string, after: string] | null;
  place: string;
}

export interface Hop {
  from: number;
  to: number;
  kind: "carried" | "quoted" | "read_after_write" | "similar" | "handoff" | "message" | "same step";
  confidence: "certain" | "likely" | "possible";
  via: "handoff" | "report" | "message" | null;
}

export interface Way {
  asked: string;
  is_step: boolean;
  lanes: string[];
  steps: Step[];
  hops: Hop[];
  notes: string[];
}

export const CLOCK = 68;
const ROW = 42;
const ARROW = 14;
export const DIVIDER = 26;
const LANE_MOST = 190;
const LANE_LEAST = 64;

export interface Layout {
  wide: number;
  tops: number[];
  bottoms: number[];
  height: number;
  // Where the similar ones begin; -1 where there are none.
  divided: number;
  dots: [x: number, y: number][];
}

export function layOut(way: Way, room: number): Layout {
  const lanes = Math.max(1, way.lanes.length);
  const wide = Math.max(LANE_LEAST, Math.min(LANE_MOST, (room * 0.5 - CLOCK) / lanes));
  const arrivals = new Array<number>(way.steps.length).fill(0);
  for (const hop of way.hops) arrivals[hop.to]!++;
  const divided = way.steps.findIndex((step) => step.is_similar);
  const [tops, bottoms]: [number[], number[]] = [[], []];
  way.steps.forEach((_, at) => {
    tops.push((bottoms[at - 1] ?? 0) + (at === divided ? DIVIDER : 0));
    bottoms.push(tops[at]! + ROW + ARROW * Math.max(0, arrivals[at]! - 1));
  });
  const dots = way.steps.map((step, at): [number, number] => [laneAt(way.lanes.indexOf(step.lane), wide), bottoms[at]! - ROW / 2]);
  return { wide, tops, bottoms, height: bottoms[bottoms.length - 1] ?? 0, divided, dots };
}

export function laneAt(lane: number, wide: number): number {
  return CLOCK + (lane + 0.5) * wide;
}

const WAYS: Record<string, string> = { read_after_write: "read after write", "same step": "same step" };

// How a hop came, in words: "handoff, carried", "quoted, likely".
export function sayWay(hop: Hop): string {
  return [hop.via === hop.kind ? null : hop.via, WAYS[hop.kind] ?? hop.kind, hop.confidence === "certain" ? null : hop.confidence].filter(Boolean).join(", ");
}

const SIDES: Record<string, string> = {
  "model heard": "was shown it", "model said": "said it", "model heard said": "was shown it and said it", "tool heard": "was given it",
  "tool said": "answered", "document said": "says", "message said": "wrote",
};

// A step in words: "ledger_lookup answered"; where what led to a step is shown, no single value is spoken of.
export function sayStep(step: Step, isStep: boolean): string {
  const words = SIDES[`${step.kind} ${step.sides.join(" ")}`] ?? "has it";
  return `${showInline(step.name)} ${isStep ? words.replace(/ it\b/g, "") : words}`;
}

export function drawWay(way: Way, { wide, height, dots }: Layout): SVGSVGElement {
  const width = CLOCK + wide * way.lanes.length;
  const into = way.steps.map((_, at) => way.hops.filter((hop) => hop.to === at));
  return svg("svg", { class: "al-way", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    ...way.lanes.map((_, at) => svg("line", { x1: laneAt(at, wide), x2: laneAt(at, wide), y1: 0, y2: height, class: "al-lifeline" })),
    ...into.flatMap((hops) => hops.map((hop, at) => drawHop(hop, dots, (hops.length - 1 - at) * ARROW))),
    ...way.steps.map((step, at) => drawDot(step, dots[at]!)));
}

function drawHop(hop: Hop, dots: [number, number][], above: number): SVGElement {
  const [[x0, y0], [x1, y1]] = [dots[hop.from]!, dots[hop.to]!];
  const sign = x1 > x0 ? 1 : -1;
  const group = (path: string, tip: string, x: number, y: number, anchor: string) =>
    svg("g", { class: `al-hop al-hop-${hop.kind.replace(/\W/g, "_")} al-hop-${hop.confidence}`, "data-from": hop.from, "data-to": hop.to },
      svg("path", { d: path, class: "al-hop-line" }), svg("path", { d: tip, class: "al-hop-tip" }), svg("text", { x, y, "text-anchor": anchor }, sayWay(hop)));
  if (x0 === x1) {
    const end = y1 - above / 4;
    const far = x0 - 18 - Math.min(18, ((y1 - y0) / ROW) * 3);
    return group(`M${x0 - 5} ${y0}C${far} ${y0 + 8} ${far} ${end - 10} ${x1 - 9} ${end - 1}`, `M${x1 - 5} ${end}l-7 -4v7z`, x0 + 10, y1 - 13 - above, "start");
  }
  const [end, turn, stop] = [y1 - above, x0 + 8 * sign, x1 - 9 * sign];
  return group(`M${x0} ${y0}H${turn}V${end}H${stop}${above ? `L${x1} ${y1 - 5}` : ""}`, `M${stop + 4 * sign} ${end}l${-8 * sign} -4v8z`, (turn + stop) / 2, end - 4, "middle");
}

function drawDot(step: Step, [x, y]: [number, number]): SVGElement {
  const kind = `al-dot${step.is_similar ? " al-dot-similar" : ""}${step.is_error ? " al-dot-error" : ""}${step.marked ? " al-dot-marked" : ""}`;
  return step.is_similar ? svg("path", { d: `M${x} ${y - 7}l7 7l-7 7l-7 -7z`, class: kind }) : svg("circle", { cx: x, cy: y, r: step.marked ? 6.5 : 5, class: kind });
}
