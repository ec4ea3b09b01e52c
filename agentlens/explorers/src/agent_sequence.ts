// The same over time: one column an agent, time downwards, an arrow for every brief, report and message. The rows are events
// in their order, not a scale of time: hours between two waves would push everything else off the screen.

import { h, icon, svg } from "./dom.ts";
import { formatClock, formatDate, formatDuration, showInline } from "./format.ts";

export interface MapEvent {
  from: string;
  to: string;
  kind: string;
  failed: boolean;
  status: string | null;
  text: string | null;
  start_ms: number | null;
  end_ms: number | null;
}

export interface Blocked {
  agent_name: string;
  status: string;
  detail: string | null;
  start_ms: number;
  end_ms: number;
}

export interface SequenceWave {
  wave: number;
  start_ms: number;
  end_ms: number;
  what_broke: string[];
  is_first_broken: boolean;
}

export type Step =
  | { kind: "wave"; time: number; wave: SequenceWave }
  | { kind: "event"; time: number | null; event: number }
  | { kind: "return"; time: number; event: number }
  | { kind: "blocked"; time: number; stretch: Blocked };

const SOON_MS = 120_000;

// A delegation comes back as a report where there is one, else as a step of its own.
export function isAnswered(events: MapEvent[], given: MapEvent): boolean {
  if (given.start_ms === null || given.end_ms === null) return false;
  const { start_ms, end_ms } = given;
  return events.some((event) => event.kind === "report" && event.from === given.to && event.to === given.from
    && event.start_ms !== null && event.start_ms >= start_ms && event.start_ms <= end_ms + SOON_MS);
}

const RANK = { wave: 0, return: 1, blocked: 2, event: 3 };

// Everything there is to show in order of time; events without a time stand last.
export function listSteps(events: MapEvent[], blocked: Blocked[], waves: SequenceWave[], kinds: Set<string>): Step[] {
  const steps: Step[] = waves.map((wave) => ({ kind: "wave", time: wave.start_ms, wave }));
  events.forEach((event, at) => {
    if (!kinds.has(event.kind)) return;
    steps.push({ kind: "event", time: event.start_ms, event: at });
    if (event.kind === "delegation" && event.end_ms !== null && event.end_ms > (event.start_ms ?? Infinity) && !(kinds.has("report") && isAnswered(events, event))) {
      steps.push({ kind: "return", time: event.end_ms, event: at });
    }
  });
  for (const stretch of blocked) steps.push({ kind: "blocked", time: stretch.start_ms, stretch });
  return steps.sort((a, b) => (a.time ?? Infinity) - (b.time ?? Infinity) || RANK[a.kind] - RANK[b.kind]);
}

// The columns: agents in the order in which they first take part.
export function listColumns(events: MapEvent[], names: string[]): string[] {
  const order = [...new Set(events.flatMap(({ from, to }) => [from, to]))];
  return order.filter((name) => names.includes(name));
}

// The last row that began at or before `time`.
export function rowAt(steps: Step[], time: number): number {
  let found = 0;
  steps.forEach((step, at) => {
    if (step.time !== null && step.time <= time) found = at;
  });
  return found;
}

const ROW = 27;
const TOP = 6;
const GUTTER = 74;
export const COLUMN = 86;

interface Sheet {
  steps: Step[];
  events: MapEvent[];
  columns: string[];
  blocked: Blocked[];
  width: number;
}

