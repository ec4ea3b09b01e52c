// Everything the trace tree knows about what is on screen, without the screen.

import { measureActivity, isFailure, type Activity } from "./activity.ts";
import { decodeColumns, decodeBits, FLAG, type BlockedStretch, type Codes, type Columns, type Header, type Packed } from "./columns.ts";
import {
  collapseToDepth, countPlumbing, extentOf, inheritAgents, lastSigns, listIdle, listSorted, listVisible, shapeForest, sumSubtrees,
  type RowRange, type Shape, type Sums,
} from "./forest.ts";
import { listAlive, makeClock, PLAIN, type Clock } from "./idle.ts";
import { packLanes, type Packing } from "./lanes.ts";
import type { ColourMode } from "./palette.ts";
import { joinHits, listHits, searchRows, stepHit, type Hits } from "./search.ts";
import { panBy, windowAround, zoomAbout, type TimeWindow } from "./viewport.ts";

export type Mode = "tree" | "lanes";
export type Weight = "time" | "tokens" | "cost";

const NOTHING: TimeWindow = { from: 0, to: 1 };
// Above this many rows the tree opens folded, so that the first screen is the outline.
const OPEN_ALL = 1000;
const OUTLINE_DEPTH = 3;

const MILLION = 1e6;

const RUNS = ["invoke_agent", "invoke_workflow"];

export interface LaneLists {
  // For each lane: rows that must not vanish when spans are thinner than a pixel, and rows that match the search.
  marks: Int32Array[];
  matches: Int32Array[] | null;
  // Rows that have a finding.
  found: Int32Array[];
}

export class TreeState {
  readonly header: Header;
  // `columns.start` and `last` are places on the axis as shown; `real` and `realLast` are times as logged. They differ where idle
  // time is skipped, and where the axis is no time at all but what was spent, in the order of the tree.
  readonly columns: Columns;
  readonly real: Columns;
  readonly agents: Codes;
  readonly realLast: Float64Array;
  last: Float64Array;
  clock: Clock = PLAIN;
  skipIdle: boolean | null = null;
  idle = 0;
  readonly sums: Sums;
  readonly failures: Int32Array;
  readonly plumbing: number;
  // The flags that some row has, with what they mean.
  readonly marks: [flag: number, words: string][];
  readonly collapsed: Uint8Array;
  scope: RowRange;
  limits: TimeWindow = NOTHING;
  timed = false;
  window: TimeWindow = NOTHING;
  fold: boolean;
  shape: Shape;
  visible: Int32Array = new Int32Array(0);
  // Where each row stands in `visible`, -1 where it is out of sight.
  placeOf: Int32Array;
  // Children stand by weight, the largest first.
  sorted = false;
  onlyCritical = false;
  mode: Mode = "tree";
  weight: Weight = "time";
  // What the length of a bar stands for: ms, tokens, or millionths of a dollar.
  axis: Weight = "time";
  colourMode: ColourMode = "operation";
  query = "";
  hits: Hits | null = null;
  highlight: Uint8Array | null = null;
  // Rows of the steps from cause to harm, -1 for a step that is not here.
  chain: number[] = [];
  private chained: Uint8Array | null = null;
  selected = -1;
  hovered = -1;
  // Raised whenever rows must be written anew.
  version = 0;
  private idleOf = new Map<number, [number, number][]>();
  private runs: Set<number>;
  private critical: Uint8Array | null = null;
  private handed: Int32Array | null = null;
  private blocked: Map<number, BlockedStretch[]> | null = null;
  private packing: Packing | null = null;
  private lists: LaneLists | null = null;
  private curve: Activity | null = null;

  constructor(packed: Packed, header: Header, highlight: Packed) {
    this.header = header;
    this.real = decodeColumns(packed, header);
    this.columns = { ...this.real };
    const n = this.columns.n;
    this.runs = new Set(header.dictionaries.operation.flatMap((name, code) => (RUNS.includes(name) ? [code] : [])));
    this.agents = inheritAgents(this.columns);
    this.realLast = this.last = lastSigns(this.real);
    this.sums = sumSubtrees(this.columns);
    this.failures = countFailuresBelow(this.columns);
    this.plumbing = countPlumbing(this.columns);
    this.marks = listMarks(this.columns);
    this.fold = this.plumbing > 0 && this.columns.operation.some((code) => code !== 0);
    this.shape = shapeForest(this.columns, this.fold);
    this.collapsed = new Uint8Array(n);
    this.placeOf = new Int32Array(n);
    this.highlight = decodeBits(highlight, n);
    this.scope = { from: 0, to: n };
    if (n > OPEN_ALL) collapseToDepth(this.shape, this.collapsed, OUTLINE_DEPTH);
    this.setScope(this.scope);
  }

