// Which rows of the forest are on screen, and what the tree says about each: level, position among siblings, sums.

import { FLAG, STATUS, type Codes, type Columns } from "./columns.ts";

export interface RowRange {
  readonly from: number;
  readonly to: number;
}

// The forest with plumbing folded away (or not). Rows that are hidden hand their children to the nearest shown ancestor.
export interface Shape {
  hidden: Uint8Array;
  parent: Int32Array;
  level: Int32Array;
  position: Int32Array;
  children: Int32Array;
  roots: number;
}

// Plumbing: a span without an operation. Roots, errors and findings always stay in sight.
export function isPlumbing(columns: Columns, row: number): boolean {
  return columns.operation[row] === 0 && columns.parent[row] >= 0 && columns.status[row] !== STATUS.error
    && (columns.flags[row] & FLAG.finding) === 0;
}

export function countPlumbing(columns: Columns): number {
  let count = 0;
  for (let row = 0; row < columns.n; row++) if (isPlumbing(columns, row)) count++;
  return count;
}

export function shapeForest(columns: Columns, foldPlumbing: boolean): Shape {
  const n = columns.n;
  const hidden = new Uint8Array(n);
  const parent = new Int32Array(n);
  const level = new Int32Array(n);
  const position = new Int32Array(n);
  const children = new Int32Array(n);
  let roots = 0;
  for (let row = 0; row < n; row++) {
    let above = columns.parent[row];
    if (above >= 0 && hidden[above]) above = parent[above];
    parent[row] = above;
    if (foldPlumbing && isPlumbing(columns, row)) {
      hidden[row] = 1;
      continue;
    }
    level[row] = above >= 0 ? level[above] + 1 : 0;
    position[row] = above >= 0 ? ++children[above] : ++roots;
  }
  return { hidden, parent, level, position, children, roots };
}

// The rows in sight, in order. A collapsed row skips its whole subtree.
export function listVisible(columns: Columns, shape: Shape, collapsed: Uint8Array, scope: RowRange): Int32Array {
  const rows = new Int32Array(scope.to - scope.from);
  let count = 0;
  for (let row = scope.from; row < scope.to; ) {
    if (shape.hidden[row]) {
      row++;
      continue;
    }
    rows[count++] = row;
    row = collapsed[row] ? columns.end[row] : row + 1;
  }
  return rows.subarray(0, count);
}

// The same with every row's children in the order of `compare`. Only what is open is walked.
export function listSorted(columns: Columns, shape: Shape, collapsed: Uint8Array, scope: RowRange, compare: (a: number, b: number) => number): Int32Array {
  const kin = listChildren(shape, scope);
  const rows = new Int32Array(scope.to - scope.from);
  let count = 0;
  const open = [...kin.roots].sort((a, b) => -compare(a, b));
  while (open.length) {
    const row = open.pop()!;
    rows[count++] = row;
    if (collapsed[row] || columns.end[row] === row + 1) continue;
    open.push(...Array.from(kin.rows.subarray(kin.from[row], kin.from[row + 1])).sort((a, b) => -compare(a, b)));
  }
  return rows.subarray(0, count);
}

// The shown children of every row, one after the other: those of `row` are `rows[from[row]] … rows[from[row + 1] - 1]`.
function listChildren(shape: Shape, scope: RowRange): { from: Int32Array; rows: Int32Array; roots: number[] } {
  const n = shape.parent.length;
  const from = new Int32Array(n + 1);
  const roots: number[] = [];
  for (let row = scope.from; row < scope.to; row++) {
    if (shape.hidden[row]) continue;
    if (shape.parent[row] < scope.from) roots.push(row);
    else from[shape.parent[row] + 1]++;
  }
  for (let row = 0; row < n; row++) from[row + 1] += from[row];
  const rows = new Int32Array(from[n]);
  const next = from.slice();
  for (let row = scope.from; row < scope.to; row++) if (!shape.hidden[row] && shape.parent[row] >= scope.from) rows[next[shape.parent[row]]++] = row;
  return { from, rows, roots };
}

// Collapse everything at `depth` and deeper; Infinity opens all.
export function collapseToDepth(shape: Shape, collapsed: Uint8Array, depth: number): void {
  for (let row = 0; row < collapsed.length; row++) {
    collapsed[row] = shape.children[row] > 0 && shape.level[row] >= depth - 1 ? 1 : 0;
  }
}

export interface Sums {
  tokens: Float64Array;
  // NaN where nothing below has a price.
  cost: Float64Array;
}

// Each row with everything below it. Children stand after their parents, so one walk backwards is enough.
export function sumSubtrees(columns: Columns): Sums {
  const tokens = Float64Array.from(columns.tokens);
  const cost = Float64Array.from(columns.cost);
  for (let row = columns.n - 1; row >= 0; row--) {
    const above = columns.parent[row];
    if (above < 0) continue;
    tokens[above] += tokens[row];
    if (!Number.isNaN(cost[row])) cost[above] = (Number.isNaN(cost[above]) ? 0 : cost[above]) + cost[row];
  }
  return { tokens, cost };
}

// The last moment each span is known to have been alive: its end, or for an unfinished one the last sign from below it.
export function lastSigns(columns: Columns): Float64Array {
  const { n, start, duration, parent } = columns;
  const last = new Float64Array(n);
  // A duration is a 32-bit float: one rounding step shorter keeps back-to-back spans from seeming to overlap.
  for (let row = 0; row < n; row++) last[row] = start[row] + (Number.isNaN(duration[row]) ? 0 : duration[row] * (1 - 1.2e-7));
  for (let row = n - 1; row >= 0; row--) {
    const above = parent[row];
    if (above >= 0 && Number.isNaN(duration[above]) && last[row] > last[above]) last[above] = last[row];
  }
  return last;
}

// When nothing ran below a row while it ran: [from, to] pairs. Stretches shorter than a fiftieth of the row are left out.
export function listIdle(columns: Columns, last: Float64Array, row: number): [number, number][] {
  const [start, end] = [columns.start[row], last[row]];
  if (Number.isNaN(start) || !(end > start)) return [];
  const least = (end - start) / 50;
  const ran: [number, number][] = [];
  for (let child = row + 1; child < columns.end[row]; child = columns.end[child]) {
    if (!Number.isNaN(columns.start[child])) ran.push([columns.start[child], last[child]]);
  }
  if (ran.length === 0) return [];
  ran.sort((a, b) => a[0] - b[0]);
  const idle: [number, number][] = [];
  let free = start;
  for (const [from, to] of [...ran, [end, end]]) {
    if (from - free >= least) idle.push([free, from]);
    free = Math.max(free, to);
  }
  return idle;
}

// First start and last sign among `scope`; null when no row has a time.
export function extentOf(columns: Columns, last: Float64Array, scope: RowRange): { from: number; to: number } | null {
  let from = Infinity;
  let to = -Infinity;
  for (let row = scope.from; row < scope.to; row++) {
    if (columns.start[row] < from) from = columns.start[row];
    if (last[row] > to) to = last[row];
  }
  if (from === Infinity) return null;
  return { from, to: to > from ? to : from + 1 };
}

// The agent at work in each row: its own, or the nearest one above it.
export function inheritAgents(columns: Columns): Codes {
  const agents = columns.agent.slice();
  for (let row = 0; row < columns.n; row++) {
    if (agents[row] === 0 && columns.parent[row] >= 0) agents[row] = agents[columns.parent[row]];
  }
  return agents;
}