export function drawSequence(events: MapEvent[], blocked: Blocked[], waves: SequenceWave[], kinds: Set<string>, names: string[], room: number): HTMLElement {
  const columns = listColumns(events.filter((event) => kinds.has(event.kind)), names);
  const steps = listSteps(events, blocked.filter((stretch) => columns.includes(stretch.agent_name)), waves, kinds);
  if (steps.length === 0 || columns.length === 0) return h("p", { class: "al-nothing" }, "Nothing passed between agents in what is shown.");
  const wide = Math.max(COLUMN, (room - GUTTER - 20) / columns.length);
  const sheet: Sheet = { steps, events, columns, blocked, width: wide };
  const size = { width: Math.round(GUTTER + columns.length * wide), height: TOP + steps.length * ROW + 10 };
  const picture = svg("svg", { class: "al-sequence", width: size.width, height: size.height, viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": "Sequence of briefs, reports and messages" },
    ...columns.map((_, at) => svg("line", { x1: xOf(sheet, at), x2: xOf(sheet, at), y1: 0, y2: size.height, class: "al-lifeline" })),
    ...drawRuns(sheet), ...drawBlocked(sheet), ...steps.map((step, at) => drawStep(sheet, step, at)));
  const head = h("div", { class: "al-sequence-head" }, ...columns.map((name, at) => {
    const label = h("span", { class: "al-sequence-name", title: showInline(name) }, showInline(name));
    label.style.left = `${xOf(sheet, at) - wide / 2}px`;
    label.style.width = `${wide}px`;
    return label;
  }));
  head.style.width = `${size.width}px`;
  return h("div", { class: "al-sequence-box" }, head, picture);
}

function xOf(sheet: Sheet, column: number): number {
  return GUTTER + (column + 0.5) * sheet.width;
}

function yOf(row: number): number {
  return TOP + row * ROW + ROW / 2 + 4;
}

// A bar on the line of life of whoever works on a brief, from the brief to its end.
function drawRuns({ steps, events, columns, ...sheet }: Sheet): SVGElement[] {
  return steps.flatMap((step, at) => {
    if (step.kind !== "event") return [];
    const event = events[step.event];
    const column = columns.indexOf(event.to);
    if (event.kind !== "delegation" || event.end_ms === null || column < 0) return [];
    const last = Math.max(at, rowAt(steps, event.end_ms + 1000));
    const x = xOf({ steps, events, columns, ...sheet }, column);
    return [svg("rect", { x: x - 4, y: yOf(at), width: 8, height: Math.max(6, yOf(last) - yOf(at)), rx: 2, class: `al-run${event.failed ? " al-run-failed" : ""}` })];
  });
}

function drawBlocked(sheet: Sheet): SVGElement[] {
  const { steps, columns } = sheet;
  return steps.flatMap((step, at) => {
    if (step.kind !== "blocked") return [];
    const x = xOf(sheet, columns.indexOf(step.stretch.agent_name));
    const last = Math.max(at, rowAt(steps, step.stretch.end_ms));
    return [svg("rect", { x: x - 6, y: yOf(at) - 7, width: 12, height: Math.max(14, yOf(last) - yOf(at) + 7), rx: 3, class: "al-blocked-run" })];
  });
}

function drawStep(sheet: Sheet, step: Step, row: number): SVGElement {
  const y = yOf(row);
  if (step.kind === "wave") return drawWave(sheet, step.wave, y);
  if (step.kind === "blocked") return drawTrouble(sheet, step.stretch, y);
  return drawArrow(sheet, sheet.events[step.event], step, y);
}

function clock(time: number | null): SVGElement {
  return svg("tspan", {}, time === null ? "no time" : formatClock(time, 1000));
}

function drawWave(sheet: Sheet, wave: SequenceWave, y: number): SVGElement {
  const width = GUTTER + sheet.columns.length * sheet.width;
  const broke = wave.what_broke.length ? ` · ${wave.what_broke.map(showInline).join(" · ")}` : "";
  const words = `wave ${wave.wave} · ${formatDate(wave.start_ms)} · ${formatDuration(wave.end_ms - wave.start_ms)}`;
  return svg("g", { class: "al-wave-row" }, svg("rect", { x: 0, y: y - 13, width, height: 21 }),
    svg("text", { x: 8, y: y + 2 }, words, svg("tspan", { class: "al-critical" }, broke.slice(0, 160))));
}

function drawTrouble(sheet: Sheet, stretch: Blocked, y: number): SVGElement {
  const column = sheet.columns.indexOf(stretch.agent_name);
  const x = xOf(sheet, column);
  const isRight = column === sheet.columns.length - 1 && column > 0;
  const length = stretch.end_ms > stretch.start_ms ? ` for ${formatDuration(stretch.end_ms - stretch.start_ms)}` : "";
  const words = `${showInline(stretch.agent_name)} ${showInline(stretch.status)}${length}${stretch.detail ? `: ${showInline(stretch.detail)}` : ""}`;
  return svg("g", { class: "al-trouble", role: "img", "aria-label": words }, svg("title", {}, words), svg("text", { x: 8, y: y + 4, class: "al-step-time" }, clock(stretch.start_ms)),
    svg("text", { x: isRight ? x - 11 : x + 11, y: y + 4, class: "al-step-text", "text-anchor": isRight ? "end" : "start" }, cut(words, sheet.width * 2.6)));
}

function drawArrow(sheet: Sheet, event: MapEvent, step: Extract<Step, { event: number }>, y: number): SVGElement {
  const isReturn = step.kind === "return";
  const [from, to] = [event.from, event.to].map((name) => sheet.columns.indexOf(name));
  const [start, end] = (isReturn ? [to, from] : [from, to]).map((column) => xOf(sheet, column));
  const right = end > start;
  const self = start === end;
  const [x0, x1] = self ? [start + 5, start + 34] : [start + (right ? 5 : -5), end + (right ? -6 : 6)];
  const words = describeStep(event, isReturn);
  const tip = self ? svg("path", { d: `M${x0} ${y - 5}H${x1}V${y + 5}H${x0 + 5}`, class: "al-arrow-line", fill: "none" }) : svg("line", { x1: x0, x2: x1, y1: y, y2: y, class: "al-arrow-line" });
  const point = self ? x0 : x1;
  const back = self ? 7 : right ? -7 : 7;
  const trouble = event.failed && (isReturn || event.kind !== "delegation" || event.end_ms === null);
  const text = isReturn ? `${event.failed ? "failed" : "came back"} after ${formatDuration(event.end_ms! - event.start_ms!)}` : (event.text ?? event.kind);
  const shown = cut(text, Math.max(sheet.width * 1.7, Math.abs(x1 - x0) - 10));
  const fits = !self && shown.length * 6.1 <= Math.abs(x1 - x0);
  const middle = self ? x1 + 6 : fits ? (x0 + x1) / 2 : Math.min(x0, x1) + 3;
  return svg("g", { class: `al-arrow al-edge-${isReturn ? "report" : event.kind.replace(/\W/g, "")}${trouble ? " al-arrow-bad" : ""}`, role: "button", tabindex: 0, "aria-label": words, "data-kind": "event", "data-key": step.event },
    svg("title", {}, words), svg("rect", { x: 0, y: y - 14, width: GUTTER + sheet.columns.length * sheet.width, height: ROW, class: "al-arrow-reach" }),
    svg("text", { x: 8, y: y + 4, class: "al-step-time" }, clock(step.time)), tip, svg("path", { d: `M${point} ${self ? y + 5 : y}l${back} -4v8z`, class: "al-arrow-tip" }),
    svg("text", { x: middle, y: y - 4, class: "al-step-text", "text-anchor": fits ? "middle" : "start" }, shown), ...(trouble ? [sign(start, y)] : []));
}

function sign(x: number, y: number): SVGElement {
  const mark = icon("error");
  for (const [name, value] of Object.entries({ x: x - 6, y: y - 6, width: 12, height: 12 })) mark.setAttribute(name, String(value));
  return mark;
}

function cut(text: string, room: number): string {
  const letters = Array.from(showInline(text));
  const most = Math.floor(room / 6.1);
  return letters.length <= most ? letters.join("") : `${letters.slice(0, Math.max(1, most - 1)).join("")}…`;
}

export function describeStep(event: MapEvent, isReturn: boolean): string {
  const verb = isReturn ? "came back from" : ({ delegation: "briefed", report: "reported to", message: "wrote to" }[event.kind] ?? "passed to");
  const length = event.kind === "delegation" && event.end_ms !== null && event.start_ms !== null ? `, ${formatDuration(event.end_ms - event.start_ms)}` : "";
  const said = event.text && !isReturn ? `: ${showInline(event.text)}` : "";
  const bad = event.failed ? ", ended badly" : "";
  return `${showInline(event.from)} ${verb} ${showInline(event.to)}${length}${bad}${said}`;
}