  setScope(scope: RowRange): void {
    this.scope = scope;
    this.setClock();
    const extent = extentOf(this.columns, this.last, scope);
    this.timed = extent !== null && (this.axis === "time" || this.hasSpent());
    this.limits = extent ?? NOTHING;
    this.window = windowAround(this.limits.from, this.limits.to, this.limits);
    this.showAll();
    this.relayout();
  }

  // Idle time is skipped when asked for, or by itself when it is most of the time there is.
  private setClock(): void {
    const { real, realLast, scope } = this;
    if (this.axis !== "time") return this.spread();
    const clock = makeClock(listAlive(real, realLast, scope));
    const extent = extentOf(real, realLast, scope);
    this.idle = clock.idle;
    const skip = this.skipIdle ?? (extent !== null && clock.idle > 0.5 * (extent.to - extent.from));
    this.clock = skip ? clock : PLAIN;
    const isPlain = this.clock === PLAIN;
    this.columns.start = isPlain ? real.start : real.start.map((time) => this.clock.show(time));
    this.last = isPlain ? realLast : realLast.map((time) => this.clock.show(time));
    this.idleOf.clear();
  }

  // What was spent before a row, and with it and all below it. Bars of children fill those of their parents.
  private spread(): void {
    const { columns, axis } = this;
    const spent = new Float64Array(columns.n + 1);
    for (let row = 0; row < columns.n; row++) spent[row + 1] = spent[row] + (axis === "tokens" ? columns.tokens[row] : (columns.cost[row] || 0) * MILLION);
    columns.start = spent.subarray(0, columns.n);
    this.last = Float64Array.from(columns.end, (end) => spent[end]);
    this.clock = PLAIN;
    this.idle = 0;
    this.idleOf.clear();
  }

  private hasSpent(): boolean {
    const { columns, scope } = this;
    for (let root = scope.from; root < scope.to; root = columns.end[root]) if (!this.isWeightless(root)) return true;
    return false;
  }

  setAxis(axis: Weight): void {
    this.axis = axis;
    this.setWeight(axis);
    this.setScope(this.scope);
  }

  // Takes no room on the axis: nothing was spent.
  isWeightless(row: number): boolean {
    return this.axis !== "time" && this.last[row] === this.columns.start[row];
  }

  setSkipIdle(skip: boolean): void {
    this.skipIdle = skip;
    this.setScope(this.scope);
  }

  // The rows of one trace; of all for -1.
  scopeOfTrace(at: number): RowRange {
    const trace = this.header.traces[at];
    return trace ? { from: trace.row, to: trace.end } : { from: 0, to: this.columns.n };
  }

  showAll(): void {
    const air = (this.limits.to - this.limits.from) * 0.01;
    this.window = { from: this.limits.from - air, to: this.limits.to + air };
  }

  setFold(fold: boolean): void {
    this.fold = fold;
    this.shape = shapeForest(this.columns, fold);
    this.relayout();
  }

  setHighlight(packed: Packed): void {
    this.highlight = decodeBits(packed, this.columns.n);
    this.lists = null;
    this.version++;
  }

  private relayout(): void {
    this.packing = null;
    this.handed = null;
    this.lists = null;
    this.curve = null;
    this.refresh();
  }

  private refresh(): void {
    const { columns, shape, collapsed, scope } = this;
    this.visible = this.sorted ? listSorted(columns, shape, collapsed, scope, (a, b) => this.compareWeights(a, b)) : listVisible(columns, shape, collapsed, scope);
    this.placeOf.fill(-1);
    for (let at = 0; at < this.visible.length; at++) this.placeOf[this.visible[at]] = at;
    this.version++;
  }

  // Rows without a number stand last, equal ones as logged.
  private compareWeights(a: number, b: number): number {
    const [heavy, light] = [this.weightOf(a), this.weightOf(b)];
    return (Number.isNaN(light) ? -1 : light) - (Number.isNaN(heavy) ? -1 : heavy) || a - b;
  }

  setSorted(sorted: boolean): void {
    this.sorted = sorted;
    this.refresh();
  }

  setWeight(weight: Weight): void {
    this.weight = weight;
    if (this.sorted) this.refresh();
    else this.version++;
  }

  setOnlyCritical(only: boolean): void {
    this.onlyCritical = only;
    this.lists = null;
    this.version++;
  }

