// Agent lanes: each agent's spans packed into as few lanes as the rule allows, so that no two in one lane overlap and
// a span always lies below its parent of the same agent.

import type { Codes, Columns } from "./columns.ts";
import type { RowRange, Shape } from "./forest.ts";

export interface AgentLanes {
  agent: number;
  // The rows of each lane, by start.
  lanes: Int32Array[];
  spans: number;
  // The lane number of the first lane, counted over all agents.
  top: number;
}

export interface Packing {
  agents: AgentLanes[];
  // Lane of each row, counted over all agents; -1 when the row is not shown.
  laneOf: Int32Array;
  count: number;
  untimed: number;
}

// When each lane of one agent becomes free, as a segment tree over minima.
class FreeTimes {
  private size = 1;
  private free = new Float64Array(2).fill(-Infinity);

  // The leftmost lane from `least` on that is free at `start`.
  find(least: number, start: number): number {
    while (least >= this.size) this.grow();
    const lane = this.search(1, 0, this.size, least, start);
    if (lane >= 0) return lane;
    this.grow();
    return this.find(least, start);
  }

  take(lane: number, until: number): void {
    let node = this.size + lane;
    this.free[node] = until;
    for (node >>= 1; node >= 1; node >>= 1) this.free[node] = Math.min(this.free[2 * node], this.free[2 * node + 1]);
  }

  private search(node: number, low: number, high: number, least: number, start: number): number {
    if (high <= least || this.free[node] > start) return -1;
    if (high - low === 1) return low;
    const middle = (low + high) >> 1;
    const left = this.search(2 * node, low, middle, least, start);
    return left >= 0 ? left : this.search(2 * node + 1, middle, high, least, start);
  }

  private grow(): void {
    const old = this.free.slice(this.size);
    this.size *= 2;
    this.free = new Float64Array(2 * this.size).fill(-Infinity);
    old.forEach((until, lane) => this.take(lane, until));
  }
}

// Shown rows with a time, by start; parents before children where they start together.
function sortRows(columns: Columns, shape: Shape, scope: RowRange): Int32Array {
  const rows = new Int32Array(scope.to - scope.from);
  let count = 0;
  let sorted = true;
  let previous = -Infinity;
  for (let row = scope.from; row < scope.to; row++) {
    const start = columns.start[row];
    if (shape.hidden[row] || Number.isNaN(start)) continue;
    rows[count++] = row;
    if (start < previous) sorted = false;
    previous = start;
  }
  const shown = rows.subarray(0, count);
  const { start } = columns;
  return sorted ? shown : shown.sort((a, b) => start[a] - start[b] || a - b);
}

interface OneAgent {
  free: FreeTimes;
  lanes: number[][];
  spans: number;
}

export function packLanes(columns: Columns, shape: Shape, agents: Codes, last: Float64Array, scope: RowRange): Packing {
  const rows = sortRows(columns, shape, scope);
  const local = new Int32Array(columns.n).fill(-1);
  const byAgent = new Map<number, OneAgent>();
  for (const row of rows) {
    let one = byAgent.get(agents[row]);
    if (!one) byAgent.set(agents[row], (one = { free: new FreeTimes(), lanes: [], spans: 0 }));
    const above = shape.parent[row];
    const least = above >= 0 && agents[above] === agents[row] ? local[above] + 1 : 0;
    const lane = one.free.find(least, columns.start[row]);
    one.free.take(lane, Math.max(last[row], columns.start[row]));
    while (one.lanes.length <= lane) one.lanes.push([]);
    one.lanes[lane].push(row);
    one.spans++;
    local[row] = lane;
  }
  return stackAgents(byAgent, local, countShown(shape, scope) - rows.length);
}

function countShown(shape: Shape, scope: RowRange): number {
  let count = 0;
  for (let row = scope.from; row < scope.to; row++) count += shape.hidden[row] ? 0 : 1;
  return count;
}

// Agents in order of first appearance, rows without an agent last.
function stackAgents(byAgent: Map<number, OneAgent>, local: Int32Array, untimed: number): Packing {
  const agents: AgentLanes[] = [];
  let top = 0;
  for (const [agent, one] of [...byAgent].sort(([a], [b]) => Number(a === 0) - Number(b === 0))) {
    const lanes = one.lanes.map((rows) => Int32Array.from(rows));
    lanes.forEach((rows) => rows.forEach((row) => (local[row] += top)));
    agents.push({ agent, lanes, spans: one.spans, top });
    top += lanes.length;
  }
  return { agents, laneOf: local, count: top, untimed };
}

// The first index in `rows` (sorted by start, not overlapping) that is still running at `time` or starts after it.
export function firstRunningAt(rows: Int32Array, start: Float64Array, last: Float64Array, time: number): number {
  const at = firstStartingAt(rows, start, time);
  return at > 0 && last[rows[at - 1]] >= time ? at - 1 : at;
}

// The first index from `low` on that starts at `time` or later. It is looked for in strides that double, for most often it is near.
export function firstStartingAt(rows: Int32Array, start: Float64Array, time: number, low = 0): number {
  const starts = startsOf(rows, start);
  let stride = 1;
  while (low + stride < starts.length && starts[low + stride] < time) {
    low += stride;
    stride *= 2;
  }
  let high = Math.min(low + stride, starts.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The starts of a list of rows side by side in memory: among a million rows, looking them up one by one is what takes the time.
const gathered = new WeakMap<Int32Array, { start: Float64Array; starts: Float64Array }>();

function startsOf(rows: Int32Array, start: Float64Array): Float64Array {
  const known = gathered.get(rows);
  if (known?.start === start) return known.starts;
  const starts = Float64Array.from(rows, (row) => start[row]);
  gathered.set(rows, { start, starts });
  return starts;
}