  // The row itself, or the nearest one above it that is in sight; -1 where none is.
  nearestInSight(row: number): number {
    let above = row;
    while (above >= 0 && this.placeOf[above] < 0) above = this.columns.parent[above];
    return above;
  }

  // When a run of an agent or a workflow had nothing running below it.
  idleStretches(row: number): [number, number][] {
    if (this.axis !== "time" || !this.runs.has(this.columns.operation[row])) return [];
    let idle = this.idleOf.get(row);
    if (!idle) this.idleOf.set(row, (idle = listIdle(this.columns, this.last, row)));
    return idle;
  }

  toggle(row: number, closed = !this.collapsed[row]): void {
    if (this.shape.children[row] === 0) return;
    this.collapsed[row] = closed ? 1 : 0;
    this.refresh();
  }

  toDepth(depth: number): void {
    collapseToDepth(this.shape, this.collapsed, depth);
    this.refresh();
  }

  // Opens whatever hides `row`, and says where it stands among the visible rows.
  reveal(row: number): number {
    if (row < this.scope.from || row >= this.scope.to) this.setScope({ from: 0, to: this.columns.n });
    if (this.shape.hidden[row]) this.setFold(false);
    let changed = false;
    for (let above = this.columns.parent[row]; above >= 0; above = this.columns.parent[above]) {
      changed = changed || this.collapsed[above] === 1;
      this.collapsed[above] = 0;
    }
    if (changed) this.refresh();
    return this.placeOf[row];
  }

  search(query: string): void {
    this.query = query;
    this.hits = searchRows(this.columns, this.header.dictionaries, query);
    this.lists = null;
    this.version++;
  }

  // Rows for which a condition is true, one bit each; null when none is asked about.
  setMatches(packed: Packed): void {
    this.query = "";
    const rows = packed ? (decodeBits(packed, this.columns.n) ?? new Uint8Array(this.columns.n)) : null;
    this.hits = rows && listHits(rows);
    this.lists = null;
    this.version++;
  }

  // Rows in whose texts the query was found, beside those in whose names it stands.
  addHits(rows: number[]): void {
    this.hits = joinHits(this.hits, rows, this.columns.n);
    this.lists = null;
    this.version++;
  }

  nextHit(direction: 1 | -1): number {
    if (!this.hits || this.hits.list.length === 0) return -1;
    return this.hits.list[stepHit(this.hits.list, this.selected, direction)];
  }

  // Does the search, or else the highlight, leave this row in the light?
  // Opens the tree where the chain runs through; what is no part of it steps back.
  setChain(rows: number[]): void {
    this.chain = rows;
    const shown = rows.filter((row) => row >= 0 && row < this.columns.n);
    this.chained = shown.length ? new Uint8Array(this.columns.n) : null;
    for (const row of shown) {
      this.chained![row] = 1;
      this.reveal(row);
    }
    if (shown.length) this.zoomToTrees(shown);
    this.lists = null;
    this.version++;
  }

  // The time in which the trees ran that some rows stand in.
  private zoomToTrees(rows: number[]): void {
    const roots = rows.map((row) => this.pathTo(row)[0] ?? row).filter((root) => !Number.isNaN(this.columns.start[root]));
    if (roots.length) this.window = windowAround(Math.min(...roots.map((root) => this.columns.start[root])), Math.max(...roots.map((root) => this.last[root])), this.limits);
  }

  emphasis(): Uint8Array | null {
    if (this.hits) return this.hits.rows;
    if (this.chained) return this.chained;
    return this.onlyCritical ? (this.critical ??= this.columns.flags.reduce((rows, flags, row) => ((rows[row] = flags & FLAG.critical ? 1 : 0), rows), new Uint8Array(this.columns.n))) : this.highlight;
  }

  // Is its parent the work of another agent?
  isHandoff(row: number): boolean {
    const { agents } = this;
    const above = this.shape.parent[row];
    return above >= 0 && agents[row] !== agents[above] && agents[row] !== 0 && agents[above] !== 0;
  }

  handoffs(): Int32Array {
    const { shape, scope } = this;
    if (this.handed) return this.handed;
    const rows: number[] = [];
    for (let row = scope.from; row < scope.to; row++) if (!shape.hidden[row] && this.isHandoff(row)) rows.push(row);
    return (this.handed = Int32Array.from(rows));
  }

  // The stretches in which the agent was in trouble, at the run in which they began or the last one before.
  blockedIn(row: number): BlockedStretch[] {
    if (this.axis !== "time" || !this.header.blocked?.length) return [];
    return (this.blocked ??= this.placeBlocked()).get(row) ?? [];
  }

  private placeBlocked(): Map<number, BlockedStretch[]> {
    const { real, agents, runs, header } = this;
    const placed = new Map<number, BlockedStretch[]>();
    const ofAgent = new Map<string, number[]>();
    for (let row = 0; row < real.n; row++) {
      const name = header.dictionaries.agent[agents[row]];
      if (!runs.has(real.operation[row]) || !name) continue;
      if (!ofAgent.has(name)) ofAgent.set(name, []);
      ofAgent.get(name)!.push(row);
    }
    for (const stretch of header.blocked ?? []) {
      const began = (ofAgent.get(stretch.agent) ?? []).filter((row) => real.start[row] <= stretch.from);
      const row = began.reduce((latest, one) => (latest < 0 || real.start[one] > real.start[latest] ? one : latest), -1);
      if (row >= 0) placed.set(row, [...(placed.get(row) ?? []), stretch]);
    }
    return placed;
  }

  lanes(): Packing {
    return (this.packing ??= packLanes(this.columns, this.shape, this.agents, this.last, this.scope));
  }

  laneLists(): LaneLists {
    return (this.lists ??= listLaneRows(this.columns, this.lanes(), this.emphasis()));
  }

  activity(): Activity {
    return (this.curve ??= measureActivity(this.columns, this.last, this.scope, this.limits, (row) => this.isWeightless(row)));
  }

  zoom(factor: number, at = (this.window.from + this.window.to) / 2): void {
    this.window = zoomAbout(this.window, at, factor, this.limits);
  }

  pan(delta: number): void {
    this.window = panBy(this.window, delta, this.limits);
  }

  zoomTo(row: number): void {
    const start = this.columns.start[row];
    if (Number.isNaN(start)) return;
    this.window = windowAround(start, Math.max(this.last[row], start), this.limits);
  }

  // Pans just far enough that the row's start can be seen.
  panInto(row: number): void {
    const start = this.columns.start[row];
    const end = Math.max(this.last[row], start);
    if (Number.isNaN(start) || (end > this.window.from && start < this.window.to)) return;
    this.pan(start - (this.window.from + (this.window.to - this.window.from) * 0.2));
  }

  pathTo(row: number): number[] {
    const path: number[] = [];
    for (let above = this.shape.parent[row]; above >= 0; above = this.shape.parent[above]) path.unshift(above);
    return path;
  }

  weightOf(row: number, weight = this.weight): number {
    if (weight === "time") return this.columns.duration[row];
    return weight === "tokens" ? this.sums.tokens[row] : this.sums.cost[row];
  }

  // What a full bar behind a row's number stands for: the largest root on screen.
  weightScale(): number {
    const sums = this.weight === "time" ? this.columns.duration : this.weight === "tokens" ? this.sums.tokens : this.sums.cost;
    let most = 0;
    for (let row = this.scope.from; row < this.scope.to; row = this.columns.end[row]) if (sums[row] > most) most = sums[row];
    return most;
  }
}

const MEANINGS: [number, string][] = [
  [FLAG.critical, "critical path: what the end of the tree waited for"], [FLAG.findingCritical, "critical finding"], [FLAG.findingWarning, "warning"],
  [FLAG.retry, "retry: the same failed before"], [FLAG.unfinished, "unfinished"],
];

function listMarks(columns: Columns): [number, string][] {
  const all = columns.flags.reduce((sum, flags) => sum | flags, 0);
  return MEANINGS.filter(([flag]) => all & flag);
}

function countFailuresBelow(columns: Columns): Int32Array {
  const below = new Int32Array(columns.n);
  for (let row = columns.n - 1; row >= 0; row--) {
    const above = columns.parent[row];
    if (above >= 0) below[above] += below[row] + (isFailure(columns, row) ? 1 : 0);
  }
  return below;
}

function listLaneRows(columns: Columns, packing: Packing, emphasis: Uint8Array | null): LaneLists {
  const lanes = packing.agents.flatMap((agent) => agent.lanes);
  const marks = lanes.map((rows) => rows.filter((row) => isFailure(columns, row) || (columns.flags[row] & FLAG.finding) !== 0));
  const found = marks.map((rows) => rows.filter((row) => (columns.flags[row] & FLAG.finding) !== 0));
  return { marks, matches: emphasis && lanes.map((rows) => rows.filter((row) => emphasis[row] === 1)), found };
}
